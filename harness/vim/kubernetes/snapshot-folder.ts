import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { instanceSnapshot } from '../../model/snapshot.js';
import { SnapshotRecords } from '../snapshot-records.js';

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
export class SnapshotFolder extends SnapshotRecords<StoredSnapshot> {
  constructor(folder: string) {
    super(join(resolve(folder), 'snapshots'), storedSnapshot);
  }

  override async write(stored: StoredSnapshot): Promise<void> {
    await mkdir(this.folderOf(stored.record.id), { recursive: true, mode: 0o700 });
    await super.write(stored);
  }

  async remove(id: string): Promise<void> {
    await rm(this.folderOf(id), { recursive: true, force: true });
  }
}
