import { OrdealError } from '../util/errors.js';
import { type AttributeFilter, matches, parseAttributeFilter } from './attribute-filter.js';
import type { Database } from './database.js';

/** What the repository needs to know of a package record; the rest of it belongs to harness/package. */
export interface StoredPackage {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly createdAt: string;
  readonly vnfSnapshotId?: string | undefined;
}

export interface PackageFilter {
  readonly id?: string;
  readonly name?: string;
  readonly state?: string;
  readonly vnfSnapshotId?: string;
  readonly where?: AttributeFilter | string;
}

/**
 * The package repository of the VNFM: location, content, availability (Vnfm.009). Records are plain data and are
 * returned unchecked: their schema is the package's own.
 */
export class PackageRepository {
  constructor(readonly database: Database) {}

  /** Adds it, or replaces the one with the same id. @param location the package's file or URL; absent before it is built */
  put(record: StoredPackage, location?: string): void {
    this.database.run(
      `insert into package (id, name, state, vnfSnapshotId, location, createdAt, record) values (?, ?, ?, ?, ?, ?, ?)
       on conflict (id) do update set name = excluded.name, state = excluded.state, vnfSnapshotId = excluded.vnfSnapshotId,
         location = coalesce(excluded.location, location), record = excluded.record`,
      ...[record.id, record.name, record.state, record.vnfSnapshotId ?? null, location ?? null, record.createdAt],
      JSON.stringify(record),
    );
  }

  /** The newest first. */
  list(filter: PackageFilter = {}): { record: unknown; location?: string }[] {
    const conditions = ['true'];
    const values: string[] = [];
    for (const column of ['id', 'name', 'state', 'vnfSnapshotId'] as const) {
      const value = filter[column];
      if (value === undefined) continue;
      conditions.push(`${column} = ?`);
      values.push(value);
    }
    const where = typeof filter.where === 'string' ? parseAttributeFilter(filter.where) : (filter.where ?? []);
    const found: { record: unknown; location?: string }[] = [];
    const rows = this.database.each<{ record: string; location: string | null }>(
      `select record, location from package where ${conditions.join(' and ')} order by createdAt desc, id desc`,
      ...values,
    );
    for (const row of rows) {
      const record: unknown = JSON.parse(row.record);
      if (matches(record, where)) found.push({ record, ...(row.location === null ? {} : { location: row.location }) });
    }
    return found;
  }

  /** @throws OrdealError of kind snapshot-missing */
  show(id: string): { record: unknown; location?: string } {
    const [found] = this.list({ id });
    if (found !== undefined) return found;
    throw new OrdealError('snapshot-missing', `Package "${id}" is not in the repository`, {
      remedy: 'List what there is with `ordeal package list`.',
    });
  }

  /** Idempotent. The file is the caller's to remove first. */
  remove(id: string): void {
    this.database.run('delete from package where id = ?', id);
  }
}
