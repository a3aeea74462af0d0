import { type VnfSnapshot, vnfSnapshot } from '../model/snapshot.js';
import { OrdealError } from '../util/errors.js';
import {
  type AttributeFilter,
  isNumeric,
  matches,
  parseAttributeFilter,
  type SimpleFilter,
} from './attribute-filter.js';
import type { Database } from './database.js';

export interface VnfSnapshotFilter {
  readonly ids?: readonly string[];
  readonly vnf?: string;
  readonly service?: string;
  readonly vnfc?: string;
  readonly name?: string;
  readonly purpose?: VnfSnapshot['userDefinedData']['purpose'];
  readonly runId?: string;
  readonly vnfdId?: string;
  /** Created at or after, before: ISO 8601 in UTC. */
  readonly since?: string;
  readonly before?: string;
  /** Attribute-based filter of ETSI GS NFV-SOL 013, 5.2: `(eq,vnfdId,lb-1);(cont,userDefinedData/name,upgrade)`. */
  readonly where?: AttributeFilter | string;
  /** The newest so many; absent: all. */
  readonly limit?: number;
}

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
  constructor(readonly database: Database) {}

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
    const changes = this.database.run(
      'update vnf_snapshot set name = ?, availability = ? where id = ?',
      ...[name, availability, it.id],
    );
    if (changes === 0) throw missingSnapshot(it.id);
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

  /** The newest first. Only what is whole and verified is listed. */
  list(filter: VnfSnapshotFilter = {}): VnfSnapshot[] {
    const { sql, values, rest } = condition(filter);
    const found: VnfSnapshot[] = [];
    const limit = filter.limit ?? Number.POSITIVE_INFINITY;
    const pushedLimit = rest.length === 0 && Number.isFinite(limit) ? ` limit ${Math.max(0, Math.trunc(limit))}` : '';
    // The ids come from indexes alone; then one record after the other, so that memory does not grow with the history.
    const ids = this.database.all<{ id: string }>(
      `select id from vnf_snapshot where ${sql} order by creationStartedAt desc, id desc${pushedLimit}`,
      ...values,
    );
    // A record that does not contain the text of a value cannot match it, and need not be read closely.
    const texts = rest.flatMap(({ operator, values: [text = ''], values: { length } }) =>
      (operator === 'eq' || operator === 'cont') && length === 1 ? [JSON.stringify(text).slice(1, -1)] : [],
    );
    const contains = texts.map(() => ' and instr(record, ?) > 0').join('');
    for (const { id } of ids) {
      if (found.length >= limit) break;
      const row = this.database.first<{ record: string }>(
        `select record from vnf_snapshot_record where id = ?${contains}`,
        ...[id, ...texts],
      );
      if (row === undefined) continue;
      const it = recordOf(row);
      if (matches(it, rest)) found.push(it);
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
    this.database.run('delete from vnf_snapshot where id = ?', id);
  }
}

/** Attributes that have a column with an index: one value at most for each snapshot. */
const columns: Readonly<Record<string, string>> = {
  id: 'id',
  vnfInstanceId: 'vnfInstanceId',
  vnfdId: 'vnfdId',
  creationStartedAt: 'creationStartedAt',
  'userDefinedData/service': 'service',
  'userDefinedData/name': 'name',
  'userDefinedData/purpose': 'purpose',
  'userDefinedData/runId': 'runId',
};

const parts: Readonly<Record<string, string>> = {
  'vnfcSnapshots/id': 'id',
  'vnfcSnapshots/vnfcInstanceId': 'vnfcInstanceId',
  'vnfcSnapshots/computeSnapshotResource/resourceId': 'resourceId',
};

/** What the database can decide, and what is left to be looked at. */
function condition(filter: VnfSnapshotFilter): { sql: string; values: string[]; rest: AttributeFilter } {
  const conditions = ["availability = 'available'"];
  const values: string[] = [];
  const rest: AttributeFilter[number][] = [];
  const add = (sql: string, value: string | undefined) => {
    if (value === undefined) return;
    conditions.push(sql);
    values.push(value);
  };
  add('vnfInstanceId = ?', filter.vnf);
  add('service = ?', filter.service);
  add('name = ?', filter.name);
  add('purpose = ?', filter.purpose);
  add('runId = ?', filter.runId);
  add('vnfdId = ?', filter.vnfdId);
  add('creationStartedAt >= ?', filter.since);
  add('creationStartedAt < ?', filter.before);
  add('id in (select vnfSnapshotId from vnfc_snapshot where vnfcInstanceId = ?)', filter.vnfc);
  add('id in (select value from json_each(?))', filter.ids && JSON.stringify(filter.ids));
  const where = typeof filter.where === 'string' ? parseAttributeFilter(filter.where) : (filter.where ?? []);
  for (const it of where) {
    const path = it.attribute.join('/');
    const pushed = ofColumn(it, columns[path]) ?? ofPart(it, parts[path]);
    if (pushed === undefined) rest.push(it);
    else {
      conditions.push(pushed.sql);
      values.push(...pushed.values);
    }
  }
  return { sql: conditions.join(' and '), values, rest };
}

interface Condition {
  readonly sql: string;
  readonly values: readonly string[];
}

const among = 'in (select value from json_each(?))';
const comparisons: Readonly<Record<string, string>> = { gt: '>', gte: '>=', lt: '<', lte: '<=' };

/** The same as `matches` says of the record. An attribute that is not there is null here, and equals nothing. */
function ofColumn({ operator, values }: SimpleFilter, column: string | undefined): Condition | undefined {
  if (column === undefined) return undefined;
  const list = [JSON.stringify(values)];
  const contains = `(${values.map(() => `instr(${column}, ?) > 0`).join(' or ')})`;
  switch (operator) {
    case 'eq':
    case 'in':
      return { sql: `${column} ${among}`, values: list };
    case 'neq':
    case 'nin':
      return { sql: `(${column} is null or not ${column} ${among})`, values: list };
    case 'cont':
      return { sql: contains, values };
    case 'ncont':
      return { sql: `(${column} is null or not ${contains})`, values };
    default: {
      const [value = ''] = values;
      // What looks like a number may be compared as one, and what is not ASCII is ordered in another way by the database.
      const isPlain = values.length === 1 && /^[ -~]+$/.test(value) && !isNumeric(value);
      return isPlain ? { sql: `${column} ${comparisons[operator]} ?`, values: [value] } : undefined;
    }
  }
}

/** Of the VNFC Snapshots: one that does is enough. */
function ofPart({ operator, values }: SimpleFilter, part: string | undefined): Condition | undefined {
  if (part === undefined || !['eq', 'in', 'neq', 'nin'].includes(operator)) return undefined;
  const not = operator === 'neq' || operator === 'nin' ? 'not ' : '';
  const sql = `id ${not}in (select vnfSnapshotId from vnfc_snapshot where ${part} ${among})`;
  return { sql, values: [JSON.stringify(values)] };
}

/** It was checked when it was written, and nobody else writes here. */
const recordOf = (row: { record: string }): VnfSnapshot => JSON.parse(row.record);

const missingSnapshot = (id: string): OrdealError =>
  new OrdealError('snapshot-missing', `VNF Snapshot "${id}" is not in the repository`, {
    remedy: 'List what there is with `ordeal snapshot list`.',
  });
