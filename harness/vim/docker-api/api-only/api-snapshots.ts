import { rm } from 'node:fs/promises';
import type { InstanceSnapshot } from '../../../model/snapshot.js';
import type {
  CapturedSnapshot,
  ComputeId,
  CreateSnapshotRequest,
  RevertOptions,
  SnapshotImage,
  Snapshots,
} from '../../../model/vim.js';
import { OrdealError } from '../../../util/errors.js';
import { newId } from '../../../util/ids.js';
import { Undo } from '../../../util/undo.js';
import { type Containers, monotonicMs, type Seen } from '../../oci/containers.js';
import type { Abandoned, OciFolder, StoredSnapshot } from '../../oci/folder.js';
import { RecordedSnapshots } from '../../snapshot-records.js';
import type { ApiEngine } from './api-engine.js';
import type { ApiPower } from './api-power.js';
import { bytesIn, dumpIn, fetchFiles, putFiles } from './fetched-files.js';
import { imagesOf, takeImages } from './moved-images.js';
import { mustBeCapturable } from './refusals.js';

const checkpointOf = (id: string): string => id.replaceAll(/[^A-Za-z0-9]/g, '');

/**
 * Snapshots by the daemon's own calls. Files are fetched while nothing of the container runs, so they are of one moment with its
 * memory: it is paused, or its checkpoint has ended it for so long.
 */
export class ApiSnapshots extends RecordedSnapshots<StoredSnapshot, OciFolder> implements Snapshots {
  constructor(
    readonly containers: Containers,
    readonly engine: ApiEngine,
    folder: OciFolder,
    readonly power: ApiPower,
  ) {
    super(folder);
  }

