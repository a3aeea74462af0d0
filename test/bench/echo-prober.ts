import { connect, type Socket } from 'node:net';
import { sleep, until } from '../../harness/util/deadline.js';

/** Says a word every few milliseconds on one connection and hears it back: the longest silence is what a client would see. */
export class EchoProber {
  #last = performance.now();
  #worst = 0;
  #heard = 0;
  #said = 0;
  readonly #timer: NodeJS.Timeout;

  private constructor(
    readonly socket: Socket,
    everyMs: number,
  ) {
    socket.on('data', (piece) => {
      const now = performance.now();
      this.#worst = Math.max(this.#worst, now - this.#last);
      this.#last = now;
      this.#heard += piece.length;
    });
    // Ended by the guest's end, on purpose or not: then it hears nothing any more.
    socket.on('error', () => socket.destroy());
    this.#timer = setInterval(() => {
      if (!socket.writable) return;
      socket.write('.');
      this.#said++;
    }, everyMs);
  }

  static async start(url: string, everyMs = 10): Promise<EchoProber> {
    const prober = new EchoProber(await echo(url, 5000), everyMs);
    await sleep(300);
    prober.#worst = 0;
    return prober;
  }

  /** Waits until all is heard that was said. @returns milliseconds of the longest silence */
  async stop(): Promise<number> {
    const said = this.#said;
    await until('the guest answers again', () => this.#heard >= said, { withinMs: 60_000 });
    clearInterval(this.#timer);
    this.socket.destroy();
    return this.#worst;
  }
}

/** A connection on which the guest has answered. @throws when it does not within `withinMs` */
export function echo(url: string, withinMs: number): Promise<Socket> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    const fail = (e: Error) => {
      clearTimeout(timer);
      socket.destroy();
      reject(e);
    };
    const timer = setTimeout(() => fail(new Error('the guest does not answer')), withinMs);
    socket.once('error', fail);
    socket.once('close', () => fail(new Error('the connection was closed')));
    socket.once('connect', () => socket.write('?'));
    socket.once('data', () => {
      clearTimeout(timer);
      socket.removeAllListeners();
      resolve(socket);
    });
  });
}
