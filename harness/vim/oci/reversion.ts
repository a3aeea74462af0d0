import { join } from 'node:path';
import type { ComputeId, RevertOptions } from '../../model/vim.js';
import type { PowerState } from '../../model/vnf-info.js';
import { OrdealError } from '../../util/errors.js';
import { allEnded } from '../../util/settled.js';
import { type BridgeRules, tableName } from './barrier.js';
import { type Containers, monotonicMs, type Seen } from './containers.js';
import type { OciFolder, StoredSnapshot } from './folder.js';
import type { Power } from './power.js';
import { cutOf, type Timelines } from './timelines.js';
import type { Trees } from './trees.js';

/** In place: 6.4.3 steps 13 to 16. The container stays; its process, its layer and its volumes are those of then. */
export class Reversion {
  constructor(
    readonly containers: Containers,
    readonly folder: OciFolder,
    readonly bridge: BridgeRules,
    readonly trees: Trees,
    readonly power: Power,
    readonly timelines: Timelines,
  ) {}

  async revert(compute: ComputeId, snapshotId: string, { state, host }: RevertOptions): Promise<void> {
    if (host !== undefined) {
      throw new OrdealError('capability-missing', 'A container is reverted on the host that it is on', {
        remedy: 'Leave out host; import the snapshot there and restore it as new.',
      });
    }
    const [stored, seen] = await Promise.all([this.folder.read(snapshotId), this.containers.see(compute)]);
    if (stored.record.resource !== seen.resource) {
      throw new OrdealError(
        'unknown-target',
        `Snapshot "${snapshotId}" is of "${stored.record.resource}", not of "${seen.resource}"`,
      );
    }
    if (seen.marks.quarantined) {
      const what = `"${seen.container.name}" is quarantined by run ${seen.marks.runId}: its state is evidence`;
      throw new OrdealError('busy', what, {
        remedy: 'Restore the snapshot as a new one, or end the quarantine first.',
      });
    }
    const then = stored.record.powerState;
    const goal = state ?? (then === 'crashed' ? 'off' : then);
    const withMemory = stored.hasMemory && goal !== 'off';
    if (withMemory) {
      const reason = await this.containers.engine.cannotRestore();
      if (reason !== undefined)
        throw new OrdealError('capability-missing', `No memory can be restored here: ${reason}`);
    }
    await this.#putBack(seen, stored, withMemory, goal);
    if (goal === 'off') return;
    // Suspended is exact: it does not run on before it is resumed, which is when its memory comes back.
    if (withMemory && goal === 'on') return this.power.resume(compute);
    if (!withMemory) await this.power.start(compute);
    if (!withMemory && goal === 'suspended') await this.power.pause(compute);
  }

  /** Off, and on its disks nothing but the snapshot. */
  async #putBack(seen: Seen, stored: StoredSnapshot, withMemory: boolean, goal: PowerState): Promise<void> {
    const { container, marks, powerState } = seen;
    const { engine } = this.containers;
    const images = join(stored.record.location, 'memory');
    const { pending: _, restored: __, ...rest } = marks;
    const runs = container.status === 'running';
    if (withMemory) {
      await this.timelines.endMoved(seen, stored);
      // From here on nobody is to hear how the process ends, which closes its connections.
      await this.bridge.close(
        tableName('barrier', container.id),
        container.networks.map((n) => n.address),
      );
    }
    try {
      const unmoved = withMemory ? await this.timelines.unmoved(seen, stored) : [];
      await this.folder.setMarks(container.id, { ...rest, stopped: true });
      // Until the memory of before is free some time passes.
      await allEnded([
        ...(runs ? [engine.kill(container)] : []),
        ...(withMemory && goal === 'on' ? [engine.prepareRestore?.(container, images)] : []),
      ]);
      await this.restoreFiles(stored, container.layer, (destination) => {
        return container.volumes.find((v) => v.destination === destination)?.source;
      });
      // One that was staged before and is not any more has left its barrier.
      if (!withMemory) await this.bridge.clear(tableName('barrier', container.id));
      else {
        await this.folder.setMarks(container.id, { ...rest, stopped: true, pending: this.pending(stored, unmoved) });
      }
    } catch (e) {
      await this.bridge.clear(tableName('barrier', container.id));
      throw new OrdealError('vim-failed', `"${container.name}" is not reverted; it was ${powerState} and is off now`, {
        cause: e,
        remedy: 'Revert again: the snapshot is unharmed.',
      });
    }
  }

  pending({ record }: StoredSnapshot, unmoved: string[] = []) {
    const cut = cutOf(record);
    return { snapshot: record.id, ...(cut === undefined ? {} : { cut }), atMs: monotonicMs(), unmoved };
  }

  async restoreFiles(
    { record, volumes }: StoredSnapshot,
    layer: string,
    sourceOf: (destination: string) => string | undefined,
  ): Promise<void> {
    const places: (readonly [place: string, tree: string])[] = [[layer, 'layer']];
    for (const { id, destination } of volumes) {
      const source = sourceOf(destination);
      if (source === undefined) {
        throw new OrdealError('unknown-target', `Nothing is mounted on ${destination} any more`, {
          where: record.resource,
        });
      }
      places.push([source, `disk-${id}`]);
    }
    await allEnded(places.map(([place, tree]) => this.trees.replace(place, join(record.location, tree))));
  }
}
