import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { sleep } from '../../harness/util/deadline.js';
import type { Planted, Truth } from './planted.js';

/** Servers that answer and fail on a timetable, in a thread of their own; they tell when they really did. */

class FailingServer {
  readonly #sockets = new Set<Socket>();
  #failing: Planted['how'] | undefined;
  #server = this.#make();
  #port = 0;

  #make(): Server {
    const server = createServer((_, response) => {
      if (this.#failing === undefined) response.end('ok');
      else if (this.#failing === 'error') response.writeHead(503).end();
      else if (this.#failing === 'reset') response.socket?.resetAndDestroy();
      // silent: it never answers
    });
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    return server;
  }

  listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#port, '127.0.0.1', 1024, () => {
        this.#port = (this.#server.address() as AddressInfo).port;
        resolve(this.#port);
      });
    });
  }

  async plant({ lengthMs, how }: Planted): Promise<Truth> {
    const startNs = process.hrtime.bigint();
    this.#failing = how;
    if (how === 'crash') this.#crash();
    await sleep(lengthMs);
    if (how === 'crash') {
      this.#server = this.#make();
      await this.listen();
    }
    this.#failing = undefined;
    return { how, startNs, endNs: process.hrtime.bigint() };
  }

  #crash(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }
}

const timetables = workerData as readonly (readonly Planted[])[];
const servers = timetables.map(() => new FailingServer());
const ports = await Promise.all(servers.map((s) => s.listen()));
parentPort?.once('message', async () => {
  const truths = await Promise.all(
    timetables.map(async (timetable, i) => {
      const told: Truth[] = [];
      for (const planted of timetable) {
        await sleep(planted.afterMs);
        told.push(await (servers[i] as FailingServer).plant(planted));
      }
      return told;
    }),
  );
  parentPort?.postMessage(truths);
});
parentPort?.postMessage(ports);
