import { chmod, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically } from '../../../util/atomic-file.js';
import { asError, OrdealError, reasonOf } from '../../../util/errors.js';
import { type HostFile, protocolVersion } from '../protocol.js';
import { handlersFor } from './handlers.js';
import { LogFile } from './log-file.js';
import { serveClients } from './rpc-server.js';

/**
 * The host process of one network service: `main.js <service id> <folder> <socket>`. It outlives the harness. It
 * ends when it is told to, when the service could not be instantiated, when nobody ever asked for one, or when the file
 * that tells where it is was removed: nobody can find it again then.
 */
const [, , serviceId, folder, socket] = process.argv;
if (serviceId === undefined || folder === undefined || socket === undefined) {
  process.stderr.write('usage: main.js <service id> <folder> <socket>\n');
  process.exit(2);
}
/** How long a host without a service waits for somebody to ask for one. */
const orphanMs = 15_000;
/** How often a host looks whether it can still be found. */
const foundLookMs = 5000;

const log = new LogFile(join(folder, 'host.log'));
const hostFile = join(folder, 'host.json');
// Neither a VNFC's fault nor a client's may end the service: what nobody expected is written down.
process.on('uncaughtException', (e) => log.line(3, `uncaught: ${e.stack ?? e.message}`));
process.on('unhandledRejection', (e) => log.line(3, `unhandled: ${asError(e).stack ?? reasonOf(e)}`));

let clients = 0;
let orphan: NodeJS.Timeout | undefined;
const host = handlersFor(
  serviceId,
  (text) => log.line(2, text),
  (reason) => void end(reason),
);

async function end(reason: string): Promise<void> {
  log.line(1, `ending: ${reason}`);
  const forced = setTimeout(() => process.exit(1), 5000);
  forced.unref();
  try {
    await host.close();
    await rm(hostFile, { force: true });
    await rm(socket as string, { force: true });
    await log.flush();
  } finally {
    process.exit(0);
  }
}

function watchForOrphanhood(): void {
  clearTimeout(orphan);
  if (host.isServing()) return;
  if (clients === 0)
    orphan = setTimeout(() => host.isServing() || void end('no service, and nobody asks for one'), orphanMs);
}

function watchHostFile(): void {
  const look = setInterval(() => {
    stat(hostFile).catch((e: NodeJS.ErrnoException) => {
      // A disk that does not answer is no removal.
      if (e.code !== 'ENOENT') return;
      clearInterval(look);
      void end('its file was removed');
    });
  }, foundLookMs);
  look.unref();
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void end(signal));
process.on('SIGHUP', () => log.line(1, 'SIGHUP: the terminal went; the service goes on'));

try {
  await serveClients(
    socket,
    host.handlers,
    (text) => log.line(2, text),
    (count) => {
      clients = count;
      if (count === 0 && host.isInstantiating()) void end('its client left before the service was up');
      watchForOrphanhood();
    },
  );
  await chmod(socket, 0o600);
  const file: HostFile = {
    version: protocolVersion,
    pid: process.pid,
    socket,
    startedAt: new Date().toISOString(),
  };
  await writeAtomically(hostFile, JSON.stringify(file));
  watchHostFile();
  log.line(1, `host of "${serviceId}" is up: pid ${process.pid}, Node.js ${process.version}`);
  watchForOrphanhood();
} catch (e) {
  const error = new OrdealError('vim-failed', 'The embedded VIM cannot start its host', { cause: e });
  log.line(3, error.message);
  await log.flush();
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
