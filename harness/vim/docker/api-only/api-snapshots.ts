import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
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
import type { OciFolder, StoredSnapshot } from '../../oci/folder.js';
import { RecordedSnapshots } from '../../snapshot-records.js';
import type { ApiDockerEngine, Change } from './api-engine.js';
import type { ApiPower } from './api-power.js';

/** Which file or directory of the container each of the tars `<n>.tar` is. */
const INDEX = 'index.json';
const index = z.array(z.string());

/**
 * Snapshots by the daemon's own calls. Files are fetched while the container is paused, so they are of one moment with its
 * memory, which stays with dockerd: a checkpoint is of the container that it was made of, and ends with it.
 */
export class ApiSnapshots extends RecordedSnapshots<StoredSnapshot, OciFolder> implements Snapshots {
  constructor(
    readonly containers: Containers,
    readonly engine: ApiDockerEngine,
    folder: OciFolder,
    readonly power: ApiPower,
  ) {
    super(folder);
  }

  async capture(compute: ComputeId, request: CreateSnapshotRequest): Promise<CapturedSnapshot> {
    const seen = await this.containers.see(compute);
    refuse(seen, request);
    const id = newId('snap');
    const location = this.folder.folderOf(id);
    const checkpoint = request.type === 'warm' ? id.replaceAll(/[^A-Za-z0-9]/g, '') : undefined;
    const { container, powerState } = seen;
    await using undo = new Undo();
    undo.defer('remove the unfinished snapshot', () => rm(location, { recursive: true, force: true }));
    await this.folder.begin(id, location);
    const createdAt = new Date().toISOString();
    const frozenAtMs = powerState === 'on' ? await this.power.pause(compute) : monotonicMs();
    try {
      await this.#fetch(seen, location);
      if (checkpoint !== undefined) {
        undo.defer('delete the unfinished checkpoint', () => this.#forget(compute, checkpoint));
        await this.engine.checkpoint(container, checkpoint);
      }
    } finally {
      // containerd lets it go on by itself after a checkpoint.
      if (powerState === 'on') await this.power.resume(compute);
    }
    const pausedMs = powerState === 'on' ? monotonicMs() - frozenAtMs : 0;
    if (powerState === 'suspended' && checkpoint !== undefined) {
      await this.power.resume(compute);
      await this.power.pause(compute);
    }
    undo.keep();
    return {
      id,
      computeId: compute,
      pausedMs,
      frozenAtMs,
      store: async () => {
        const stored = this.#stored(seen, request, { id, location, createdAt, pausedMs, checkpoint });
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

  /** In place: the container stays, and what dockerd keeps of its memory with it. */
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
    if (from !== undefined && !(await this.engine.checkpointsOf(container)).includes(from)) {
      throw new OrdealError('snapshot-missing', `dockerd has the memory of "${snapshotId}" no more`, {
        expected: `checkpoint ${from} of container ${record.computeId}`,
        remedy: 'It went with the container that it was made of. Revert to a cold snapshot.',
      });
    }
    await this.folder.setMarks(compute, { ...seen.marks, stopped: true });
    await this.power.kill(compute);
    await this.#put(seen, record.location);
    if (goal === 'off') return;
    if (from === undefined) await this.engine.start(container);
    else await this.engine.startFrom(container, from);
    await this.folder.setMarks(compute, { ...seen.marks, stopped: false });
    if (goal === 'suspended') await this.power.pause(compute);
  }

  /** All or none. */
  async delete(snapshotIds: readonly string[]): Promise<void> {
    const found = await Promise.all(snapshotIds.map((id) => this.folder.read(id)));
    for (const stored of found) {
      if (stored.checkpoint !== undefined) await this.#forget(stored.record.computeId, stored.checkpoint);
      await this.folder.remove(stored);
    }
  }

  exportImages(): Promise<readonly SnapshotImage[]> {
    return Promise.reject(notMoved());
  }

  importImages(): Promise<InstanceSnapshot> {
    return Promise.reject(notMoved());
  }

  /** Where the container is gone its checkpoints went with it. */
  async #forget(compute: ComputeId, checkpoint: string): Promise<void> {
    const seen = await this.containers.find(compute);
    if (seen === undefined || !(await this.engine.checkpointsOf(seen.container)).includes(checkpoint)) return;
    await this.engine.deleteCheckpoint(seen.container, checkpoint);
  }

  /** What was changed in the layer, and the volumes as a whole. Prerequisite: it is paused, or does not run. */
  async #fetch({ container }: Seen, location: string): Promise<void> {
    const changes = await this.engine.changesOf(container);
    const inLayer = topmost(changes, await this.engine.mountsOf(container));
    const paths = [...inLayer, ...container.volumes.map((v) => v.destination)];
    await mkdir(join(location, 'files'), { mode: 0o700 });
    await writeFile(join(location, INDEX), JSON.stringify(paths), { mode: 0o600 });
    for (const [n, path] of paths.entries()) await this.engine.fetch(container, path, archiveIn(location, n));
  }

  async #put({ container }: Seen, location: string): Promise<void> {
    const paths = index.parse(JSON.parse(await readFile(join(location, INDEX), 'utf8')));
    for (const [n, path] of paths.entries()) await this.engine.put(container, archiveIn(location, n), dirname(path));
  }

  #stored(
    seen: Seen,
    request: CreateSnapshotRequest,
    made: Pick<InstanceSnapshot, 'id' | 'location' | 'createdAt' | 'pausedMs'> & { checkpoint: string | undefined },
  ): StoredSnapshot {
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
        bytesStored: 0,
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

const archiveIn = (location: string, n: number): string => join(location, 'files', `${n}.tar`);

const notMoved = (): OrdealError =>
  new OrdealError('capability-missing', 'Snapshots of a dockerd that is out of reach cannot be moved', {
    remedy: 'Run Ordeal on its host, as root: then there are image files.',
  });

/** Of what was changed: no directory that is there only for what lies in it, nothing in one that is taken as a whole. */
export function topmost(changes: readonly Change[], mounts: readonly string[]): string[] {
  const there = changes.filter((c) => !c.isDeleted).map((c) => c.path);
  const isIn = (path: string, folder: string) => path.startsWith(`${folder}/`);
  return there.filter(
    (path) =>
      !there.some((other) => isIn(other, path)) && !mounts.some((m) => m === path || isIn(m, path) || isIn(path, m)),
  );
}

function refuse({ container, powerState }: Seen, request: CreateSnapshotRequest): void {
  const { name, blockers } = container;
  const warm = request.type === 'warm';
  if (warm && powerState !== 'on' && powerState !== 'suspended') {
    throw new OrdealError('vim-failed', `"${name}" is ${powerState} and has no memory to capture`, {
      remedy: 'Ask for a cold snapshot.',
    });
  }
  const lacking = [
    ...(warm ? blockers : []),
    ...(request.memory === 'internal' ? ['memory inside of a disk image: a container has no such image'] : []),
    ...(request.disk?.file === 'internal' ? ['disk snapshots inside of a disk image: a layer is a directory'] : []),
    ...(request.disk?.copy === 'incremental' ? ['incremental disks: files are fetched whole'] : []),
    ...(request.path === undefined ? [] : ['a path of your own: the memory lies with dockerd']),
    ...(request.volumes === undefined ? [] : ['a choice of volumes: all of them are fetched']),
  ];
  if (lacking.length === 0) return;
  throw new OrdealError('capability-missing', `"${name}" cannot be captured so over an API: ${lacking.join('; ')}`);
}
