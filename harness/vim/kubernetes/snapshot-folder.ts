import { mkdir, readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { type InstanceSnapshot, instanceSnapshot } from '../../model/snapshot.js';
import type { SnapshotFilter } from '../../model/vim.js';
import { writeAtomically } from '../../util/atomic-file.js';
import { OrdealError } from '../../util/errors.js';
import { readValidated } from '../../util/validate.js';

export const storedSnapshot = z.object({
  format: z.literal('ordeal.kubernetes-snapshot/1'),
  record: instanceSnapshot,
  runId: z.string().optional(),
  namespace: z.string(),
  /** The Deployment's pod template: the revision that is gone back to. */
  template: z.record(z.string(), z.unknown()),
  replicas: z.number(),
  volumes: z.array(
    z.object({
      disk: z.string(),
      claim: z.string(),
      /** The VolumeSnapshot. */
      snapshot: z.string(),
      /** Of the claim, as far as a new one from the snapshot needs it. */
      spec: z.record(z.string(), z.unknown()),
    }),
  ),
  /** The kubelet's archive of the container's memory; absent for a cold snapshot. */
  checkpointFile: z.string().optional(),
  /** The objects as they were, without secrets: for the reader of the package. */
  objects: z.record(z.string(), z.unknown()),
});
export type StoredSnapshot = z.output<typeof storedSnapshot>;

/** What the driver keeps where it runs: `snapshots/<id>/snapshot.json`, and the checkpoint beside it. */
export class SnapshotFolder {
  readonly root: string;

  constructor(folder: string) {
    this.root = resolve(folder);
  }

  folderOf(id: string): string {
    return join(this.root, 'snapshots', id);
  }

  async write(stored: StoredSnapshot): Promise<void> {
    await mkdir(this.folderOf(stored.record.id), { recursive: true, mode: 0o700 });
    const text = JSON.stringify(storedSnapshot.parse(stored), undefined, 2);
    await writeAtomically(join(this.folderOf(stored.record.id), 'snapshot.json'), text);
  }

  /** @throws OrdealError of kind snapshot-missing */
  async read(id: string): Promise<StoredSnapshot> {
    const missing = () =>
      new OrdealError('snapshot-missing', `There is no snapshot "${id}"`, {
        where: join(this.root, 'snapshots'),
        remedy: 'See `ordeal snapshot list`.',
      });
    if (!/^[A-Za-z0-9._-]+$/.test(id)) throw missing();
    try {
      return await readValidated(join(this.folderOf(id), 'snapshot.json'), storedSnapshot, 'snapshot-corrupt');
    } catch (e) {
      throw e instanceof OrdealError && e.kind === 'file-missing' ? missing() : e;
    }
  }

  async list({ ids, resource, name, runId, type }: SnapshotFilter = {}): Promise<InstanceSnapshot[]> {
    const names = await readdir(join(this.root, 'snapshots')).catch((e: NodeJS.ErrnoException) => {
      if (e.code === 'ENOENT') return [];
      throw e;
    });
    const found = await Promise.all(
      names.map((id) =>
        this.read(id).catch((e: unknown) => {
          // A folder without a record is a snapshot that was never finished.
          if (e instanceof OrdealError && e.kind === 'snapshot-missing') return undefined;
          throw e;
        }),
      ),
    );
    return found
      .filter((s) => s !== undefined)
      .filter(
        ({ record, runId: run }) =>
          (ids === undefined || ids.includes(record.id)) &&
          (resource === undefined || record.resource === resource) &&
          (name === undefined || record.name === name) &&
          (runId === undefined || run === runId) &&
          (type === undefined || record.type === type),
      )
      .map((s) => s.record)
      .sort((a, b) => a.createdAt.localeCompare(b.createdAt) || (a.id < b.id ? -1 : 1));
  }

  async remove(id: string): Promise<void> {
    await rm(this.folderOf(id), { recursive: true, force: true });
  }
}
