import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type ProbeSpec, probe } from '../../harness/model/network-service.js';

/** A real HTTP server on loopback that a test can make fail as it likes. */
export class TestServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** How many requests came, and which. */
  readonly urls: string[] = [];
  answer: (request: IncomingMessage, response: ServerResponse) => void = (request, response) => {
    response.end(`state of ${request.url?.split('/').at(-1)}`);
  };

  private constructor() {
    this.#server = createServer((request, response) => {
      this.urls.push(request.url ?? '');
      this.answer(request, response);
    });
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(): Promise<TestServer> {
    const server = new TestServer();
    await server.listen(0);
    return server;
  }

  #port = 0;

  get port(): number {
    return this.#port;
  }

  get base(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  listen(port = this.#port): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', 1024, () => {
        this.#port = (this.#server.address() as AddressInfo).port;
        resolve();
      });
    });
  }

  /** As a crash does: the port is closed and every connection reset. */
  crash(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Patient, as the machine that runs the tests may be busy. */
export const httpProbe = (id: string, more: Record<string, unknown> = {}): ProbeSpec =>
  probe.parse({ id, kind: 'http', connectionPoint: 'gw.web', url: '{base}/sessions/{key}', timeoutMs: 5000, ...more });

export const resolveTo = (server: { readonly base: string }) => () => server.base;
