import { createReadStream } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { InstanceSnapshot } from '../../model/snapshot.js';
import type {
  CapturedSnapshot,
  ComputeId,
  CreateSnapshotRequest,
  RevertOptions,
  SnapshotImage,
  Snapshots,
} from '../../model/vim.js';
import { OrdealError } from '../../util/errors.js';
import { newId } from '../../util/ids.js';
import { Undo } from '../../util/undo.js';
import { RecordedSnapshots } from '../snapshot-records.js';
import type { Checkpoints } from './checkpoint.js';
import { objectName } from './marks.js';
import { redacted } from './redaction.js';
import type { SnapshotFolder, StoredSnapshot } from './snapshot-folder.js';
import { serviceLabels, type Volumes, withClaims } from './volumes.js';
import type { Workloads } from './workloads.js';

const CHECKPOINT = 'checkpoint.tar';

/** Volumes by CSI snapshots, memory by the kubelet's checkpoint, and the revision of the workload. */
export class KubernetesSnapshots extends RecordedSnapshots<StoredSnapshot, SnapshotFolder> implements Snapshots {
  constructor(
    readonly workloads: Workloads,
    readonly volumes: Volumes,
    readonly checkpoints: Checkpoints,
    folder: SnapshotFolder,
  ) {
    super(folder);
  }

  async capture(compute: ComputeId, request: CreateSnapshotRequest): Promise<CapturedSnapshot> {
    refuseTechniques(request);
    const seen = await this.workloads.see(compute);
    const state = await this.workloads.describe(seen);
    if (request.type === 'warm' && state.powerState !== 'on') {
      throw new OrdealError('vim-failed', `"${compute}" is ${state.powerState}: there is no memory to capture`, {
        remedy: 'Take a cold snapshot, or start it.',
      });
    }
    const id = newId('snap');
    const claims = [...this.workloads.claims(seen)];
    const wanted = claims.filter(([disk]) => request.volumes === undefined || request.volumes.includes(disk));
    const undo = new Undo();
    const volumes: StoredSnapshot['volumes'][number][] = [];
    let checkpoint: { node: string; file: string; tookMs: number } | undefined;
    const frozenAtMs = performance.now();
    try {
      if (request.type === 'warm') checkpoint = await this.checkpoints.take(seen);
      for (const [disk, claim] of wanted) {
        const name = objectName(`${id}-${disk}`);
        const volume = await this.volumes.snapshot(disk, claim, name, request.runId);
        undo.defer(`remove the snapshot of ${disk}`, () => this.volumes.drop(volume));
        volumes.push(volume);
      }
      if (request.after === 'stopped') await this.workloads.stop(compute, 20_000);
    } catch (e) {
      await undo.unwind();
      throw e;
    }
    const template = seen.deployment.spec?.template ?? {};
    const record: InstanceSnapshot = {
      id,
      name: request.name,
      description: request.description ?? '',
      createdAt: new Date().toISOString(),
      resource: seen.resource,
      computeId: compute,
      type: request.type,
      powerState: state.powerState,
      disks: state.disks.map((d) => {
        const included = volumes.some((v) => v.disk === d.id);
        return { id: d.id, bytes: d.sizeBytes, included, ...(included ? {} : { reason: 'not asked for' }) };
      }),
      infrastructure: { namespace: this.workloads.namespace, node: seen.pod?.spec?.nodeName, ...state.resources },
      metadata: { ...request.metadata },
      pausedMs: checkpoint?.tookMs ?? 0,
      bytesStored: 0,
      location: this.folder.folderOf(id),
    };
    const stored: StoredSnapshot = {
      format: 'ordeal.kubernetes-snapshot/1',
      record,
      ...(request.runId === undefined ? {} : { runId: request.runId }),
      namespace: this.workloads.namespace,
      template: JSON.parse(JSON.stringify(template)),
      replicas: Math.max(1, seen.deployment.spec?.replicas ?? 1),
      volumes,
      objects: JSON.parse(JSON.stringify(redacted({ deployment: seen.deployment, pod: seen.pod ?? null }))),
    };
    const discard = async () => {
      await undo.unwind();
      await this.folder.remove(id);
    };
    return {
      id,
      computeId: compute,
      pausedMs: record.pausedMs,
      frozenAtMs,
      discard,
      store: async () => {
        try {
          return await this.#store(stored, checkpoint);
        } catch (e) {
          await discard();
          throw e;
        }
      },
    };
  }

