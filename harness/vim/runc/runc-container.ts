import { readFile, stat } from 'node:fs/promises';
import { cpus as cpusOfMachine, totalmem } from 'node:os';
import { until } from '../../util/deadline.js';
import { errnoOf, OrdealError } from '../../util/errors.js';
import type { OciContainer } from '../oci/engine.js';
import { isComing } from './lazy-pages.js';
import type { ContainerRecord, RuncFolder } from './runc-folder.js';

/** How it ended is written a moment after it has. */
const EXIT_CODE_MS = 2000;
const UNKNOWN_EXIT = -1;

export async function seen(folder: RuncFolder, record: ContainerRecord): Promise<OciContainer> {
  const { id, name, labels, spec, volumes, networks } = record;
  const files = folder.container(id);
  const pid = await pidOf(folder, id);
  const startedAt = await writtenAt(files.pid);
  const exit = await readOrNothing(files.exitCode);
  return {
    id,
    name,
    status: pid > 0 ? 'running' : startedAt === undefined ? 'created' : 'stopped',
    isPaused: false,
    pid,
    exitCode: exit === '' ? UNKNOWN_EXIT : Number(exit),
    labels,
    ...(pid > 0 && startedAt !== undefined ? { startedAt } : {}),
    layer: files.layer,
    volumes: Object.entries(volumes).map(([destination, volume]) => ({
      destination,
      source: folder.volume(volume),
      name: volume,
    })),
    networks,
    memoryBytes: spec.memoryBytes ?? totalmem(),
    vcpus: spec.cpus ?? cpusOfMachine().length,
    blockers: (await isComing(files.bundle))
      ? ['its memory is still coming back from a snapshot; try again in a moment']
      : [],
    restartPolicy: 'no',
    image: spec.image,
    spec,
  };
}

/** Of its first process; 0 when it has ended. The control group tells it from one that has got its number since. */
export async function pidOf(folder: RuncFolder, id: string): Promise<number> {
  const pid = Number(await readOrNothing(folder.container(id).pid));
  if (pid === 0) return 0;
  const [cgroup, status] = await Promise.all([
    readOrNothing(`/proc/${pid}/cgroup`),
    readOrNothing(`/proc/${pid}/status`),
  ]);
  // What was created and never started is runc itself, waiting.
  const isRunning = !/^State:\s+[ZX]|^Name:\trunc:\[/m.test(status);
  return cgroup.includes(`/${id}\n`) && isRunning ? pid : 0;
}

/** Prerequisite: it has ended. Who would have written how may have been killed too: then it is not known. */
export async function exitWritten(folder: RuncFolder, id: string): Promise<void> {
  const { exitCode } = folder.container(id);
  const isWritten = async () => (await readOrNothing(exitCode)) !== '';
  await until('Its exit code is written', isWritten, { withinMs: EXIT_CODE_MS, everyMs: 2 }).catch((e: unknown) => {
    if (!(e instanceof OrdealError && e.kind === 'timeout')) throw e;
  });
}

/** What is not there, or is a process that has just gone, has no text. */
export async function readOrNothing(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((e: unknown) => {
    if (errnoOf(e) === 'ENOENT' || errnoOf(e) === 'ESRCH') return '';
    throw e;
  });
}

async function writtenAt(file: string): Promise<string | undefined> {
  try {
    return (await stat(file)).mtime.toISOString();
  } catch (e) {
    if (errnoOf(e) === 'ENOENT') return undefined;
    throw e;
  }
}
