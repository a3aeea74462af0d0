import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import { changed, type InstanceSnapshot, type SnapshotChange } from '../model/snapshot.js';
import type { SnapshotFilter } from '../model/vim.js';
import { writeAtomically } from '../util/atomic-file.js';
import { errnoOf, OrdealError } from '../util/errors.js';
import { readValidated } from '../util/validate.js';

export const RECORD = 'snapshot.json';

/** What a driver keeps of a snapshot: the record that all VIMs have, and what this one needs to bring it back. */
interface Stored {
  readonly record: InstanceSnapshot;
  readonly runId?: string | undefined;
}

/** A folder for each snapshot, `<id>/snapshot.json`. What has no record yet, or no more, is not a snapshot. */
export class SnapshotRecords<S extends Stored> {
  constructor(
    readonly snapshots: string,
    readonly schema: z.ZodType<S>,
  ) {}

  folderOf(id: string): string {
    return join(this.snapshots, id);
  }

  async write(stored: S): Promise<void> {
    const file = join(this.folderOf(stored.record.id), RECORD);
    await writeAtomically(file, JSON.stringify(this.schema.parse(stored), undefined, 2));
  }

  /** @throws OrdealError of kind snapshot-missing, or snapshot-corrupt */
  async read(id: string): Promise<S> {
    const found = /^[A-Za-z0-9._-]+$/.test(id) ? await this.#find(id) : undefined;
    if (found !== undefined) return found;
    throw new OrdealError('snapshot-missing', `There is no snapshot "${id}"`, {
      where: this.snapshots,
      remedy: 'See `ordeal snapshot list`.',
    });
  }

  async #find(id: string): Promise<S | undefined> {
    try {
      return await readValidated(join(this.folderOf(id), RECORD), this.schema, 'snapshot-corrupt');
    } catch (e) {
      if (e instanceof OrdealError && e.kind === 'file-missing') return undefined;
      throw e;
    }
  }

  /** In the order in which they were made. */
  async all(): Promise<S[]> {
    const ids = await readdir(this.snapshots).catch((e: unknown) => {
      if (errnoOf(e) === 'ENOENT') return [];
      throw e;
    });
    const found = await Promise.all(ids.map((id) => this.#find(id)));
    return found
      .filter((s) => s !== undefined)
      .sort((a, b) => a.record.createdAt.localeCompare(b.record.createdAt) || (a.record.id < b.record.id ? -1 : 1));
  }

  /** In the order in which they were made. */
  async list({ ids, resource, name, runId, type }: SnapshotFilter = {}): Promise<InstanceSnapshot[]> {
    return (await this.all())
      .filter(
        ({ record, runId: run }) =>
          (ids === undefined || ids.includes(record.id)) &&
          (resource === undefined || record.resource === resource) &&
          (name === undefined || record.name === name) &&
          (runId === undefined || run === runId) &&
          (type === undefined || record.type === type),
      )
      .map((s) => s.record);
  }
}

/** What every driver that keeps such records answers alike. */
export class RecordedSnapshots<S extends Stored, F extends SnapshotRecords<S>> {
  constructor(readonly folder: F) {}

  list(filter?: SnapshotFilter): Promise<InstanceSnapshot[]> {
    return this.folder.list(filter);
  }

  async show(snapshotId: string): Promise<InstanceSnapshot> {
    return (await this.folder.read(snapshotId)).record;
  }

  async update(snapshotId: string, change: SnapshotChange): Promise<InstanceSnapshot> {
    const stored = await this.folder.read(snapshotId);
    const record = changed(stored.record, change);
    await this.folder.write({ ...stored, record });
    return record;
  }
}