  async capture(compute: ComputeId, request: CreateSnapshotRequest): Promise<CapturedSnapshot> {
    await this.sweep();
    const seen = await this.containers.see(compute);
    const nature = await this.engine.nature();
    mustBeCapturable(seen, request, nature, this.engine);
    const id = newId('snap');
    const location = this.folder.folderOf(id);
    const checkpoint = request.type === 'warm' ? checkpointOf(id) : undefined;
    await using undo = new Undo();
    undo.defer('remove the unfinished snapshot', () => rm(location, { recursive: true, force: true }));
    // Durable before it is touched: whoever finds it lets the container go on.
    await this.folder.begin(id, location, compute);
    const createdAt = new Date().toISOString();
    const frozenAtMs = monotonicMs();
    const stoodStillMs = await this.#standingStill(seen, id, checkpoint, () =>
      fetchFiles(this.engine.archives, seen.container, location),
    );
    undo.keep();
    const pausedMs = seen.powerState === 'on' ? stoodStillMs : 0;
    return {
      id,
      computeId: compute,
      pausedMs,
      frozenAtMs,
      store: async () => {
        const made = { id, location, createdAt, pausedMs, checkpoint };
        const stored = await this.#stored(seen, request, made, await bytesIn(location));
        await this.folder.write(stored);
        if (request.after === 'stopped') await this.power.stop(compute, 0);
        return stored.record;
      },
      discard: async () => {
        if (checkpoint !== undefined) await this.#forget(compute, checkpoint);
        await rm(location, { recursive: true, force: true });
      },
    };
  }

  /** @param work what is done while it stands still @returns for how many milliseconds it did */
  async #standingStill(
    seen: Seen,
    id: string,
    checkpoint: string | undefined,
    work: () => Promise<void>,
  ): Promise<number> {
    const { container, powerState, marks } = seen;
    const file = dumpIn(this.folder.folderOf(id));
    const fromMs = monotonicMs();
    if (checkpoint !== undefined && this.engine.endsAtCheckpoint) {
      // From here on it counts as suspended: who resumes it brings its memory back.
      const pending = { snapshot: id, atMs: fromMs, unmoved: [] };
      await this.folder.setMarks(container.id, { ...marks, pending });
      try {
        await this.engine.checkpoint(container, checkpoint, file);
        await work();
      } finally {
        await this.power.resume(container.id);
      }
      return monotonicMs() - fromMs;
    }
    if (powerState === 'on') await this.power.pause(container.id);
    try {
      await work();
      if (checkpoint !== undefined) await this.engine.checkpoint(container, checkpoint, file);
    } catch (e) {
      if (checkpoint !== undefined) await this.engine.deleteCheckpoint(container, checkpoint);
      throw e;
    } finally {
      // containerd lets it go on by itself after a checkpoint.
      if (powerState === 'on') await this.power.resume(container.id);
    }
    const stoodStillMs = monotonicMs() - fromMs;
    if (powerState === 'suspended' && checkpoint !== undefined) {
      await this.power.resume(container.id);
      await this.power.pause(container.id);
    }
    return stoodStillMs;
  }

  /** In place: the container stays, or one with the same id comes of its dump. */
  async revert(compute: ComputeId, snapshotId: string, { state, host }: RevertOptions = {}): Promise<void> {
    if (host !== undefined) {
      throw new OrdealError('capability-missing', 'A container is reverted on the host that it is on', {
        remedy: 'Leave out host.',
      });
    }
    const [stored, seen] = await Promise.all([this.folder.read(snapshotId), this.containers.see(compute)]);
    const { record, checkpoint, hasMemory } = stored;
    const { container } = seen;
    if (record.resource !== seen.resource) {
      const what = `Snapshot "${snapshotId}" is of "${record.resource}", not of "${seen.resource}"`;
      throw new OrdealError('unknown-target', what);
    }
    const goal = state ?? (record.powerState === 'crashed' ? 'off' : record.powerState);
    const from = hasMemory && goal !== 'off' ? checkpoint : undefined;
    const dump = dumpIn(record.location);
    const lack = from === undefined ? undefined : await this.#lack(seen, stored, from);
    if (lack !== undefined) {
      throw new OrdealError('snapshot-missing', `The memory of "${snapshotId}" is not there any more`, {
        got: lack,
        remedy: 'Revert to a cold snapshot.',
      });
    }
    const { pending: _, ...marks } = seen.marks;
    await this.folder.setMarks(compute, { ...marks, stopped: true });
    await this.power.kill(compute);
    await putFiles(this.engine.archives, container, record.location);
    if (goal === 'off') return;
    if (from === undefined) await this.engine.start(container);
    else await this.engine.startFrom(container, from, dump);
    await this.folder.setMarks(compute, { ...marks, stopped: false });
    if (goal === 'suspended') await this.power.pause(compute);
  }

  async #lack({ container }: Seen, { record }: StoredSnapshot, checkpoint: string): Promise<string | undefined> {
    if (record.computeId !== container.id)
      return `it is of container ${record.computeId}, and brings no other one to life`;
    return this.engine.lacksCheckpoint(container, checkpoint, dumpIn(record.location));
  }

  /** All or none. */
  async delete(snapshotIds: readonly string[]): Promise<void> {
    const found = await Promise.all(snapshotIds.map((id) => this.folder.read(id)));
    for (const stored of found) {
      if (stored.checkpoint !== undefined) await this.#forget(stored.record.computeId, stored.checkpoint);
      await this.folder.remove(stored);
    }
  }

  async exportImages(snapshotId: string): Promise<readonly SnapshotImage[]> {
    const stored = await this.folder.read(snapshotId);
    const { memoryStays } = await this.engine.nature();
    return imagesOf(stored, memoryStays);
  }

  importImages(record: InstanceSnapshot, images: readonly SnapshotImage[]): Promise<InstanceSnapshot> {
    return takeImages(this.folder, record, images);
  }

  /** What stands still since its capture was cut short goes on. */
  async sweep(): Promise<readonly string[]> {
    const done: string[] = [];
    for (const abandoned of await this.folder.abandoned()) {
      await this.#letGoOn(abandoned);
      await this.folder.removeAbandoned(abandoned);
      done.push(`the unfinished snapshot ${abandoned.id}`);
    }
    return done;
  }

  async #letGoOn({ id, compute }: Abandoned): Promise<void> {
    const seen = compute === undefined ? undefined : await this.containers.find(compute);
    if (seen === undefined) return;
    if (seen.powerState === 'suspended' && !seen.marks.quarantined) await this.power.resume(seen.container.id);
    await this.engine.deleteCheckpoint(seen.container, checkpointOf(id));
  }

  /** Where the container is gone its checkpoints went with it. */
  async #forget(compute: ComputeId, checkpoint: string): Promise<void> {
    const seen = await this.containers.find(compute);
    if (seen !== undefined) await this.engine.deleteCheckpoint(seen.container, checkpoint);
  }

  async #stored(
    seen: Seen,
    request: CreateSnapshotRequest,
    made: Pick<InstanceSnapshot, 'id' | 'location' | 'createdAt' | 'pausedMs'> & { checkpoint: string | undefined },
    bytes: { memory: number; all: number },
  ): Promise<StoredSnapshot> {
    const { container, resource, powerState, marks } = seen;
    const { checkpoint, ...rest } = made;
    const disks = [...this.containers.disks(seen)];
    return {
      format: 'ordeal.oci-snapshot/1',
      record: {
        ...rest,
        name: request.name,
        description: request.description ?? '',
        resource,
        computeId: container.id,
        type: request.type,
        powerState,
        disks: disks.map(([id]) => ({ id, bytes: 0, included: true })),
        infrastructure: { memoryBytes: container.memoryBytes, container: container.name, networks: container.networks },
        metadata: { ...request.metadata },
        ...(bytes.memory === 0 ? {} : { memory: { bytes: bytes.memory, technique: 'external' } }),
        bytesStored: bytes.all,
      },
      ...(request.runId === undefined ? {} : { runId: request.runId }),
      spec: { ...container.spec },
      restartPolicy: marks.restartPolicy ?? container.restartPolicy,
      image: container.image,
      labels: { ...container.labels },
      volumes: disks.map(([id, { destination }]) => ({ id, destination })),
      hasMemory: checkpoint !== undefined,
      ...(checkpoint === undefined ? {} : { checkpoint }),
      connections: [],
    };
  }
}