  async #store(stored: StoredSnapshot, checkpoint: { node: string; file: string } | undefined) {
    const { id } = stored.record;
    for (const volume of stored.volumes) await this.volumes.ready(volume);
    if (checkpoint === undefined) {
      await this.folder.write(stored);
      return stored.record;
    }
    await mkdir(this.folder.folderOf(id), { recursive: true, mode: 0o700 });
    const checkpointFile = join(this.folder.folderOf(id), CHECKPOINT);
    await this.checkpoints.fetch(checkpoint.node, checkpoint.file, checkpointFile);
    const { size } = await stat(checkpointFile);
    const record: InstanceSnapshot = {
      ...stored.record,
      memory: { bytes: size, technique: 'external' },
      bytesStored: size,
    };
    await this.folder.write({ ...stored, record, checkpointFile });
    return record;
  }

  /** Back to the revision and the volumes of the snapshot; what was in memory is lost. */
  async revert(compute: ComputeId, snapshotId: string, options: RevertOptions = {}): Promise<void> {
    const stored = await this.folder.read(snapshotId);
    if (options.host !== undefined) throw lacks('a host to revert on', 'the scheduler chooses the node');
    if (stored.record.type === 'warm' && options.force !== true) {
      throw lacks('a revert with memory', 'no runtime restores a checkpoint into a pod that exists; take it cold');
    }
    const seen = await this.workloads.see(compute);
    if (!seen.inPlace || seen.resource !== stored.record.resource) {
      throw new OrdealError('unknown-target', `"${compute}" cannot go back to snapshot "${snapshotId}"`, {
        expected: `the VNFC in place of "${stored.record.resource}"`,
      });
    }
    await using undo = new Undo();
    const claims = new Map<string, string>();
    const tag = newId('r').slice(-6);
    const before = [...this.workloads.claims(seen).values()];
    const labels = serviceLabels(seen.deployment);
    for (const volume of stored.volumes) {
      const name = await this.volumes.claimFrom(volume, objectName(`${seen.resource}-${volume.disk}-${tag}`), labels);
      undo.defer(`remove the claim ${name}`, () => this.volumes.dropClaim(name));
      claims.set(volume.claim, name);
    }
    await this.workloads.stop(compute, 20_000);
    const on = (options.state ?? (stored.record.powerState === 'off' ? 'off' : 'on')) !== 'off';
    const template = withClaims(stored.template, claims);
    await this.workloads.patchDeployment(seen.resource, { spec: { template, replicas: on ? stored.replicas : 0 } });
    undo.keep();
    if (on) await this.workloads.ready(seen.resource);
    await this.volumes.dropUnused(before, await this.workloads.deployment(seen.resource));
  }

  /** All are looked for before any is deleted. */
  async delete(snapshotIds: readonly string[]): Promise<void> {
    const found = await Promise.all(snapshotIds.map((id) => this.folder.read(id)));
    for (const stored of found) {
      for (const volume of stored.volumes) await this.volumes.drop(volume);
      await this.folder.remove(stored.record.id);
    }
  }

  /** Memory as the kubelet wrote it, and what the objects were. Volumes stay with their CSI driver. */
  async exportImages(snapshotId: string): Promise<readonly SnapshotImage[]> {
    const { checkpointFile: file, ...stored } = await this.folder.read(snapshotId);
    const state = Buffer.from(JSON.stringify(redacted(stored)));
    const images: SnapshotImage[] = [
      { name: 'state.json', role: 'state', sizeBytes: state.length, open: async () => Readable.from([state]) },
    ];
    if (file === undefined) return images;
    const { size } = await stat(file);
    return [{ name: CHECKPOINT, role: 'memory', sizeBytes: size, open: async () => createReadStream(file) }, ...images];
  }

  async importImages(): Promise<InstanceSnapshot> {
    throw lacks('the import of images', 'volumes stay with their CSI driver, and no runtime takes a checkpoint back');
  }
}

const lacks = (what: string, why: string): OrdealError =>
  new OrdealError('capability-missing', `Kubernetes does not offer ${what}`, { got: why });

function refuseTechniques({ memory, disk, path }: CreateSnapshotRequest): void {
  if (memory === 'internal') throw lacks('memory inside a disk', 'a checkpoint is an archive of its own');
  if (disk?.file === 'internal') throw lacks('internal disk snapshots', 'they are objects of the CSI driver');
  if (disk?.copy !== undefined) throw lacks('a choice of how disks are copied', 'the CSI driver decides that');
  if (path !== undefined) throw lacks('a path for images', 'volume snapshots lie where the CSI driver puts them');
}
