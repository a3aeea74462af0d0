import { readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { z } from 'zod';
import { reasonOf } from '../../util/errors.js';

/**
 * The program of such a process: its only argument is the file with its plan, and why it did not start is beside that.
 * @param listen answers when it is ready for frames, before it is asked for anything
 * @param answer to one line on the control socket
 */
export async function runHop<P extends { readonly control: string }, H>(
  plan: z.ZodType<P>,
  listen: (plan: P) => Promise<H>,
  answer: (hop: H, line: string) => Promise<object>,
): Promise<void> {
  const [, , file = ''] = process.argv;
  try {
    const told = plan.parse(JSON.parse(await readFile(file, 'utf8')));
    await rm(told.control, { force: true });
    const hop = await listen(told);
    await serve(told.control, (socket) => answerLines(socket, (line) => answer(hop, line)));
  } catch (e) {
    await writeFile(`${file}.error`, reasonOf(e));
    process.exitCode = 1;
  }
}

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
