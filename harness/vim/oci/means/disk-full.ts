import { createHash } from 'node:crypto';
import { open, readFile, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { type FaultReading, faultParams, type Injection } from '../../../model/fault.js';
import { errnoOf, OrdealError } from '../../../util/errors.js';
import { validate } from '../../../util/validate.js';
import type { Containers, Seen } from '../containers.js';
import type { Before, Means } from './means.js';

/** A tmpfs without a size of its own takes half of the machine's memory: that is not the container's to fill. */
const MOST_BYTES = 2 ** 30;
const PIECE = Buffer.alloc(64 * 1024);
/** What a file system keeps back for itself once it says that it is full. */
const SLACK_BYTES = 256 * 1024;

/**
 * A file of ours takes what is left of a file system that is the container's own: a tmpfs with a size, or a volume on a
 * device. It is written through the container's root, so it is charged to us and not to the container's memory.
 */
export class DiskFull implements Means {
  readonly how = "a file takes what is left of a tmpfs or a volume with a device of its own, never of the host's disk";

  /** A volume keeps the file. */
  readonly outlives = true;

  constructor(readonly containers: Containers) {}

  async before(seen: Seen, { kind, params }: Injection): Promise<Before> {
    const { disk } = validate(params, kind, faultParams['disk-full'], 'usage');
    const mount = this.#mountOf(seen, disk);
    const root = rootOf(seen, mount);
    const layer = await stat(seen.container.layer);
    const isOwn = (await isMountPoint(seen, mount)) && (await stat(root)).dev !== layer.dev && (await freeOf(root)) > 0;
    if (!isOwn) {
      throw new OrdealError(
        'capability-missing',
        `${mount} of "${seen.container.name}" has no file system of its own`,
        {
          expected: 'a tmpfs, or a volume with a device of its own, that is not full already',
          remedy: 'Filling it would fill the host. Name a tmpfs of the container as disk: its path.',
        },
      );
    }
    const freeBytes = await freeOf(root);
    if (freeBytes <= MOST_BYTES) return { mount, freeBytes };
    throw new OrdealError('capability-missing', `${mount} of "${seen.container.name}" is too large to be filled`, {
      expected: `at most ${MOST_BYTES} bytes free`,
      got: `${freeBytes} bytes`,
      remedy: 'Give the tmpfs a size: /path:size=64m.',
    });
  }

  async on(seen: Seen, { id, kind, params }: Injection, { mount }: Before): Promise<void> {
    const { leaveBytes } = validate(params, kind, faultParams['disk-full'], 'usage');
    const root = rootOf(seen, String(mount));
    const file = await open(fileIn(root, id), 'w', 0o600);
    try {
      for (let left = await freeOf(root); left > leaveBytes || leaveBytes === 0; left = await freeOf(root)) {
        const bytes = leaveBytes === 0 ? PIECE.length : Math.min(PIECE.length, left - leaveBytes);
        await file.write(PIECE, 0, bytes);
      }
    } catch (e) {
      if (errnoOf(e) !== 'ENOSPC') throw e;
    } finally {
      await file.close();
    }
  }

  async measure(seen: Seen, { id, kind, params }: Injection, { mount, freeBytes }: Before): Promise<FaultReading> {
    const { leaveBytes } = validate(params, kind, faultParams['disk-full'], 'usage');
    const root = rootOf(seen, String(mount));
    const takenBytes = (await stat(fileIn(root, id)).catch(absent))?.size ?? 0;
    const leftBytes = await freeOf(root);
    return {
      effective: takenBytes > 0 && leftBytes <= leaveBytes + SLACK_BYTES,
      measured: { leftBytes, takenBytes, freeBeforeBytes: Number(freeBytes) },
      how: `what the file system at ${String(mount)} says is free inside of the container`,
    };
  }

  async off(seen: Seen, { id }: Injection, { mount }: Before): Promise<void> {
    const volume = seen.container.volumes.find((v) => v.destination === mount);
    if (volume !== undefined) await rm(fileIn(volume.source, id), { force: true });
    else if (seen.container.pid > 0) await rm(fileIn(rootOf(seen, String(mount)), id), { force: true });
  }

  /** A disk of the descriptor, or a path in the container; without either: its first volume. */
  #mountOf(seen: Seen, disk: string | undefined): string {
    if (disk?.startsWith('/')) return disk;
    const disks = this.containers.disks(seen);
    const found = disk === undefined ? [...disks.values()][0] : disks.get(disk);
    if (found !== undefined) return found.destination;
    throw new OrdealError('unknown-target', `"${seen.container.name}" has no disk ${disk ?? 'at all'}`, {
      expected: [...disks.keys()].join(', ') || 'a disk, or the path of a tmpfs',
    });
  }
}

/** As the container sees it, whatever it has mounted there. */
const rootOf = ({ container }: Seen, mount: string): string => join(`/proc/${container.pid}/root`, mount);

/** By the path that the kernel has for it: no symbolic link leads out of the container. Source: proc(5), mountinfo. */
async function isMountPoint({ container }: Seen, mount: string): Promise<boolean> {
  const text = await readFile(`/proc/${container.pid}/mountinfo`, 'utf8');
  return text.split('\n').some((line) => line.split(' ')[4] === mount);
}

const fileIn = (root: string, id: string): string =>
  join(root, `.ordeal-${createHash('sha256').update(id).digest('hex').slice(0, 12)}`);

async function freeOf(root: string): Promise<number> {
  const { bavail, bsize } = await statfs(root);
  return bavail * bsize;
}

function absent(e: unknown): undefined {
  if (errnoOf(e) === 'ENOENT') return undefined;
  throw e;
}
