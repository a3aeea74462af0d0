import type { PowerState } from '../../../model/vnf-info.js';
import { OrdealError, reasonOf } from '../../../util/errors.js';
import { pageBytes } from '../deployment.js';
import { monotonicMs } from './control.js';
import type { LogFile } from './log-file.js';
import type { PlannedVnfc } from './plan.js';
import { ReactorThread, type ThreadEnd } from './reactor-thread.js';
import type { Dump, Surroundings } from './surroundings.js';
import type { Delivery } from './thread-protocol.js';
import { type DiskShare, newDisk, VirtualDisk } from './virtual-disk.js';

const bootDeadlineMs = 10_000;
/** How long an event may take before a VNFC that is asked to stand still is called a runaway. */
export const boundaryDeadlineMs = 2000;

/** One container of the embedded NFVI: a thread when it is on, disks always. */
export class Compute {
  power: 'on' | 'off' | 'crashed' = 'off';
  thread: ReactorThread | undefined;
  disks: readonly DiskShare[];
  /** It owns the resource's name, address and ports. */
  inPlace = false;
  quarantined = false;
  runId: string | undefined;
  condition = '';
  startedAt: string | undefined;
  /** Counts the boots, not the reverts. */
  boots = 0;
  dump: Dump | undefined;
  /** New requests from outside wait here while it is quiesced. */
  heldBack: Delivery[] | undefined;
  #holds = new Set<string>();
  #respawn: NodeJS.Timeout | undefined;
  #doing: Promise<unknown> = Promise.resolve();
  #expectedEnd: string | undefined;
  #frozenAtMs = 0;
  #unquiesce: NodeJS.Timeout | undefined;

  constructor(
    readonly id: string,
    readonly spec: PlannedVnfc,
    readonly log: LogFile,
    readonly around: Surroundings<Compute>,
  ) {
    this.disks = spec.disks.map((d) => newDisk(d.id, d.sizeBytes));
  }

