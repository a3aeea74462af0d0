import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../../util/deadline.js';
import { errnoOf, OrdealError } from '../../util/errors.js';
import { detach } from './host.js';

const ROOT = '/sys/fs/cgroup';
const FREEZE_MS = 10_000;
const UNLIMITED_V1 = 2 ** 62;

interface Files {
  readonly freeze: string;
  readonly frozen: readonly [file: string, pattern: RegExp];
  readonly on: string;
  readonly off: string;
}

/** The control groups of one running container, by the kernel's own files: both versions. */
export class Cgroup {
  private constructor(
    /** Folder by controller in version 1; one folder, under '', in version 2. */
    readonly folders: ReadonlyMap<string, string>,
  ) {}

  /** @throws OrdealError of kind vim-failed when the process has ended */
  static async of(pid: number): Promise<Cgroup> {
    const text = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch((e: unknown) => {
      throw new OrdealError('vim-failed', `Process ${pid} of the container has ended`, { cause: e });
    });
    const folders = new Map<string, string>();
    for (const line of text.trim().split('\n')) {
      const [, controllers = '', path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
      for (const controller of controllers.split(',')) {
        folders.set(controller, controller === '' ? join(ROOT, path) : join(ROOT, controller, path));
      }
    }
    return new Cgroup(folders);
  }

  get #isV1(): boolean {
    return this.folders.has('freezer');
  }

