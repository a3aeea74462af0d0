import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstat, mkdir, open, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sleep, until } from '../../util/deadline.js';
import { errnoOf, OrdealError } from '../../util/errors.js';
import { HostConnection, unreachable } from './connection.js';
import { type HostFile, protocolVersion } from './protocol.js';

const hostEntry = fileURLToPath(new URL('./host/main.js', import.meta.url));
const startDeadlineMs = 15_000;

export const serviceFolder = (stateFolder: string, serviceId: string): string =>
  join(stateFolder, 'embedded', serviceId);

const hostFileOf = (folder: string): string => join(folder, 'host.json');

async function readHostFile(folder: string): Promise<HostFile | undefined> {
  try {
    return JSON.parse(await readFile(hostFileOf(folder), 'utf8')) as HostFile;
  } catch (e) {
    if (errnoOf(e) === 'ENOENT') return undefined;
    throw new OrdealError('vim-failed', 'The file that tells where the host is cannot be read', {
      where: hostFileOf(folder),
      cause: e,
    });
  }
}

/** Attaches to the host that runs the service. @throws OrdealError of kind vim-unreachable */
export async function attach(stateFolder: string, serviceId: string): Promise<HostConnection> {
  const file = await readHostFile(serviceFolder(stateFolder, serviceId));
  if (file === undefined) throw unreachable(serviceId, 'it was not started, or it was terminated');
  if (!isAlive(file.pid)) throw unreachable(serviceId, `its host, process ${file.pid}, is gone`);
  const connection = await HostConnection.open(file.socket, serviceId);
  const hello = await connection.call('hello', {});
  if (hello.version !== protocolVersion) {
    connection.close();
    throw new OrdealError('vim-failed', `The host of service "${serviceId}" is of another version of Ordeal`, {
      expected: `protocol ${protocolVersion}`,
      got: `${hello.version}`,
      remedy: `Terminate it with the version that started it, or end process ${file.pid}.`,
    });
  }
  return connection;
}

/** True when no host of the service can be running; a host that merely does not answer is not gone. */
export async function hostIsGone(stateFolder: string, serviceId: string): Promise<boolean> {
  const file = await readHostFile(serviceFolder(stateFolder, serviceId));
  return file === undefined || !isAlive(file.pid);
}

/** Starts a host, which has no service yet. @throws OrdealError of kind busy when one runs, vim-failed */
export async function launch(stateFolder: string, serviceId: string): Promise<HostConnection> {
  const folder = serviceFolder(stateFolder, serviceId);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const running = await attach(stateFolder, serviceId).catch((e) => {
    if (e instanceof OrdealError && e.kind === 'vim-unreachable') return undefined;
    throw e;
  });
  if (running !== undefined) {
    running.close();
    throw new OrdealError('busy', `Service "${serviceId}" runs already`, { remedy: 'Use it, or terminate it first.' });
  }
  const socket = await socketPath(folder);
  await rm(hostFileOf(folder), { force: true });
  await rm(socket, { force: true });
  const log = await open(join(folder, 'host.stderr'), 'w', 0o600);
  let exited: string | undefined;
  try {
    const { NODE_OPTIONS: _, NODE_CHANNEL_FD: __, ...env } = process.env;
    const child = spawn(process.execPath, ['--expose-gc', hostEntry, serviceId, folder, socket], {
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      env,
    });
    child.on('error', (e) => {
      exited = e.message;
    });
    child.on('exit', (code, signal) => {
      exited = `it ended with ${signal ?? `code ${code}`}`;
    });
    child.unref();
    await until(
      `The host of service "${serviceId}" coming up`,
      async () => {
        if (exited !== undefined) {
          throw new OrdealError('vim-failed', `The host of service "${serviceId}" did not start: ${exited}`, {
            where: join(folder, 'host.stderr'),
            got: (await readFile(join(folder, 'host.stderr'), 'utf8')).trim() || 'no message',
          });
        }
        return (await readHostFile(folder)) !== undefined;
      },
      { withinMs: startDeadlineMs, everyMs: 10 },
    );
  } finally {
    await log.close();
  }
  return attach(stateFolder, serviceId);
}

/** Ends the host: graceful, then forced by its pid. Idempotent. */
export async function shutDown(stateFolder: string, serviceId: string): Promise<void> {
  const folder = serviceFolder(stateFolder, serviceId);
  const file = await readHostFile(folder);
  if (file === undefined) return;
  let known = false;
  try {
    const connection = await attach(stateFolder, serviceId);
    known = true;
    await connection.call('terminate', {}, 3000);
    connection.close();
    for (let i = 0; i < 300 && isAlive(file.pid); i++) await sleep(20);
  } catch (e) {
    if (!(e instanceof OrdealError) || !['vim-unreachable', 'timeout'].includes(e.kind)) throw e;
  }
  // Force only what answered as our host, or still holds our socket: a pid may have been given to somebody else.
  if (isAlive(file.pid) && (known || (await holdsSocket(file)))) process.kill(file.pid, 'SIGKILL');
  await rm(file.socket, { force: true });
  await rm(hostFileOf(folder), { force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (e) {
    return errnoOf(e) === 'EPERM';
  }
}

async function holdsSocket(file: HostFile): Promise<boolean> {
  try {
    const command = await readFile(`/proc/${file.pid}/cmdline`, 'utf8');
    return command.includes(file.socket);
  } catch {
    // No /proc on this system: without proof it is left alone.
    return false;
  }
}

/** A path of a socket may have about 100 bytes, which a state folder may well exceed. */
async function socketPath(folder: string): Promise<string> {
  // Not of os.userInfo: in a container the user needs no entry in a list of users.
  const uid = process.getuid?.() ?? -1;
  const parent = join(tmpdir(), `ordeal-${uid}`);
  await mkdir(parent, { recursive: true, mode: 0o700 });
  const found = await lstat(parent);
  if (!found.isDirectory() || (uid >= 0 && (found.uid !== uid || (found.mode & 0o077) !== 0))) {
    throw new OrdealError('vim-failed', 'The folder for sockets is not a folder of this user alone', {
      where: parent,
      remedy: 'Remove it, or set TMPDIR to another folder.',
    });
  }
  const name = createHash('sha256')
    .update(await realpath(folder))
    .digest('hex')
    .slice(0, 16);
  return join(parent, `${name}.sock`);
}
