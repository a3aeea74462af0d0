/** Where two records differ: `vnfInstance.instantiatedVnfInfo.vnfState`, `disks[data].bytes`. */
export interface Difference {
  readonly path: string;
  /** Absent where that side has nothing. */
  readonly a?: unknown;
  readonly b?: unknown;
}

/** Lists of things with an id are laid side by side by their ids, all other lists by position. */
export function differences(a: unknown, b: unknown, path = ''): Difference[] {
  if (Object.is(a, b)) return [];
  if (Array.isArray(a) && Array.isArray(b)) {
    const byId = [...a, ...b].every((item) => idOf(item) !== undefined);
    const keyed = (list: readonly unknown[]) =>
      new Map(list.map((item, i) => [byId ? String(idOf(item)) : String(i), item]));
    return ofMaps(keyed(a), keyed(b), (key) => `${path}[${key}]`);
  }
  if (isRecord(a) && isRecord(b)) {
    const inside = (key: string) => (path === '' ? key : `${path}.${key}`);
    return ofMaps(new Map(Object.entries(a)), new Map(Object.entries(b)), inside);
  }
  return [{ path, ...(a === undefined ? {} : { a }), ...(b === undefined ? {} : { b }) }];
}

function ofMaps(
  a: ReadonlyMap<string, unknown>,
  b: ReadonlyMap<string, unknown>,
  pathOf: (key: string) => string,
): Difference[] {
  const keys = [...new Set([...a.keys(), ...b.keys()])];
  return keys.flatMap((key) => differences(a.get(key), b.get(key), pathOf(key)));
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

function idOf(item: unknown): unknown {
  if (!isRecord(item)) return undefined;
  return item.id ?? item.vnfcId ?? item.cpdId;
}
