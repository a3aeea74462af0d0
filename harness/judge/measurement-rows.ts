import type { History, Sample } from '../model/probe.js';
import { ManyErrors, OrdealError } from '../util/errors.js';

/** Figures of one kind in the order in which they were taken. */
export interface Series {
  readonly values: readonly number[];
  /** From one figure to the next, in milliseconds; absent when the file tells no times. */
  readonly periodMs?: number;
  /** Cells that held no figure: they count neither way. */
  readonly gaps: number;
}

/** What was measured before a change, or after it: requests one by one, or series of figures. */
export interface Measurements {
  readonly histories: readonly History[];
  readonly series: ReadonlyMap<string, Series>;
  /** Columns that hold no figures. */
  readonly ignored: readonly string[];
}

export type Cell = string | number | boolean | null;

export interface Row {
  /** The file with its line, for messages. */
  readonly at: string;
  readonly cells: Readonly<Record<string, Cell>>;
}

/** Names that a column may have, in lower case; the first that is there counts. */
const names = {
  start: ['intendedms', 'timestamp', 'startms', 'start'],
  sent: ['sentms'],
  end: ['donems', 'endms'],
  duration: ['elapsed', 'latencyms', 'durationms'],
  good: ['ok', 'success'],
  probe: ['probe', 'label'],
  outcome: ['outcome', 'responsecode', 'status'],
  metric: ['metric_name', 'metric', 'indicator', 'series'],
  value: ['metric_value', 'value'],
  time: ['time', 'timestamp', 'timems', 'ts', 'date', 'datetime', 't'],
} as const;

type Columns = Readonly<Record<keyof typeof names, string | undefined>>;

/** So many faults of one file are told; a wrong column has one in each line. */
const mostFaults = 5;

export function readRows(rows: readonly Row[], where: string): Measurements {
  const present = [...new Set(rows.flatMap((r) => Object.keys(r.cells)))];
  const found = (key: keyof typeof names) =>
    names[key].flatMap((name) => present.filter((p) => p.toLowerCase().replaceAll(' ', '') === name))[0];
  const columns = Object.fromEntries(Object.keys(names).map((k) => [k, found(k as keyof typeof names)])) as Columns;
  const { start, end, duration, good, metric, value } = columns;
  if (start !== undefined && good !== undefined && (end ?? duration) !== undefined) {
    return { histories: requests(rows, columns), series: new Map(), ignored: [] };
  }
  if (metric !== undefined && value !== undefined) return longForm(rows, metric, value, columns.time);
  return wideForm(rows, present, columns.time, where);
}

class Faults {
  readonly #errors: Error[] = [];
  #count = 0;

