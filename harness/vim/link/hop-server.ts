import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { reasonOf } from '../../util/errors.js';

/** The side of the process that holds the fault: it listens on a unix socket. */
export function serve(path: string, take: (socket: Socket) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      take(socket);
    });
    server.once('error', reject);
    server.listen(path, () => resolve(server));
  });
}

/** One request a line; each is answered with one line of JSON, a failure with `error`. */
export function answerLines(socket: Socket, answer: (line: string) => Promise<object>): void {
  const lines = createInterface({ input: socket });
  lines.on('error', () => socket.destroy());
  lines.on('line', async (line) => {
    const said = await answer(line).catch((e: unknown) => ({ error: reasonOf(e) }));
    socket.write(`${JSON.stringify(said)}\n`);
  });
}
