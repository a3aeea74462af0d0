import { execFile } from 'node:child_process';
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type FaultReading, type Injection, machineFaultParams } from '../../../model/fault.js';
import { OrdealError } from '../../../util/errors.js';
import { monotonicMs } from '../../../util/monotonic.js';
import { validate } from '../../../util/validate.js';
import type { Containers, Seen } from '../containers.js';
import type { Before, Means } from './means.js';

const run = promisify(execFile);
const BLOCK = 4096;
const MEASURE_MS = 1000;
const TIMEOUT_MS = 20_000;

/** A limit of its control group on the device below a disk. */
export class DiskSlow implements Means {
  readonly how =
    'a limit of its control group on the device of the disk; in version 1 for reads and direct writes only';

  constructor(readonly containers: Containers) {}

  async before(seen: Seen, { kind, params }: Injection): Promise<Before> {
    const { disk } = validate(params, kind, machineFaultParams['disk-slow'], 'usage');
    const folder = this.#folderOf(seen, disk);
    const device = await deviceOf(folder);
    if (device === undefined) {
      throw new OrdealError('capability-missing', `${folder} lies on no block device that could be limited`, {
        remedy: 'Put the volume on a disk of the host.',
      });
    }
    return { device, folder, bytesPerSecond: await (await this.containers.cgroup(seen)).writeLimit(device) };
  }

  async on(seen: Seen, injection: Injection, { device }: Before): Promise<void> {
    await (await this.containers.cgroup(seen)).limitIo(String(device), askedOf(injection));
  }

  async measure(seen: Seen, injection: Injection, { device, folder }: Before): Promise<FaultReading> {
    const cgroup = await this.containers.cgroup(seen);
    const limit = await cgroup.writeLimit(String(device));
    const asked = askedOf(injection);
    if (limit === 0 || limit > asked) {
      return { effective: false, measured: { limitBytesPerSecond: limit }, how: 'the limit of its control group' };
    }
    const file = join(String(folder), `.ordeal-probe-${process.pid}`);
    const blocks = Math.max(1, Math.round((asked * MEASURE_MS) / 1000 / BLOCK));
    const writes = 'echo $$ >"$1" && exec dd if=/dev/zero of="$2" bs="$3" count="$4" oflag=direct';
    const from = monotonicMs();
    try {
      const args = ['-c', writes, 'sh', cgroup.ioProcs, file, String(BLOCK), String(blocks)];
      await run('sh', args, { timeout: TIMEOUT_MS });
    } catch (e) {
      throw new OrdealError('vim-failed', 'What a write takes under the limit cannot be measured', { cause: e });
    } finally {
      await rm(file, { force: true });
    }
    const bytesPerSecond = Math.round((blocks * BLOCK * 1000) / (monotonicMs() - from));
    return {
      effective: bytesPerSecond < asked * 2,
      measured: { bytesPerSecond, limitBytesPerSecond: limit },
      how: `direct writes of ${blocks * BLOCK} bytes to the disk by a process in its control group`,
    };
  }

  async off(seen: Seen, _: Injection, { device, bytesPerSecond }: Before): Promise<void> {
    await (await this.containers.cgroup(seen)).limitIo(String(device), Number(bytesPerSecond));
  }

  #folderOf(seen: Seen, disk: string | undefined): string {
    const disks = this.containers.disks(seen);
    const found = disk === undefined ? [...disks.values()][0] : disks.get(disk);
    if (found !== undefined) return found.source;
    if (disk === undefined) return seen.container.layer;
    throw new OrdealError('unknown-target', `"${seen.container.name}" has no disk ${disk}`, {
      expected: `one of ${[...disks.keys()].join(', ')}`,
    });
  }
}

const askedOf = ({ kind, params }: Injection): number =>
  validate(params, kind, machineFaultParams['disk-slow'], 'usage').bytesPerSecond;

/** major:minor of the whole disk: a partition has no limit of its own. */
async function deviceOf(folder: string): Promise<string | undefined> {
  const { dev } = await stat(folder, { bigint: true });
  // As glibc packs it: sys/sysmacros.h.
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
  const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn);
  const disk = `/sys/dev/block/${major}:${minor}`;
  const isThere = (path: string) =>
    stat(path).then(
      () => true,
      () => false,
    );
  if (!(await isThere(disk))) return undefined;
  if (!(await isThere(join(disk, 'partition')))) return `${major}:${minor}`;
  // Through the link: what is above it is the disk.
  return (await readFile(`${disk}/../dev`, 'utf8')).trim();
}