  get powerState(): PowerState {
    if (this.power !== 'on') return this.power;
    for (const hold of this.#holds) if (!hold.startsWith('fault:')) return 'suspended';
    return 'on';
  }

  get holds(): ReadonlySet<string> {
    return this.#holds;
  }

  /** One operation on a compute resource at a time. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#doing.then(work, work);
    // The caller gets the failure; the next operation only waits for the end.
    this.#doing = result.catch(() => undefined);
    return result;
  }

  /** Boots afresh. Idempotent. @throws OrdealError; the VNFC is then off or crashed as it was */
  async start(): Promise<void> {
    if (this.power === 'on') return;
    clearTimeout(this.#respawn);
    this.#holds.clear();
    const { module, memoryMaxBytes } = this.spec;
    const maximum = Math.min(Math.floor(memoryMaxBytes / pageBytes), module.maximumPages);
    if (maximum < module.initialPages) {
      throw new OrdealError(
        'module-invalid',
        `VNFC "${this.id}" cannot boot: its module needs more memory than it may have`,
        {
          expected: `at least ${module.initialPages * pageBytes} bytes in deployment.memoryMaxBytes`,
          got: `${memoryMaxBytes}`,
        },
      );
    }
    const memory = new WebAssembly.Memory({ initial: module.initialPages, maximum, shared: true });
    const thread = this.newThread(memory, module.sha256, this.disks, false);
    try {
      await thread.up('ready', bootDeadlineMs);
      this.boots++;
      this.adopt(thread);
      await thread.up('started', bootDeadlineMs);
    } catch (e) {
      if (this.thread === thread) {
        this.thread = undefined;
        this.power = 'crashed';
        this.condition = `it did not boot: ${reasonOf(e)}`;
        this.around.changed(this);
      }
      await thread.terminate();
      throw e;
    }
  }

  /** A thread on these disks, wired to this compute resource, but not yet in charge of it. */
  newThread(memory: WebAssembly.Memory, sha256: string, disks: readonly DiskShare[], restore: boolean): ReactorThread {
    const thread: ReactorThread = new ReactorThread(
      this.id,
      this.around.thread(),
      {
        module: this.around.compiled(sha256),
        memory,
        disks,
        config: this.spec.config,
        names: this.around.names,
        memoryLimitPages: this.around.environment(this).memoryLimitPages,
        restore,
      },
      {
        out: (messages) => {
          if (this.thread === thread) this.around.out(this, messages);
        },
        logs: (lines) => {
          for (const [level, atMs, text] of lines) this.log.line(level, text, atMs);
        },
      },
    );
    return thread;
  }

  /** The thread is this VNFC from now on. */
  adopt(thread: ReactorThread): void {
    this.thread = thread;
    this.power = 'on';
    this.condition = '';
    this.dump = undefined;
    this.startedAt = new Date().toISOString();
    this.applyEnvironment();
    void thread.ended.then((end) => {
      if (this.thread === thread) this.#ended(thread, end);
    });
    this.around.changed(this);
  }

  applyEnvironment(): void {
    const { cpuShare, clockOffsetMs, memoryLimitPages, disks } = this.around.environment(this);
    for (const share of this.disks) {
      const disk = new VirtualDisk(share);
      const { limitBlocks, read = 0, write = 0, seed = 0 } = disks.get(share.id) ?? {};
      disk.limitBlocks = limitBlocks;
      disk.setErrors(read, write, seed);
    }
    if (this.thread === undefined) return;
    this.thread.control.cpuShare = cpuShare;
    this.thread.control.clockOffsetMs = clockOffsetMs;
    this.thread.ask({ what: 'limit', pages: memoryLimitPages }, 60_000).catch((e) => {
      this.log.line(2, `[nfvi] memory limit: ${reasonOf(e)}`);
    });
  }

  /** @returns whether it will get there; a network may lose it */
  receive(message: Delivery, external: boolean): boolean {
    if (this.thread === undefined) return false;
    if (external && this.heldBack !== undefined) {
      return this.heldBack.length < 65_536 && this.heldBack.push(message) > 0;
    }
    return this.thread.deliver(message);
  }

  /** When it was frozen, on the monotonic clock; undefined while it runs. */
  get frozenAtMs(): number | undefined {
    return this.#holds.size > 0 ? this.#frozenAtMs : undefined;
  }

  /** Freezes it for a reason of its own; it runs again when every reason is gone. @returns monotonic ms */
  async hold(reason: string, deadlineMs = boundaryDeadlineMs): Promise<number> {
    const thread = this.running();
    if (this.#holds.size === 0) this.#frozenAtMs = await thread.freeze(deadlineMs);
    this.#holds.add(reason);
    return this.#frozenAtMs;
  }

  release(reason: string): void {
    if (this.#holds.delete(reason) && this.#holds.size === 0) this.thread?.thaw();
  }

  /** Another thread and other disks take over at once; the new thread is frozen and stays so for these reasons. */
  async replaceThread(thread: ReactorThread, disks: readonly DiskShare[], holds: readonly string[]): Promise<void> {
    const old = this.thread;
    // It may share disks with the new one.
    if (old !== undefined) old.control.frozen = true;
    clearTimeout(this.#respawn);
    this.disks = disks;
    this.#holds = new Set(holds);
    this.#frozenAtMs = monotonicMs();
    this.adopt(thread);
    if (holds.length === 0) thread.thaw();
    await this.#retire(old);
  }

  /** Another VNFC may have the thread, when it can be had between two events. */
  async #retire(thread: ReactorThread | undefined): Promise<void> {
    const free = await thread?.retire();
    if (free !== undefined) this.around.takeBack(free);
  }

  async stop(graceMs: number): Promise<'graceful' | 'forced' | 'was-off'> {
    clearTimeout(this.#respawn);
    const thread = this.thread;
    if (thread === undefined) {
      this.power = 'off';
      this.condition = '';
      this.around.changed(this);
      return 'was-off';
    }
    let how: 'graceful' | 'forced' = 'graceful';
    try {
      await thread.freeze(graceMs);
    } catch {
      how = 'forced';
    }
    await this.leave('off', how === 'graceful' ? '' : `stopped, forcefully after ${graceMs} ms`);
    this.log.line(how === 'graceful' ? 1 : 2, `[nfvi] stopped (${how})`);
    return how;
  }

  /**
   * Everything that had come in is handled, and new requests from outside wait. It unquiesces by itself.
   * @throws OrdealError of kind timeout when it is not done with what it has by the deadline
   */
  async quiesce(deadlineMs: number): Promise<void> {
    const thread = this.running();
    this.heldBack ??= [];
    clearTimeout(this.#unquiesce);
    this.#unquiesce = setTimeout(() => this.unquiesce(), deadlineMs);
    if (this.#holds.size > 0) return;
    try {
      await thread.probe(deadlineMs);
    } catch (e) {
      this.unquiesce();
      throw e;
    }
  }

  unquiesce(): void {
    clearTimeout(this.#unquiesce);
    const waiting = this.heldBack ?? [];
    this.heldBack = undefined;
    for (const message of waiting) this.thread?.deliver(message);
  }

  /** Ends the thread without the VNFC having a say. */
  async leave(power: 'off' | 'crashed', condition: string): Promise<void> {
    const thread = this.thread;
    this.thread = undefined;
    this.power = power;
    this.condition = condition;
    this.#holds.clear();
    clearTimeout(this.#respawn);
    this.around.changed(this);
    await this.#retire(thread);
  }

  /** As a crash: the thread is gone in the middle of whatever it does. Respawn is the NFVI's affair. */
  async kill(reason: string): Promise<void> {
    this.#expectedEnd = reason;
    const { thread } = this;
    await thread?.terminate();
    await thread?.ended;
  }

  /** The host ends. */
  async dispose(): Promise<void> {
    clearTimeout(this.#unquiesce);
    await this.leave('off', '');
    await this.log.flush();
  }

  #ended(thread: ReactorThread, end: ThreadEnd): void {
    this.thread = undefined;
    this.#holds.clear();
    const reason = this.#expectedEnd ?? end.reason;
    this.#expectedEnd = undefined;
    this.power = end.code === 0 ? 'off' : 'crashed';
    this.condition = reason;
    if (this.power === 'crashed') this.dump = { memory: thread.memory, globals: end.globals, reason };
    this.log.line(end.code === 0 ? 1 : 3, `[nfvi] ${this.power === 'off' ? 'ended' : 'crashed'}: ${reason}`);
    this.around.changed(this);
    if (this.power === 'crashed') this.#scheduleRespawn();
  }

  #scheduleRespawn(): void {
    const after = this.spec.respawnMs;
    if (after === undefined || !this.inPlace || this.quarantined) return;
    clearTimeout(this.#respawn);
    this.#respawn = setTimeout(() => {
      void this.exclusively(async () => {
        if (this.power !== 'crashed' || !this.inPlace || this.quarantined) return;
        try {
          await this.start();
          this.log.line(1, `[nfvi] respawned after ${after} ms`);
        } catch (e) {
          this.log.line(3, `[nfvi] respawn failed: ${reasonOf(e)}`);
          this.#scheduleRespawn();
        }
      });
    }, after);
  }

  /** Nobody boots it while it is quarantined; afterwards the NFVI's own high availability may again. */
  setQuarantined(runId: string | undefined): void {
    this.quarantined = runId !== undefined;
    this.runId = runId;
    clearTimeout(this.#respawn);
    this.around.changed(this);
    if (!this.quarantined && this.power === 'crashed') this.#scheduleRespawn();
  }

  /** @throws OrdealError of kind vim-failed when it is off or crashed */
  running(): ReactorThread {
    if (this.thread === undefined) {
      throw new OrdealError('vim-failed', `VNFC "${this.id}" is not running: it is ${this.power}`, {
        remedy: 'Start it first.',
      });
    }
    return this.thread;
  }
}
