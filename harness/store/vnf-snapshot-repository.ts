import { type VnfSnapshot, vnfSnapshot } from '../model/snapshot.js';
import { OrdealError } from '../util/errors.js';
import { matches } from './attribute-filter.js';
import { AttributeIndex } from './attribute-index.js';
import type { Database } from './database.js';
import { firstNumberAt } from './snapshot-number.js';
import { idsOf, planQuery, type VnfSnapshotFilter } from './vnf-snapshot-query.js';

export type { VnfSnapshotFilter } from './vnf-snapshot-query.js';

export type Availability = 'creating' | 'available' | 'corrupt' | 'deleting';

/** Where the parts of a VNF Snapshot lie; the repository holds references, the VIMs hold the data (clause 6.3). */
export interface VnfcSnapshotLocation {
  readonly vnfcInstanceId: string;
  readonly vimConnectionId: string | null;
  readonly resourceId: string | null;
  readonly location: string | null;
}

/** The VNF/VNFC Snapshot repository of the VNFM: location, content, availability (Vnfm.008). */
export class VnfSnapshotRepository {
  readonly #attributes: AttributeIndex;

  constructor(readonly database: Database) {
    this.#attributes = new AttributeIndex(database);
  }

  /**
   * Announces a snapshot that is about to be taken. It is not listed, but known: should the process die, it tells the
   * next one what to clean up.
   */
  begin(snapshot: VnfSnapshot, vnfd: unknown): void {
    const it = vnfSnapshot.parse(snapshot);
    const { name, purpose, service, runId } = it.userDefinedData;
    this.database.atomically(() => {
      this.database.run(
        `insert into vnf_snapshot (id, vnfInstanceId, service, vnfdId, name, purpose, runId, creationStartedAt, availability)
         values (?, ?, ?, ?, ?, ?, ?, ?, 'creating')`,
        ...[it.id, it.vnfInstanceId, service ?? null, it.vnfdId, name, purpose, runId ?? null, it.creationStartedAt],
      );
      this.database.run(
        'insert into vnf_snapshot_record (id, record, vnfd) values (?, ?, ?)',
        ...[it.id, JSON.stringify(it), vnfd === undefined ? null : JSON.stringify(vnfd)],
      );
    });
  }

  /** All of them are listed from now on, or none is: those of one consistent cut belong together. */
  complete(snapshots: readonly VnfSnapshot[]): void {
    const parsed = snapshots.map((s) => vnfSnapshot.parse(s));
    this.database.transaction(() => {
      for (const it of parsed) this.#write(it, 'available');
    });
  }

  /** A snapshot made elsewhere, such as one extracted from a package. */
  add(snapshot: VnfSnapshot, vnfd?: unknown): void {
    const it = vnfSnapshot.parse(snapshot);
    if (this.availability(it.id) !== undefined) {
      throw new OrdealError('busy', `VNF Snapshot "${it.id}" is in the repository already`, {
        remedy: 'Delete it first, or give the other one a new id.',
      });
    }
    this.begin(it, vnfd);
    this.complete([it]);
  }

