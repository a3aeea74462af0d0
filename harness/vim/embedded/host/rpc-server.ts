import { createServer, type Server } from 'node:net';
import {
  createMessageConnection,
  type MessageConnection,
  ResponseError,
  SocketMessageReader,
  SocketMessageWriter,
} from 'vscode-jsonrpc/node';
import { withDeadline } from '../../../util/deadline.js';
import { asError, OrdealError } from '../../../util/errors.js';
import {
  type Asked,
  type ClientHandle,
  type HostHandlers,
  type HostMethod,
  harmful,
  staleAfterMs,
} from '../protocol.js';
import { monotonicMs } from './control.js';

const applicationError = -32_000;

/** Any answer is a sign of life, also that it knows no such request: a client need not know of this. */
function answers(rpc: MessageConnection, withinMs: number): Promise<boolean> {
  const asked = rpc.sendRequest('alive').catch((e: unknown) => {
    if (!(e instanceof ResponseError)) throw e;
  });
  return withDeadline(withinMs, 'A sign of life of the client', () => asked).then(
    () => true,
    () => false,
  );
}

/** Serves the handlers to every client that connects; a bad request harms nobody but itself. */
export async function serveClients(
  socket: string,
  handlers: HostHandlers,
  log: (text: string) => void,
  clientsChanged: (count: number) => void,
): Promise<Server> {
  let clients = 0;
  const server = createServer((stream) => {
    const rpc = createMessageConnection(new SocketMessageReader(stream), new SocketMessageWriter(stream));
    const goodbye: (() => void)[] = [];
    let open = true;
    // What was begun for a client that has gone in the meantime is over at once.
    const client: ClientHandle = {
      onGone: (work) => (open ? void goodbye.push(work) : work()),
      answers: async (withinMs) => open && (await answers(rpc, withinMs)) && open,
    };
    stream.on('error', (e) => log(`client: ${e.message}`));
    rpc.onError(([e]) => log(`client: ${e.message}`));
    clientsChanged(++clients);
    rpc.onClose(() => {
      if (!open) return;
      open = false;
      for (const work of goodbye) work();
      clientsChanged(--clients);
      rpc.dispose();
    });
    for (const method of Object.keys(handlers) as HostMethod[]) {
      rpc.onRequest(method, async (params: unknown) => {
        try {
          if (harmful.has(method)) refuseLate(method, params as Asked | null);
          const handler = handlers[method] as (params: unknown, client: ClientHandle) => unknown;
          return (await handler(params ?? {}, client)) ?? null;
        } catch (e) {
          const error = e instanceof OrdealError ? e : new OrdealError('internal', `${method} failed`, { cause: e });
          if (!(e instanceof OrdealError)) log(`${method}: ${asError(e).stack}`);
          return new ResponseError(applicationError, error.message, error.toJSON());
        }
      });
    }
    rpc.listen();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(socket, resolve);
  });
  server.on('error', (e) => log(`server: ${e.message}`));
  return server;
}

/** By the clock that the processes of a machine share (CLOCK_MONOTONIC). */
function refuseLate(method: string, asked: Asked | null): void {
  const nowMs = monotonicMs();
  const ageMs = nowMs - (asked?.askedAtMs ?? nowMs);
  if (ageMs <= staleAfterMs) return;
  throw new OrdealError('too-late', `The request "${method}" came too late and was not carried out`, {
    expected: `within ${staleAfterMs} ms`,
    got: `${Math.round(ageMs)} ms after it was made`,
    remedy: 'Who made it, or the host, stood still meanwhile; others may have given the service back.',
  });
}
