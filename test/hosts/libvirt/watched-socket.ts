import { rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { sleep } from '../../../harness/util/deadline.js';
import { Deframer, MessageType } from '../../../harness/vim/libvirt/rpc/framing.js';
import type { Procedure } from '../../../harness/vim/libvirt/rpc/index.js';

interface Awaited {
  readonly program: number;
  readonly number: number;
  readonly passed: (client: Socket) => void;
}

/** Stands before libvirt's socket, lets everything through, and sees which call it is: something can happen in its middle. */
export class WatchedSocket implements AsyncDisposable {
  readonly #sockets = new Set<Socket>();
  #awaited: Awaited | undefined;

  private constructor(
    readonly server: Server,
    readonly path: string,
    readonly target: string,
  ) {}

  static async start(target: string, path: string): Promise<WatchedSocket> {
    const server = createServer();
    const watched = new WatchedSocket(server, path, target);
    server.on('connection', (socket) => watched.#relay(socket));
    await new Promise<void>((resolve) => server.listen(path, resolve));
    return watched;
  }

  get uri(): string {
    return `qemu+unix:///system?socket=${this.path}`;
  }

  /** So many milliseconds after the next such call has gone to libvirt; the calls that follow it wait until it has happened. */
  async inTheMiddleOf<A, R>({ program, number }: Procedure<A, R>, afterMs: number, act: () => Promise<void> | void) {
    const client = await new Promise<Socket>((passed) => {
      this.#awaited = { program, number, passed };
    });
    await sleep(afterMs);
    await act();
    client.resume();
  }

  /** The connections end; new ones are let through. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  #relay(client: Socket): void {
    const daemon = connect(this.target);
    const calls = new Deframer();
    client.on('data', (piece: Buffer) => {
      for (const { header } of calls.push(Buffer.from(piece))) {
        const { program, procedure, type } = header;
        if (type !== MessageType.call || this.#awaited === undefined) continue;
        if (program !== this.#awaited.program || procedure !== this.#awaited.number) continue;
        client.pause();
        this.#awaited.passed(client);
        this.#awaited = undefined;
      }
    });
    client.pipe(daemon);
    daemon.pipe(client);
    for (const [socket, other] of [
      [client, daemon],
      [daemon, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
    await rm(this.path, { force: true });
  }
}
