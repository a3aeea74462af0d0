import type { VnfSnapshot } from '../model/snapshot.js';
import { type AttributeFilter, isNumeric, parseAttributeFilter, type SimpleFilter } from './attribute-filter.js';
import type { AttributeIndex, IndexedCondition } from './attribute-index.js';
import type { Database } from './database.js';
import { secondAfter } from './snapshot-number.js';

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

/** What the database decides, and what is to be read in the records that it names. */
export interface VnfSnapshotQuery {
  readonly from: string;
  readonly where: string;
  readonly values: readonly string[];
  readonly read: AttributeFilter;
  /** What decides of `read` when many records have been read already. */
  readonly later: { readonly sql: string; readonly values: readonly string[] };
  readonly limit: number;
}

/** Attributes that have a column, whose index has them in the order of the answer. */
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

const signs: Readonly<Record<string, string>> = { gt: '>', gte: '>=', lt: '<', lte: '<=' };

/** @throws OrdealError of kind usage: the filter is not well-formed */
export function planQuery(filter: VnfSnapshotFilter, attributes: AttributeIndex): VnfSnapshotQuery {
  const conditions = ["availability = 'available'"];
  const values: string[] = [];
  const add = (sql: string, ...more: readonly (string | undefined)[]) => {
    const given = more.filter((value) => value !== undefined);
    if (given.length < more.length) return;
    conditions.push(sql);
    values.push(...given);
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
  const read: SimpleFilter[] = [];
  const later = { sql: '', values: [] as string[] };
  const drivers: Extract<IndexedCondition, { kind: 'drives' }>[] = [];
  const where = typeof filter.where === 'string' ? parseAttributeFilter(filter.where) : (filter.where ?? []);
  for (const it of where) {
    const column = columns[it.attribute.join('/')];
    if (column !== undefined && (it.operator === 'eq' || it.operator === 'in')) {
      add(`${column} in (select value from json_each(?))`, JSON.stringify(it.values));
      continue;
    }
    const sign = signs[it.operator];
    if (column === 'creationStartedAt' && sign !== undefined && !isNumeric(it.values[0] ?? '')) {
      add(`${column} ${sign} ?`, it.values[0]);
      continue;
    }
    const decided = attributes.condition(it);
    if (decided.kind === 'read') {
      read.push(it);
      later.sql += ` and ${decided.sql}`;
      later.values.push(...decided.values);
    } else if (decided.kind === 'drives') drivers.push(decided);
    else add(decided.sql, ...decided.values);
  }
  // The rarest finds the snapshots, the others look at what it has found.
  const [first, ...others] = drivers.sort((a, b) => a.found - b.found);
  for (const it of others) add(`number in (${it.sql})`, ...it.values);
  return {
    from:
      first === undefined
        ? 'vnf_snapshot'
        : `(select distinct snapshot from (${first.sql})) cross join vnf_snapshot on number = snapshot`,
    where: conditions.join(' and '),
    values: [...(first?.values ?? []), ...values],
    read,
    later,
    limit: Math.max(0, Math.trunc(filter.limit ?? Number.MAX_SAFE_INTEGER)),
  };
}

/**
 * Where it is not known how many have to be read: few at first, as they tell whether many match. What follows is found by
 * its number, as an index has that in order.
 */
const atFirst = 128;
const atOnce = 512;

/** The newest first. */
export function* idsOf(
  database: Database,
  { from, where, values, read, later, limit }: VnfSnapshotQuery,
): Generator<string> {
  const ordered = 'order by creationStartedAt desc, id desc limit';
  if (read.length === 0) {
    const sql = `select id from ${from} where ${where} ${ordered} ?`;
    const rows = database.all<{ id: string }>(sql, ...values, limit);
    for (const { id } of rows) yield id;
    return;
  }
  const first = database.all<{ id: string; number: number }>(
    `select id, number from ${from} where ${where} ${ordered} ${atFirst}`,
    ...values,
  );
  for (const { id } of first) yield id;
  const seen = new Set(first.map(({ id }) => id));
  // Within a second, other ways to write a time are not in its order.
  let below = first.length < atFirst ? 0 : secondAfter(first.at(-1)?.number ?? 0);
  while (below > 0) {
    const rows = database.all<{ id: string; number: number }>(
      `select id, number from ${from} where ${where}${later.sql} and number < ? order by number desc limit ${atOnce}`,
      ...[...values, ...later.values, below],
    );
    for (const { id } of rows) if (!seen.has(id)) yield id;
    below = rows.length < atOnce ? 0 : (rows.at(-1)?.number ?? 0);
  }
}
