import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { instanceSnapshot } from '../../model/snapshot.js';
import { SnapshotRecords } from '../snapshot-records.js';
import { Drafts } from './drafts.js';

export const storedSnapshot = z.object({
  format: z.literal('ordeal.libvirt-snapshot/1'),
  record: instanceSnapshot,
  runId: z.string().optional(),
  technique: z.enum(['internal', 'external']),
  /** libvirt's save image; absent for a cold snapshot, and for an internal one. */
  memoryFile: z.string().optional(),
  /** As the domain was defined at that time. */
  domainXml: z.string(),
  /** Frozen images, never to be written again; internal: the images that hold the snapshot. */
  disks: z.array(z.object({ id: z.string(), target: z.string(), file: z.string(), format: z.string() })),
});
export type StoredSnapshot = z.output<typeof storedSnapshot>;

/**
 * What the driver keeps on the host of the VMs: `snapshots/<id>/snapshot.json` with what belongs to it, and `overlays/`
 * with the disks that grow since a snapshot. libvirt's own metadata is not relied on: its deletion of external
 * snapshots is not dependable before 9.9.
 */
export class SnapshotFolder extends SnapshotRecords<StoredSnapshot> {
  readonly root: string;

  constructor(folder: string) {
    super(join(resolve(folder), 'snapshots'), storedSnapshot);
    this.root = resolve(folder);
  }

  get overlays(): string {
    return join(this.root, 'overlays');
  }

  get injections(): string {
    return join(this.root, 'injections');
  }

  get drafts(): Drafts {
    return new Drafts(join(this.root, 'drafts'));
  }

  async prepare(): Promise<void> {
    for (const folder of [this.overlays, this.snapshots, this.injections]) {
      await mkdir(folder, { recursive: true, mode: 0o711 });
    }
  }

  async remove({ record }: StoredSnapshot): Promise<void> {
    const folder = this.folderOf(record.id);
    if (resolve(record.location) !== folder) await rm(record.location, { recursive: true, force: true });
    await rm(folder, { recursive: true, force: true });
  }
}
