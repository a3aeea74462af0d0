import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type FaultReading, type Injection, machineFaultParams } from '../../../model/fault.js';
import { OrdealError } from '../../../util/errors.js';
import { newId } from '../../../util/ids.js';
import { monotonicMs } from '../../../util/monotonic.js';
import { validate } from '../../../util/validate.js';
import type { Cgroup } from '../cgroup.js';
import type { Containers, Seen } from '../containers.js';
import { detach } from '../host.js';
import type { Before, Means } from './means.js';

const BLOCK = 4096;
const MEASURE_MS = 1000;
const TIMEOUT_MS = 20_000;

/** A limit of its control group on the device below a disk; a stall is a disk of one byte a second. */
export class DiskThrottle implements Means {
  readonly how: string;

  constructor(
    readonly containers: Containers,
    readonly kind: 'disk-slow' | 'disk-stall',
  ) {
    const limit = kind === 'disk-slow' ? 'a limit' : 'a limit of a byte a second';
    this.how = `${limit} of its control group on the device of the disk; in version 1 for reads and direct writes only`;
  }

  async before(seen: Seen, { params }: Injection): Promise<Before> {
    const { disk } = validate(params, this.kind, machineFaultParams[this.kind], 'usage');
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
    await (await this.containers.cgroup(seen)).limitIo(String(device), this.#asked(injection));
  }

  async measure(seen: Seen, injection: Injection, { device, folder }: Before): Promise<FaultReading> {
    const cgroup = await this.containers.cgroup(seen);
    const limit = await cgroup.writeLimit(String(device));
    const asked = this.#asked(injection);
    if (limit === 0 || limit > asked) {
      return { effective: false, measured: { limitBytesPerSecond: limit }, how: 'the limit of its control group' };
    }
    const probe = join(String(folder), `.ordeal-probe-${newId('')}`);
    if (this.kind === 'disk-stall') {
      const stands = await stillAfter(spawnWrite(cgroup, probe, 1), MEASURE_MS);
      const how = `whether a direct write to the disk by a process in its control group ends within ${MEASURE_MS} ms`;
      return { effective: stands, measured: { limitBytesPerSecond: limit, stands }, how };
    }
    const blocks = Math.max(1, Math.round((asked * MEASURE_MS) / 1000 / BLOCK));
    const from = monotonicMs();
    if (await stillAfter(spawnWrite(cgroup, probe, blocks), TIMEOUT_MS))
      throw new OrdealError('vim-failed', `A write under the limit does not end within ${TIMEOUT_MS} ms`);
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

  #asked({ params }: Injection): number {
    return this.kind === 'disk-stall'
      ? 1
      : validate(params, this.kind, machineFaultParams['disk-slow'], 'usage').bytesPerSecond;
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

/** A write that stands still cannot be ended by a signal: it ends, and clears up after itself, when the limit is lifted. */
function spawnWrite(cgroup: Cgroup, file: string, blocks: number): ChildProcess {
  const script =
    'echo $$ >"$1" && dd if=/dev/zero of="$2" bs="$3" count="$4" oflag=direct; code=$?; rm -f "$2"; exit $code';
  return detach('sh', ['-c', script, 'sh', cgroup.ioProcs, file, String(BLOCK), String(blocks)]);
}

/** @returns whether it runs still @throws OrdealError of kind vim-failed when it has failed */
async function stillAfter(child: ChildProcess, ms: number): Promise<boolean> {
  const signal = AbortSignal.timeout(ms);
  try {
    const [code] = (await once(child, 'exit', { signal })) as [number | null];
    if (code === 0) return false;
  } catch (e) {
    if (signal.aborted) return true;
    throw e;
  }
  throw new OrdealError('vim-failed', 'What a write takes under the limit cannot be measured', {
    remedy: 'sh and dd are needed on the host of the containers.',
  });
}

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