  #file(controller: string, v1: string, v2: string): string {
    return this.#isV1 ? join(this.folders.get(controller) ?? '', v1) : join(this.folders.get('') ?? '', v2);
  }

  get #freezer(): Files {
    const state = this.#file('freezer', 'freezer.state', 'cgroup.freeze');
    return this.#isV1
      ? { freeze: state, frozen: [state, /^FROZEN/], on: 'FROZEN', off: 'THAWED' }
      : { freeze: state, frozen: [join(this.folders.get('') ?? '', 'cgroup.events'), /^frozen 1/m], on: '1', off: '0' };
  }

  async isFrozen(): Promise<boolean> {
    const [file, pattern] = this.#freezer.frozen;
    return pattern.test(await read(file));
  }

  /** Answers when every process of it stands still. @throws OrdealError of kind timeout; it is thawed again then */
  async freeze(): Promise<void> {
    await writeFile(this.#freezer.freeze, this.#freezer.on);
    try {
      await until('The container stands still', () => this.isFrozen(), { withinMs: FREEZE_MS, everyMs: 1 });
    } catch (e) {
      await this.thaw();
      throw e;
    }
  }

  /** Idempotent. Also when the container has ended meanwhile. */
  async thaw(): Promise<void> {
    await writeFile(this.#freezer.freeze, this.#freezer.off).catch((e: unknown) => {
      if (errnoOf(e) !== 'ENOENT' && errnoOf(e) !== 'ENODEV') throw e;
    });
  }

  /**
   * A process of its own thaws when this one ends in whatever way, or after a while: nothing is left frozen by a dump
   * that was cut short. @returns call it when all is well
   */
  watchdog(afterMs: number): () => void {
    const { freeze, off } = this.#freezer;
    // One process, as each one more takes its time from the dump.
    const script = 'read -r -t "$1" word; [ "$word" = done ] || echo "$2" >"$3"';
    const child = detach('bash', ['-c', script, 'bash', String(Math.ceil(afterMs / 1000)), off, freeze]);
    child.stdin?.on('error', () => child.kill());
    return () => child.stdin?.end('done\n');
  }

  /** @param of what the container's own processes, or all that use its CPU time, are */
  async pids(of: 'freezer' | 'cpu' = 'freezer'): Promise<number[]> {
    const text = await read(this.#file(of, 'cgroup.procs', 'cgroup.procs'));
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map(Number);
  }

  /** Microseconds of CPU time that it has used. */
  async cpuTimeUs(): Promise<number> {
    if (this.#isV1) return Number(await read(this.#file('cpuacct', 'cpuacct.usage', ''))) / 1000;
    return Number(/^usage_usec (\d+)/m.exec(await read(this.#file('', '', 'cpu.stat')))?.[1] ?? 0);
  }

  /** Of each period of 100 ms, in microseconds; 0 or less means no limit. */
  async quotaUs(): Promise<number> {
    if (this.#isV1) return Number(await read(this.#file('cpu', 'cpu.cfs_quota_us', '')));
    const [quota, period] = (await read(this.#file('', '', 'cpu.max'))).trim().split(' ');
    return quota === 'max' ? -1 : (Number(quota) * 100_000) / Number(period);
  }

  async setQuotaUs(quotaUs: number): Promise<void> {
    const value = quotaUs <= 0 ? -1 : Math.round(quotaUs);
    if (this.#isV1) {
      await writeFile(this.#file('cpu', 'cpu.cfs_period_us', ''), '100000');
      await writeFile(this.#file('cpu', 'cpu.cfs_quota_us', ''), String(value));
      return;
    }
    await writeFile(this.#file('', '', 'cpu.max'), `${value < 0 ? 'max' : value} 100000`);
  }

  async memoryBytes(): Promise<number> {
    return Number(await read(this.#file('memory', 'memory.usage_in_bytes', 'memory.current')));
  }

  /** Bytes; Infinity means none. */
  async memoryLimit(): Promise<number> {
    const text = (await read(this.#file('memory', 'memory.limit_in_bytes', 'memory.max'))).trim();
    return text === 'max' || Number(text) >= UNLIMITED_V1 ? Number.POSITIVE_INFINITY : Number(text);
  }

  async setMemoryLimit(bytes: number): Promise<void> {
    const none = this.#isV1 ? '-1' : 'max';
    const value = Number.isFinite(bytes) ? String(Math.round(bytes)) : none;
    await writeFile(this.#file('memory', 'memory.limit_in_bytes', 'memory.max'), value);
  }

  /** Processes and threads that it may have; Infinity means any number. */
  async processLimit(): Promise<number> {
    const text = (await read(this.#file('pids', 'pids.max', 'pids.max'))).trim();
    return text === 'max' ? Number.POSITIVE_INFINITY : Number(text);
  }

  async setProcessLimit(most: number): Promise<void> {
    await writeFile(this.#file('pids', 'pids.max', 'pids.max'), Number.isFinite(most) ? String(most) : 'max');
  }

  /** Its processes and threads now. */
  async processes(): Promise<number> {
    return Number(await read(this.#file('pids', 'pids.current', 'pids.current')));
  }

  /** Who writes its process id there counts as one of its processes. */
  get processProcs(): string {
    return this.#file('pids', 'cgroup.procs', 'cgroup.procs');
  }

  /** Who writes its process id to all of them uses the CPU time and the memory of the container. */
  get loadProcs(): readonly string[] {
    return [...new Set(['cpu', 'cpuacct', 'memory'].map((c) => this.#file(c, 'cgroup.procs', 'cgroup.procs')))];
  }

  /** Who writes its process id there is under the limits of its input and output. */
  get ioProcs(): string {
    return this.#file('blkio', 'cgroup.procs', 'cgroup.procs');
  }

  /** Of writes to a device, in bytes a second; 0 means none. @param device major:minor */
  async writeLimit(device: string): Promise<number> {
    const text = await read(this.#file('blkio', 'blkio.throttle.write_bps_device', 'io.max'));
    const line = text.split('\n').find((l) => l.startsWith(`${device} `)) ?? '';
    const limit = this.#isV1 ? line.split(' ')[1] : /wbps=(\d+)/.exec(line)?.[1];
    return Number(limit ?? 0);
  }

  /** @param bytesPerSecond of reads, and of writes; 0 means none */
  async limitIo(device: string, bytesPerSecond: number): Promise<void> {
    if (this.#isV1) {
      for (const way of ['read', 'write']) {
        await writeFile(this.#file('blkio', `blkio.throttle.${way}_bps_device`, ''), `${device} ${bytesPerSecond}`);
      }
      return;
    }
    const limit = bytesPerSecond === 0 ? 'max' : bytesPerSecond;
    await writeFile(this.#file('', '', 'io.max'), `${device} rbps=${limit} wbps=${limit}`);
  }
}

const read = (file: string): Promise<string> => readFile(file, 'utf8');
