import { join } from 'node:path';
import type { ComputeId } from '../../model/vim.js';
import { OrdealError } from '../../util/errors.js';
import { type BridgeRules, tableName } from './barrier.js';
import type { Cgroup } from './cgroup.js';
import { type Containers, monotonicMs, type Seen } from './containers.js';
import type { Marks, OciFolder } from './folder.js';
import type { Timelines } from './timelines.js';

/** On, off, frozen, and back from a dump. */
export class Power {
  /** What this process has made stand still: it lets them go on though their daemon is gone. */
  readonly #frozen = new Map<ComputeId, Cgroup>();

  constructor(
    readonly containers: Containers,
    readonly folder: OciFolder,
    readonly bridge: BridgeRules,
    readonly timelines: Timelines,
  ) {}

  async start(compute: ComputeId): Promise<void> {
    const seen = await this.containers.see(compute);
    const { container, marks, powerState } = seen;
    if (powerState === 'on') return;
    this.refuseQuarantined(seen, 'started');
    if (powerState === 'suspended') return this.resume(compute);
    // A revert that was cut short may have left it.
    if (marks.stopped) await this.bridge.clear(tableName('barrier', compute));
    await this.containers.engine.start(container);
    const { restored, ...rest } = marks;
    if (marks.stopped || restored !== undefined) await this.folder.setMarks(compute, { ...rest, stopped: false });
  }

  async stop(compute: ComputeId, graceMs: number): Promise<'graceful' | 'forced' | 'was-off'> {
    const { container, marks, powerState } = await this.containers.see(compute);
    const isDown = powerState === 'off' || powerState === 'crashed';
    if (isDown || marks.pending !== undefined) {
      const { pending, ...rest } = marks;
      if (container.status === 'running') await this.containers.engine.kill(container);
      if (pending !== undefined) await this.bridge.clear(tableName('barrier', compute));
      if (!marks.stopped || pending !== undefined) await this.folder.setMarks(compute, { ...rest, stopped: true });
      return 'was-off';
    }
    // Marked first: whatever comes of it was our doing.
    await this.folder.setMarks(compute, { ...marks, stopped: true });
    if (powerState === 'on' && graceMs > 0 && (await this.containers.engine.stop(container, graceMs)))
      return 'graceful';
    await this.containers.engine.kill(container);
    return 'forced';
  }

  /** @returns ms on the monotonic clock of this machine */
  async pause(compute: ComputeId): Promise<number> {
    const seen = await this.containers.see(compute);
    if (seen.powerState === 'suspended') return monotonicMs();
    if (seen.powerState !== 'on') {
      throw new OrdealError('vim-failed', `"${seen.container.name}" is ${seen.powerState} and cannot be paused`);
    }
    const cgroup = await this.containers.cgroup(seen);
    await cgroup.freeze();
    this.#frozen.set(compute, cgroup);
    return monotonicMs();
  }

  async resume(compute: ComputeId): Promise<void> {
    const seen = await this.containers.see(compute).catch((e: unknown) => this.#thawWithoutDaemon(compute, e));
    if (seen === undefined) return;
    if (seen.powerState === 'on') return;
    this.refuseQuarantined(seen, 'resumed');
    if (seen.marks.pending !== undefined) return this.#restorePending(seen, seen.marks.pending);
    if (seen.powerState !== 'suspended') {
      throw new OrdealError('vim-failed', `"${seen.container.name}" is ${seen.powerState}: nothing to resume`);
    }
    if (seen.container.isPaused) await this.containers.engine.unpause(seen.container);
    else await (await this.containers.cgroup(seen)).thaw();
  }

  /** @throws the failure itself when it is another one, or when it was not we who froze it */
  async #thawWithoutDaemon(compute: ComputeId, failure: unknown): Promise<undefined> {
    const cgroup = this.#frozen.get(compute);
    const marks = await this.folder.marks(compute);
    const isGone = failure instanceof OrdealError && failure.kind === 'vim-unreachable';
    if (!isGone || cgroup === undefined || marks?.quarantined || marks?.pending !== undefined) throw failure;
    await cgroup.thaw();
  }

  refuseQuarantined({ container, marks }: Seen, what: string): void {
    if (!marks.quarantined) return;
    throw new OrdealError('busy', `"${container.name}" is quarantined by run ${marks.runId} and is not ${what}`, {
      remedy: 'End the quarantine, or let the run release it.',
    });
  }

  /**
   * Behind its barrier: what the new network namespace says before the sockets are back would end the connections. It is
   * lifted when they are, and then also when they are not.
   */
  async #restorePending({ container, marks }: Seen, staged: NonNullable<Marks['pending']>): Promise<void> {
    const stored = await this.folder.read(staged.snapshot);
    const barrier = tableName('barrier', container.id);
    const { pending, ...rest } = marks;
    try {
      if (container.status === 'running') await this.containers.engine.kill(container);
      await this.containers.engine.restore(container, join(stored.record.location, 'memory'));
      const { snapshot: from, cut } = staged;
      const restored = { from, ...(cut === undefined ? {} : { cut }), atMs: monotonicMs() };
      await this.folder.setMarks(container.id, { ...rest, stopped: false, restored });
    } finally {
      await this.bridge.clear(barrier);
    }
    const now = await this.containers.see(container.id);
    await this.timelines.endStale(now.container, stored, staged);
  }

  /** Nothing of a container that is gone. */
  async forget(compute: ComputeId): Promise<void> {
    await this.bridge.clear(tableName('barrier', compute));
    await this.folder.dropMarks(compute);
  }
}