  #write(it: VnfSnapshot, availability: Availability): void {
    const { name } = it.userDefinedData;
    const before = this.#entered(it.id);
    if (before === undefined) throw missingSnapshot(it.id);
    this.database.run(
      'update vnf_snapshot set name = ?, availability = ? where id = ?',
      ...[name, availability, it.id],
    );
    if (availability === 'available' || before.number !== undefined) {
      this.#attributes.put(before.number ?? this.#number(it), it, before.record);
    }
    this.database.run('update vnf_snapshot_record set record = ? where id = ?', JSON.stringify(it), it.id);
    this.database.run('delete from vnfc_snapshot where vnfSnapshotId = ?', it.id);
    for (const vnfc of it.vnfcSnapshots) {
      const { location } = vnfc.userDefinedData;
      this.database.run(
        'insert into vnfc_snapshot (id, vnfSnapshotId, vnfcInstanceId, vimConnectionId, resourceId, location) values (?, ?, ?, ?, ?, ?)',
        vnfc.id,
        it.id,
        vnfc.vnfcInstanceId,
        vnfc.computeSnapshotResource?.vimConnectionId ?? null,
        vnfc.computeSnapshotResource?.resourceId ?? null,
        typeof location === 'string' ? location : null,
      );
    }
  }

  /** What the index of attributes has of it: nothing before it has a number. */
  #entered(id: string): { readonly number?: number; readonly record?: VnfSnapshot } | undefined {
    const row = this.database.first<{ record: string; number: number | null }>(
      'select record, number from vnf_snapshot join vnf_snapshot_record using (id) where id = ?',
      id,
    );
    if (row === undefined) return undefined;
    return row.number === null ? {} : { number: row.number, record: recordOf(row) };
  }

  /** The first free one of its time. */
  #number({ id, creationStartedAt }: VnfSnapshot): number {
    const first = firstNumberAt(creationStartedAt);
    const afterIt = (more: string) =>
      this.database.first<{ number: number }>(
        `select number + 1 as number from vnf_snapshot as it where number ${more} order by number limit 1`,
        first,
      )?.number;
    const isGap = 'not exists (select 1 from vnf_snapshot where number = it.number + 1)';
    const number = afterIt('= ?') === undefined ? first : (afterIt(`>= ? and ${isGap}`) ?? first);
    this.database.run('update vnf_snapshot set number = ? where id = ?', number, id);
    return number;
  }

  /** Those of a repository from before there was an index of attributes: some at a time, so that others can write. */
  #enterOlder(): void {
    const older = `select id, record from vnf_snapshot join vnf_snapshot_record using (id)
      where number is null and availability = 'available' limit 500`;
    if (this.database.first(older) === undefined) return;
    for (let rows = 1; rows > 0; ) {
      this.database.transaction(() => {
        const some = this.database.all<{ id: string; record: string }>(older);
        for (const row of some) {
          const it = recordOf(row);
          this.#attributes.put(this.#number(it), it);
        }
        rows = some.length;
      });
    }
  }

  /** The newest first. Only what is whole and verified is listed. */
  list(filter: VnfSnapshotFilter = {}): VnfSnapshot[] {
    if (filter.where !== undefined) this.#enterOlder();
    const query = planQuery(filter, this.#attributes);
    const found: VnfSnapshot[] = [];
    // One record after the other, so that memory does not grow with the history.
    for (const id of query.limit === 0 ? [] : idsOf(this.database, query)) {
      const row = this.database.first<{ record: string }>('select record from vnf_snapshot_record where id = ?', id);
      if (row === undefined) continue;
      const it = recordOf(row);
      if (!matches(it, query.read)) continue;
      found.push(it);
      if (found.length >= query.limit) break;
    }
    return found;
  }

  /** @throws OrdealError of kind snapshot-missing, or snapshot-corrupt when verification found it so */
  show(id: string): VnfSnapshot {
    const row = this.database.first<{ record: string; availability: Availability }>(
      'select record, availability from vnf_snapshot join vnf_snapshot_record using (id) where id = ?',
      id,
    );
    if (row?.availability === 'corrupt') {
      throw new OrdealError('snapshot-corrupt', `VNF Snapshot "${id}" was found corrupt`, {
        remedy: 'Delete it and use another; its record can still be queried.',
      });
    }
    if (row === undefined || row.availability !== 'available') throw missingSnapshot(id);
    return recordOf(row);
  }

  availability(id: string): Availability | undefined {
    return this.database.first<{ availability: Availability }>('select availability from vnf_snapshot where id = ?', id)
      ?.availability;
  }

  mark(id: string, availability: Availability): void {
    if (this.database.run('update vnf_snapshot set availability = ? where id = ?', availability, id) === 0) {
      throw missingSnapshot(id);
    }
  }

  /** Begun or about to be deleted, and not finished. */
  unfinished(): { snapshot: VnfSnapshot; availability: Availability }[] {
    return this.database
      .all<{ record: string; availability: Availability }>(
        "select record, availability from vnf_snapshot join vnf_snapshot_record using (id) where availability in ('creating', 'deleting')",
      )
      .map((row) => ({ snapshot: recordOf(row), availability: row.availability }));
  }

  /** The VNFD as it was when the snapshot was taken. */
  vnfd(id: string): unknown {
    const row = this.database.first<{ vnfd: string | null }>('select vnfd from vnf_snapshot_record where id = ?', id);
    return row?.vnfd === null || row === undefined ? undefined : JSON.parse(row.vnfd);
  }

  locations(id: string): VnfcSnapshotLocation[] {
    return this.database.all<VnfcSnapshotLocation>(
      'select vnfcInstanceId, vimConnectionId, resourceId, location from vnfc_snapshot where vnfSnapshotId = ?',
      id,
    );
  }

  /** The VNF Snapshots that refer to an instance snapshot of a VIM. */
  referringTo(vimConnectionId: string, resourceId: string): string[] {
    return this.database
      .all<{ vnfSnapshotId: string }>(
        'select distinct vnfSnapshotId from vnfc_snapshot where resourceId = ? and vimConnectionId = ?',
        resourceId,
        vimConnectionId,
      )
      .map((row) => row.vnfSnapshotId);
  }

  /** Renames, or changes user-defined data (table 5.1.3.4-1); or, of one being made, says how far it has got. */
  update(snapshot: VnfSnapshot, availability: 'available' | 'creating' = 'available'): void {
    const it = vnfSnapshot.parse(snapshot);
    this.database.transaction(() => this.#write(it, availability));
  }

  /** Removes the record; idempotent. What the VIMs hold is the engine's to delete first. */
  remove(id: string): void {
    this.database.atomically(() => {
      const { number, record } = this.#entered(id) ?? {};
      if (number !== undefined && record !== undefined) this.#attributes.remove(number, record);
      this.database.run('delete from vnf_snapshot where id = ?', id);
    });
  }
}

/** It was checked when it was written, and nobody else writes here. */
const recordOf = (row: { record: string }): VnfSnapshot => JSON.parse(row.record);

const missingSnapshot = (id: string): OrdealError =>
  new OrdealError('snapshot-missing', `VNF Snapshot "${id}" is not in the repository`, {
    remedy: 'List what there is with `ordeal snapshot list`.',
  });
