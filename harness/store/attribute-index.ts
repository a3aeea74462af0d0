import { attributesOf, isNumeric, type SimpleFilter } from './attribute-filter.js';
import type { Database } from './database.js';

/** What decides a filter expression: SQL over `vnf_snapshot`, or SQL that lists the numbers of all that match. */
export type IndexedCondition =
  | { readonly kind: 'drives'; readonly sql: string; readonly values: readonly string[]; readonly found: number }
  | { readonly kind: 'checks'; readonly sql: string; readonly values: readonly string[] }
  /** So many values match that reading the records, the newest first, is quicker, unless what matches is old. */
  | { readonly kind: 'read'; readonly sql: string; readonly values: readonly string[] };

/** With more matches than this, snapshots are looked through in their order rather than collected and sorted. */
const worthCollecting = 10_000;
/** Looking a snapshot up under more values than this costs more than to read its record. */
const worthLookingUp = 8;

/** A list of attributes, `[path, value, number]` each, as the database has them. */
const knownValues = `json_each(?) as it
  cross join attribute_path as p on p.path = it.value ->> 0
  cross join attribute_value as v on v.path = p.id and v.value = it.value ->> 1`;

/**
 * Which VNF Snapshot has which value at which path, for every attribute that there is: a query reads no record that it
 * does not return. Values are kept once each; a snapshot is a number under each value that it has.
 */
export class AttributeIndex {
  constructor(readonly database: Database) {}

  /** Prerequisite: within a transaction. @param before what was entered under the number; absent: nothing */
  put(number: number, record: object, before?: object): void {
    const now = attributesOf(record);
    const earlier = before === undefined ? [] : attributesOf(before);
    const known = new Set(earlier.map(keyOf));
    const wanted = new Set(now.map(keyOf));
    this.#remove(
      number,
      earlier.filter((it) => !wanted.has(keyOf(it))),
    );
    const added = now.filter((it) => !known.has(keyOf(it)));
    if (added.length === 0) return;
    const rows = JSON.stringify(
      added.map(([path, value]) => [path, value, isNumeric(value) ? sortable(Number(value)) : null]),
    );
    const { database } = this;
    database.run('insert or ignore into attribute_path (path) select value ->> 0 from json_each(?)', rows);
    database.run(
      `insert or ignore into attribute_value (path, value, number)
       select p.id, it.value ->> 1, it.value ->> 2
       from json_each(?) as it cross join attribute_path as p on p.path = it.value ->> 0`,
      rows,
    );
    database.run(
      `insert or ignore into attribute_of_snapshot (value, snapshot) select v.id, cast(? as integer) from ${knownValues}`,
      ...[number, rows],
    );
  }

  /** Prerequisite: within a transaction, and the record is what was entered. */
  remove(number: number, record: object): void {
    this.#remove(number, attributesOf(record));
  }

  #remove(number: number, attributes: readonly (readonly [path: string, value: string])[]): void {
    if (attributes.length === 0) return;
    const rows = this.database.all<{ id: number }>(`select v.id from ${knownValues}`, JSON.stringify(attributes));
    const ids = JSON.stringify(rows.map((row) => row.id));
    const among = '(select value from json_each(?))';
    this.database.run(`delete from attribute_of_snapshot where value in ${among} and snapshot = ?`, ids, number);
    this.database.run(
      `delete from attribute_value where id in ${among}
       and not exists (select 1 from attribute_of_snapshot where value = attribute_value.id)`,
      ids,
    );
  }

  /** The same as `matches` says of the record. */
  condition(filter: SimpleFilter): IndexedCondition {
    const { sql, values } = valuesThat(filter);
    const isNegative = filter.operator === 'neq' || filter.operator === 'nin' || filter.operator === 'ncont';
    const snapshots = `select snapshot from attribute_of_snapshot where value in (${sql})`;
    if (!isNegative) {
      const found = this.#count(
        `select 1 from (${sql}) as v cross join attribute_of_snapshot as it on it.value = v.id`,
        values,
        worthCollecting,
      );
      if (found < worthCollecting) return { kind: 'drives', sql: snapshots, values, found };
    }
    const kinds = this.#count(sql, values, worthLookingUp);
    if (isNegative && kinds === 1 && this.#haveAll(snapshots, values)) {
      return { kind: 'drives', sql: `${snapshots} and false`, values, found: 0 };
    }
    if (kinds === worthLookingUp) {
      return { kind: 'read', sql: `number ${isNegative ? 'not ' : ''}in (${snapshots})`, values };
    }
    const has = `exists (select 1 from attribute_of_snapshot where value in (${sql}) and snapshot = number)`;
    return { kind: 'checks', sql: isNegative ? `not ${has}` : has, values };
  }

  /** Prerequisite: one value. To look each snapshot up, only to find that it has it, would take ten times as long. */
  #haveAll(snapshots: string, values: readonly string[]): boolean {
    const all = this.#count('select number from vnf_snapshot where number is not null', []);
    return this.#count(snapshots, values) === all;
  }

  /** @returns how many rows, but no more than that */
  #count(sql: string, values: readonly string[], most = -1): number {
    const row = this.database.first<{ n: number }>(`select count(*) as n from (${sql} limit ${most})`, ...values);
    return row?.n ?? 0;
  }
}

/** The values one of which makes the expression true or, where it is a negative one, false. */
function valuesThat({ operator, attribute, values }: SimpleFilter): { sql: string; values: readonly string[] } {
  const path = attribute.join('/');
  const where = 'select id from attribute_value where path = (select id from attribute_path where path = ?)';
  switch (operator) {
    case 'eq':
    case 'in':
    case 'neq':
    case 'nin':
      return { sql: `${where} and value in (select value from json_each(?))`, values: [path, JSON.stringify(values)] };
    case 'cont':
    case 'ncont':
      return {
        sql: `${where} and (${values.map(() => 'instr(value, ?) > 0').join(' or ')})`,
        values: [path, ...values],
      };
    default: {
      const sign = { gt: '>', gte: '>=', lt: '<', lte: '<=' }[operator];
      const [value = ''] = values;
      if (!isNumeric(value)) return { sql: `${where} and value ${sign} ?`, values: [path, value] };
      return {
        sql: `${where} and number ${sign} ? union all ${where} and number is null and value ${sign} ?`,
        values: [path, sortable(Number(value)), path, value],
      };
    }
  }
}

const keyOf = ([path, value]: readonly [string, string]): string => `${path}\u0000${value}`;

/** 16 hexadecimal digits whose order is that of the numbers: the database reads decimals less exactly than JavaScript. */
function sortable(number: number): string {
  const bytes = Buffer.alloc(8);
  // Adding 0 makes one zero of the two.
  bytes.writeDoubleBE(number + 0);
  const bits = bytes.readBigUInt64BE();
  const sign = 1n << 63n;
  return ((bits & sign) === 0n ? bits | sign : ~bits & (2n ** 64n - 1n)).toString(16).padStart(16, '0');
}
