import type { ComputeState } from '../../../model/vim.js';
import { OrdealError, reasonOf } from '../../../util/errors.js';
import { Undo } from '../../../util/undo.js';
import { boundaryDeadlineMs, type Compute } from './compute.js';
import type { Nfvi } from './nfvi.js';
import type { Reverter } from './reverter.js';
import { VirtualDisk } from './virtual-disk.js';

const quarantineHold = 'quarantine';
const restoredHold = 'restored';

/** Steps 7 and 8 of clause 4.1.1.4: failed containers are kept as they failed, new ones take their places. */
export class Replacements {
  constructor(
    readonly nfvi: Nfvi,
    readonly reverter: Reverter,
  ) {}

  /** A runaway cannot be frozen: its thread is ended, and its memory kept. */
  quarantine(compute: Compute, runId: string): Promise<void> {
    return compute.exclusively(async () => {
      if (compute.quarantined) return this.#mustBelongTo(compute, runId);
      let runaway: string | undefined;
      if (compute.thread !== undefined) {
        await compute.hold(quarantineHold, boundaryDeadlineMs).catch((e) => {
          runaway = reasonOf(e);
        });
      }
      compute.setQuarantined(runId);
      if (runaway !== undefined) await compute.kill(`ended for its quarantine, as it could not be frozen: ${runaway}`);
      compute.log.line(2, `[nfvi] quarantined by run ${runId}`);
    });
  }

  unquarantine(compute: Compute, runId: string): Promise<void> {
    return compute.exclusively(async () => {
      // Once another one stands in its place it stays what it is: evidence.
      if (!compute.quarantined || !compute.inPlace) return;
      this.#mustBelongTo(compute, runId);
      compute.setQuarantined(undefined);
      compute.release(quarantineHold);
      compute.log.line(1, `[nfvi] no longer quarantined`);
    });
  }

  async restoreAsNew(snapshotId: string, runId: string): Promise<string> {
    const stored = await this.reverter.folder.read(snapshotId);
    const compute = this.nfvi.newCompute(stored.record.resource);
    compute.runId = runId;
    try {
      const { thread, disks } = await this.reverter.materialise(compute, stored, false, true);
      if (thread === undefined) compute.disks = disks;
      else await compute.replaceThread(thread, disks, [restoredHold]);
    } catch (e) {
      this.nfvi.computes.delete(compute.id);
      await compute.dispose();
      throw e;
    }
    compute.log.line(1, `[nfvi] restored from snapshot ${snapshotId} ("${stored.record.name}") by run ${runId}`);
    return compute.id;
  }

  /** All or none. What has been switched already is left as it is. */
  async switchOver(pairs: readonly { readonly resource: string; readonly to: string }[], runId: string): Promise<void> {
    const switches = pairs.map(({ resource, to }) => ({
      slot: this.nfvi.slot(resource),
      before: this.nfvi.inPlace(resource),
      after: this.nfvi.compute(to),
    }));
    const open = switches.filter(({ before, after }) => before !== after);
    for (const { slot, after } of open) {
      this.#mustBelongTo(after, runId);
      if (after.spec !== slot.spec) {
        throw new OrdealError('unknown-target', `"${after.id}" cannot stand in for "${slot.spec.resource}"`);
      }
    }
    await using undo = new Undo();
    for (const { slot, before, after } of open) {
      if (!before.quarantined) {
        undo.defer(`end the quarantine of ${before.id}`, () => this.unquarantine(before, runId));
        await this.quarantine(before, runId);
      }
      undo.defer(`put ${before.id} back`, () => {
        slot.put(before);
        slot.sync();
      });
      await this.#handOverDisks(before, after);
    }
    for (const { slot, after } of open) slot.put(after);
    for (const { after } of open) {
      if (after.thread !== undefined) continue;
      undo.defer(`stop ${after.id}`, () => after.leave('off', ''));
      await after.exclusively(() => after.start());
    }
    undo.keep();
    for (const { slot, before, after } of open) {
      after.runId = undefined;
      after.log.line(1, `[nfvi] in the place of ${before.id} now`);
      slot.sync();
    }
    for (const { after } of open) after.release(restoredHold);
  }

  /** Idempotent; what is in place, or another run's, is not released. */
  async release(id: string, runId: string): Promise<void> {
    const compute = this.nfvi.computes.get(id);
    if (compute === undefined) return;
    if (compute.inPlace) {
      throw new OrdealError(
        'busy',
        `VNFC "${id}" stands in the place of "${compute.spec.resource}" and is not released`,
        {
          remedy: 'Switch over to another one, or end its quarantine.',
        },
      );
    }
    this.#mustBelongTo(compute, runId);
    this.nfvi.computes.delete(id);
    await compute.exclusively(() => compute.dispose());
    this.reverter.rooms.collectSoon();
  }

  ownedBy(runId?: string): ComputeState[] {
    return [...this.nfvi.computes.values()]
      .filter((c) => (runId === undefined ? c.runId !== undefined : c.runId === runId))
      .map((c) => this.nfvi.inspect(c));
  }

  /** Disks that no snapshot holds move on as they are, as an attached volume would. */
  async #handOverDisks(before: Compute, after: Compute): Promise<void> {
    for (const { id, independent } of after.spec.disks) {
      const index = before.disks.findIndex((d) => d.id === id);
      const disk = before.disks[index];
      if (!independent || disk === undefined) continue;
      after.disks = after.disks.with(index, disk);
      await after.thread?.ask({ what: 'disk', index, disk }, boundaryDeadlineMs);
      new VirtualDisk(disk).attached = true;
    }
  }

  #mustBelongTo(compute: Compute, runId: string): void {
    if (compute.runId === runId) return;
    throw new OrdealError('busy', `VNFC "${compute.id}" does not belong to run ${runId}`, {
      expected: `run ${runId}`,
      got: compute.runId === undefined ? 'no run' : `run ${compute.runId}`,
      remedy: 'Let that run finish, or recover it.',
    });
  }
}
