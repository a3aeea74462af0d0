import { OrdealError } from '../util/errors.js';

const operators = ['eq', 'neq', 'in', 'nin', 'gt', 'gte', 'lt', 'lte', 'cont', 'ncont'] as const;

/** One simple filter expression of ETSI GS NFV-SOL 013, 5.2: operator, attribute path, values. */
export interface SimpleFilter {
  readonly operator: (typeof operators)[number];
  readonly attribute: readonly string[];
  readonly values: readonly string[];
}
/** All of them must hold. */
export type AttributeFilter = readonly SimpleFilter[];

const syntax = '(op,attribute[/attribute]*,value[,value]*)[;…] with op one of ';

/**
 * Reads `(eq,vnfdId,lb-1);(in,userDefinedData/name,'a,b',c)`. A value in single quotes may hold commas, parentheses
 * and quotes (doubled).
 * @throws OrdealError of kind usage
 */
export function parseAttributeFilter(text: string): AttributeFilter {
  const invalid = (got: string) =>
    new OrdealError('usage', 'The filter is not well-formed', {
      where: `filter ${text}`,
      expected: `${syntax}${operators.join(', ')}`,
      got,
    });
  const filters: SimpleFilter[] = [];
  let at = 0;
  while (at < text.length) {
    if (text[at] !== '(') throw invalid(text.slice(at, at + 20));
    at++;
    const fields: string[] = [];
    for (;;) {
      let field = '';
      if (text[at] === "'") {
        at++;
        for (;;) {
          if (at >= text.length) throw invalid('a quote that does not end');
          if (text[at] === "'" && text[at + 1] === "'") at++;
          else if (text[at] === "'") break;
          field += text[at++];
        }
        at++;
      } else {
        while (at < text.length && text[at] !== ',' && text[at] !== ')') field += text[at++];
      }
      fields.push(field);
      if (text[at] === ',') at++;
      else break;
    }
    if (text[at] !== ')') throw invalid('a parenthesis that is not closed');
    at++;
    if (text[at] === ';') at++;
    else if (at < text.length) throw invalid(text.slice(at, at + 20));
    const [operator, path = '', ...values] = fields;
    const known = operators.find((o) => o === operator);
    const single = known !== undefined && !['in', 'nin', 'cont', 'ncont'].includes(known);
    if (known === undefined || path === '' || values.length === 0 || (single && values.length > 1)) {
      throw invalid(`(${fields.join(',')})`);
    }
    filters.push({ operator: known, attribute: path.split('/'), values });
  }
  return filters;
}

/** What stands at an attribute path; lists on the way are looked through, as SOL 013 has it. */
export function attributeValues(record: unknown, path: readonly string[]): unknown[] {
  if (Array.isArray(record)) return record.flatMap((item) => attributeValues(item, path));
  const [head, ...rest] = path;
  if (head === undefined) return [record];
  if (record === null || typeof record !== 'object' || !Object.hasOwn(record, head)) return [];
  return attributeValues(Reflect.get(record, head), rest);
}

export const matches = (record: unknown, filter: AttributeFilter): boolean => filter.every((it) => holds(record, it));

function holds(record: unknown, { operator, attribute, values }: SimpleFilter): boolean {
  const found = attributeValues(record, attribute).filter((v) => v !== null && typeof v !== 'object');
  const some = (compares: (attribute: string, value: string) => boolean) =>
    found.some((v) => values.some((value) => compares(String(v), value)));
  switch (operator) {
    case 'eq':
    case 'in':
      return some((a, b) => a === b);
    case 'neq':
    case 'nin':
      return !some((a, b) => a === b);
    case 'cont':
      return some((a, b) => a.includes(b));
    case 'ncont':
      return !some((a, b) => a.includes(b));
    case 'gt':
      return some((a, b) => compare(a, b) > 0);
    case 'gte':
      return some((a, b) => compare(a, b) >= 0);
    case 'lt':
      return some((a, b) => compare(a, b) < 0);
    case 'lte':
      return some((a, b) => compare(a, b) <= 0);
  }
}

export const isNumeric = (text: string): boolean => text.trim() !== '' && Number.isFinite(Number(text));

/** As numbers when both are, else as text by code points, which orders ISO 8601 times in UTC. */
function compare(a: string, b: string): number {
  if (isNumeric(a) && isNumeric(b)) return Number(a) - Number(b);
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** All that a filter can ask of a record: each value with its path, once. A key with a slash has no path. */
export function attributesOf(record: object): (readonly [path: string, value: string])[] {
  const found = new Map<string, Set<string>>();
  const collect = (value: unknown, path: string): void => {
    if (value === null || value === undefined) return;
    if (Array.isArray(value)) {
      for (const item of value) collect(item, path);
      return;
    }
    if (typeof value === 'object') {
      for (const [key, inner] of Object.entries(value)) {
        if (!key.includes('/')) collect(inner, path === '' ? key : `${path}/${key}`);
      }
      return;
    }
    const values = found.get(path);
    if (values === undefined) found.set(path, new Set([String(value)]));
    else values.add(String(value));
  };
  collect(record, '');
  return [...found].flatMap(([path, values]) => [...values].map((value) => [path, value] as const));
}

/** SOL 013, 5.3: which attributes of a record are wanted. Paths as in filters. */
export interface AttributeSelection {
  readonly fields?: readonly string[];
  readonly excludeFields?: readonly string[];
}

/** A copy with the selected attributes alone. `id` is always there, so that the record can be asked for again. */
export function selectAttributes(record: object, { fields, excludeFields }: AttributeSelection): unknown {
  const wanted = fields?.map((f) => f.split('/')).concat([['id']]);
  const unwanted = excludeFields?.map((f) => f.split('/')) ?? [];
  const copy = (value: unknown, path: readonly string[]): unknown => {
    if (Array.isArray(value)) return value.map((item) => copy(item, path));
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(
      Object.entries(value).flatMap(([key, inner]) => {
        const here = [...path, key];
        if (unwanted.some((u) => startsWith(here, u))) return [];
        if (wanted !== undefined && !wanted.some((w) => startsWith(here, w) || startsWith(w, here))) return [];
        return [[key, copy(inner, here)]];
      }),
    );
  };
  return copy(record, []);
}

const startsWith = (path: readonly string[], prefix: readonly string[]): boolean =>
  prefix.every((part, i) => path[i] === part);