  add(message: string): void {
    if (this.#count++ < mostFaults) this.#errors.push(new Error(message));
  }

  throwIfAny(): void {
    if (this.#count === 0) return;
    const more = this.#count > mostFaults ? `; ${this.#count - mostFaults} more are like them` : '';
    throw new ManyErrors('file-invalid', `${this.#count} cells cannot be read${more}`, this.#errors);
  }
}

const shown = (c: Cell | undefined): string => (c === undefined ? 'nothing' : `"${String(c).slice(0, 40)}"`);

const numberIn = (c: Cell | undefined): number | undefined => {
  if (typeof c === 'number') return c;
  if (typeof c !== 'string' || c.trim() === '') return undefined;
  const n = Number(c);
  return Number.isFinite(n) ? n : undefined;
};

const truth: Readonly<Record<string, boolean>> = { true: true, false: false, '1': true, '0': false };

function requests(rows: readonly Row[], columns: Columns): History[] {
  const { start = '', sent, end, duration, good = '', probe, outcome } = columns;
  const faults = new Faults();
  const samples = rows.flatMap(({ at, cells }): Sample[] => {
    const need = (column: string): number => {
      const n = numberIn(cells[column]);
      if (n === undefined) faults.add(`${at}: ${column}: expected milliseconds, got ${shown(cells[column])}`);
      return n ?? Number.NaN;
    };
    const intendedMs = need(start);
    const doneMs = end === undefined ? intendedMs + need(duration ?? '') : need(end);
    const ok = truth[String(cells[good] ?? '').toLowerCase()];
    if (ok === undefined) faults.add(`${at}: ${good}: expected true or false, got ${shown(cells[good])}`);
    if (doneMs < intendedMs) faults.add(`${at}: it ended before it began: ${doneMs} is less than ${intendedMs}`);
    const sentMs = sent === undefined ? intendedMs : need(sent);
    const name = probe === undefined ? 'requests' : String(cells[probe] ?? '');
    const told = outcome === undefined ? '' : String(cells[outcome] ?? '');
    return [{ probe: name, intendedMs, sentMs, doneMs, ok: ok === true, outcome: told }];
  });
  faults.throwIfAny();
  return [...new Set(samples.map((s) => s.probe))].map((name) =>
    historyOf(
      name,
      samples.filter((s) => s.probe === name),
    ),
  );
}

/** The window is what the samples cover: from the first to one mean period after the last. */
export function historyOf(probe: string, unordered: readonly Sample[]): History {
  const samples = [...unordered].sort((a, b) => a.intendedMs - b.intendedMs);
  const fromMs = samples[0]?.intendedMs ?? 0;
  const lastMs = samples.at(-1)?.intendedMs ?? fromMs;
  const periodMs = Math.max(1e-3, (lastMs - fromMs) / Math.max(1, samples.length - 1));
  return { probe, rateHz: 1000 / periodMs, fromMs, toMs: lastMs + periodMs, samples };
}

/** Cells that say that there is no figure. */
const gaps: readonly string[] = ['', 'nan', 'null', 'na', 'n/a', '-'];
const isGap = (c: Cell | undefined): boolean =>
  c === undefined || c === null || (typeof c === 'string' && gaps.includes(c.trim().toLowerCase()));

interface Timed {
  readonly at: string;
  readonly timeMs: number | undefined;
  readonly cell: Cell | undefined;
}

function longForm(rows: readonly Row[], metric: string, value: string, time: string | undefined): Measurements {
  const byName = new Map<string, Timed[]>();
  for (const { at, cells } of rows) {
    const name = String(cells[metric] ?? '');
    const known = byName.get(name) ?? [];
    if (known.length === 0) byName.set(name, known);
    known.push({ at, timeMs: timeIn(cells, time), cell: cells[value] });
  }
  const faults = new Faults();
  const series = [...byName].map(([name, cells]): [string, Series] => [name, seriesOf(value, cells, faults)]);
  faults.throwIfAny();
  return { histories: [], series: new Map(series.filter(([, s]) => s.values.length > 0)), ignored: [] };
}

function wideForm(
  rows: readonly Row[],
  present: readonly string[],
  time: string | undefined,
  where: string,
): Measurements {
  const faults = new Faults();
  const ignored: string[] = [];
  const series = new Map<string, Series>();
  for (const column of present.filter((p) => p !== time)) {
    const cells = rows.map(({ at, cells: c }) => ({ at, timeMs: timeIn(c, time), cell: c[column] }));
    if (!cells.some((c) => numberIn(c.cell) !== undefined)) ignored.push(column);
    else series.set(column, seriesOf(column, cells, faults));
  }
  faults.throwIfAny();
  if (series.size === 0 && time !== undefined && rows.length > 0) {
    throw new OrdealError('file-invalid', 'The file holds times and no figures', {
      where,
      expected: `a column of figures beside "${time}"`,
      got: present.join(', '),
    });
  }
  return { histories: [], series, ignored };
}

function seriesOf(column: string, unordered: readonly Timed[], faults: Faults): Series {
  const timed = unordered.every((c) => c.timeMs !== undefined);
  const cells = timed ? [...unordered].sort((a, b) => (a.timeMs ?? 0) - (b.timeMs ?? 0)) : unordered;
  const values: number[] = [];
  const times: number[] = [];
  for (const { at, timeMs, cell } of cells) {
    if (isGap(cell)) continue;
    const n = numberIn(cell);
    if (n === undefined) faults.add(`${at}: ${column}: expected a figure, got ${shown(cell)}`);
    else values.push(n);
    if (timeMs !== undefined) times.push(timeMs);
  }
  const spanMs = (times.at(-1) ?? 0) - (times[0] ?? 0);
  const isKnown = timed && times.length > 1 && spanMs > 0;
  return {
    values,
    gaps: cells.length - values.length,
    ...(isKnown ? { periodMs: spanMs / (times.length - 1) } : {}),
  };
}

/** Seconds since 1970 have ten digits until 2286, milliseconds thirteen; small numbers are milliseconds since a start. */
function timeIn(cells: Row['cells'], column: string | undefined): number | undefined {
  if (column === undefined) return undefined;
  const cell = cells[column];
  const n = numberIn(cell);
  if (n !== undefined) return n > 1e8 && n < 1e11 ? n * 1000 : n;
  const parsed = typeof cell === 'string' ? Date.parse(cell) : Number.NaN;
  return Number.isNaN(parsed) ? undefined : parsed;
}
