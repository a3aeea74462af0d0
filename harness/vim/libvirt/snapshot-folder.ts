import { mkdir, readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { type InstanceSnapshot, instanceSnapshot } from '../../model/snapshot.js';
import type { SnapshotFilter } from '../../model/vim.js';
import { writeAtomically } from '../../util/atomic-file.js';
import { OrdealError } from '../../util/errors.js';
import { readValidated } from '../../util/validate.js';
import { Drafts } from './drafts.js';

export const RECORD = 'snapshot.json';

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
export class SnapshotFolder {
  readonly root: string;

  constructor(folder: string) {
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

  folderOf(id: string): string {
    return join(this.root, 'snapshots', id);
  }

  async prepare(): Promise<void> {
    for (const folder of [this.overlays, join(this.root, 'snapshots'), this.injections]) {
      await mkdir(folder, { recursive: true, mode: 0o711 });
    }
  }

  async write(stored: StoredSnapshot): Promise<void> {
    const file = join(this.folderOf(stored.record.id), RECORD);
    await writeAtomically(file, JSON.stringify(storedSnapshot.parse(stored), undefined, 2));
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
      return await readValidated(join(this.folderOf(id), RECORD), storedSnapshot, 'snapshot-corrupt');
    } catch (e) {
      throw e instanceof OrdealError && e.kind === 'file-missing' ? missing() : e;
    }
  }

  /** In the order in which they were made. What has no record yet is not a snapshot. */
  async all(): Promise<StoredSnapshot[]> {
    const ids = await readdir(join(this.root, 'snapshots')).catch(() => []);
    const found = await Promise.all(
      ids.map((id) =>
        this.read(id).catch((e) => {
          if (e instanceof OrdealError && e.kind === 'snapshot-missing') return undefined;
          throw e;
        }),
      ),
    );
    return found
      .filter((s) => s !== undefined)
      .sort((a, b) => a.record.createdAt.localeCompare(b.record.createdAt) || (a.record.id < b.record.id ? -1 : 1));
  }

  async list(filter: SnapshotFilter = {}): Promise<InstanceSnapshot[]> {
    const { ids, resource, name, runId, type } = filter;
    return (await this.all())
      .filter(({ record, runId: run }) => {
        return (
          (ids === undefined || ids.includes(record.id)) &&
          (resource === undefined || record.resource === resource) &&
          (name === undefined || record.name === name) &&
          (runId === undefined || run === runId) &&
          (type === undefined || record.type === type)
        );
      })
      .map((s) => s.record);
  }

  async remove({ record }: StoredSnapshot): Promise<void> {
    const folder = this.folderOf(record.id);
    if (resolve(record.location) !== folder) await rm(record.location, { recursive: true, force: true });
    await rm(folder, { recursive: true, force: true });
  }
}
