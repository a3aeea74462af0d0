import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Abort } from './prober.js';

/** After its answer a socket is silent for so long before it is used again: a copy that a network makes comes within it. */
const restMs = 1000;

export interface UdpTaker {
  answered(datagram: Buffer): void;
  failed(error: Error): void;
}

/**
 * Sockets that are connected to one peer, one request at a time on each: so an answer belongs to its request, whatever it
 * says, and a port that nobody listens on is refused at once (ICMP). Making and closing one costs several times a request.
 */
export class UdpSockets {
  /** In the order in which their rest ends. */
  readonly #resting: { readonly line: Line; readonly untilMs: number }[] = [];
  readonly #busy = new Set<Line>();
  #isRetired = false;

  constructor(
    private readonly host: string,
    private readonly port: number,
  ) {}

  /** @returns how to give it up; not to be called once it was answered or has failed */
  send(payload: string, taker: UdpTaker): Abort {
    const line = this.#rested() ?? new Line(this.host, this.port);
    this.#busy.add(line);
    line.ask(payload, {
      answered: (datagram) => {
        this.#rest(line);
        taker.answered(datagram);
      },
      failed: (error) => {
        this.#leave(line);
        taker.failed(error);
      },
    });
    // Its answer may still come, however late, so it answers for no other request.
    return () => this.#leave(line);
  }

  /** No request comes any more; what is under way may still be answered. */
  retire(): void {
    this.#isRetired = true;
    for (const { line } of this.#resting.splice(0)) line.close();
  }

  close(): void {
    this.retire();
    for (const line of [...this.#busy]) this.#leave(line);
  }

  #rested(): Line | undefined {
    const [first] = this.#resting;
    if (first === undefined || first.untilMs > performance.now()) return undefined;
    this.#resting.shift();
    // One that was told meanwhile that nobody listens is of no use.
    if (first.line.isOpen) return first.line;
    return this.#rested();
  }

  #rest(line: Line): void {
    this.#busy.delete(line);
    if (this.#isRetired) line.close();
    else this.#resting.push({ line, untilMs: performance.now() + restMs });
  }

  #leave(line: Line): void {
    this.#busy.delete(line);
    line.close();
  }
}

/** One connected socket. */
class Line {
  readonly #socket: Socket;
  #isConnected = false;
  #isOpen = true;
  #payload = '';
  #taker: UdpTaker | undefined;

  constructor(host: string, port: number) {
    this.#socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    this.#socket.on('error', (e) => this.#fail(e));
    this.#socket.on('message', (datagram) => this.#take()?.answered(datagram));
    // As an event: a callback would be given the error instead, and the event would not come.
    this.#socket.once('connect', () => {
      this.#isConnected = true;
      this.#send();
    });
    this.#socket.connect(port, host);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  ask(payload: string, taker: UdpTaker): void {
    this.#payload = payload;
    this.#taker = taker;
    if (this.#isConnected) this.#send();
  }

  /** Nobody is told any more. Idempotent. */
  close(): void {
    this.#taker = undefined;
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#socket.close();
  }

  #send(): void {
    if (this.#isOpen && this.#taker !== undefined) this.#socket.send(this.#payload, (e) => e && this.#fail(e));
  }

  #take(): UdpTaker | undefined {
    const taker = this.#taker;
    this.#taker = undefined;
    return taker;
  }

  #fail(error: Error): void {
    const taker = this.#take();
    this.close();
    taker?.failed(error);
  }
}
