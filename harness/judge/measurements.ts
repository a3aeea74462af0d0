import { parse } from 'csv-parse/sync';
import { z } from 'zod';
import type { Sample } from '../model/probe.js';
import { ManyErrors, OrdealError, reasonOf } from '../util/errors.js';
import { type Cell, type Measurements, type Row, readRows, type Series } from './measurement-rows.js';

export type { Measurements, Series } from './measurement-rows.js';

const formats = '.csv, .tsv, .jtl, .json or .jsonl';

/**
 * Reads what another tool, or an earlier run, has measured. Which columns there are decides what it is: a start with a
 * duration or an end, and whether it went well, are requests (Ordeal's own samples, JMeter's JTL); a name and a value are
 * series in long form (k6); everything else is one series a column, a column named like a time telling when.
 * @param where the file's name: its ending tells the format, and messages begin with it
 * @throws OrdealError of kind file-invalid, with every line that is wrong (the first few of many)
 */
export function parseMeasurements(text: string, where: string): Measurements {
  const ending = /\.[a-z]+$/i.exec(where)?.[0].toLowerCase();
  switch (ending) {
    case '.csv':
    case '.tsv':
    case '.jtl':
      return notEmpty(readRows(csvRows(text, where), where), where);
    case '.json':
      return notEmpty(ofJson(json(text, where), where), where);
    case '.jsonl':
    case '.ndjson':
      return notEmpty(ofLines(text, where), where);
    default:
      throw new OrdealError('file-invalid', 'The format of the file is not known', {
        where,
        expected: formats,
        got: ending ?? 'no ending',
        remedy: 'Export it in one of these formats.',
      });
  }
}

function notEmpty(measurements: Measurements, where: string): Measurements {
  if (measurements.histories.length + measurements.series.size > 0) return measurements;
  const { ignored } = measurements;
  throw new OrdealError('file-invalid', 'There is nothing to judge in the file', {
    where,
    expected: 'at least one column of figures, or requests with a start, a duration and whether they went well',
    got: ignored.length === 0 ? 'no rows' : `only text in ${ignored.join(', ')}`,
    remedy: 'See "Judge what another tool measured" in the README for the columns.',
  });
}

/** Comma, semicolon or tab: whichever the header has most of. */
function csvRows(text: string, where: string): Row[] {
  const header = text.slice(0, text.indexOf('\n') + 1 || text.length);
  const count = (d: string) => header.split(d).length;
  const delimiter = [',', ';', '\t'].reduce((best, d) => (count(d) > count(best) ? d : best));
  try {
    const records = parse(text, {
      bom: true,
      columns: distinct,
      delimiter,
      info: true,
      skip_empty_lines: true,
      trim: true,
    }) as unknown as { info: { lines: number }; record: Record<string, string> }[];
    return records.map(({ info, record }) => ({ at: `${where}:${info.lines}`, cells: record }));
  } catch (e) {
    throw new OrdealError('file-invalid', 'The file is not well-formed CSV', {
      where,
      cause: e,
      remedy: 'Every line must have as many cells as the header.',
    });
  }
}

function distinct(header: string[]): string[] {
  const twice = header.find((name, i) => header.indexOf(name) !== i);
  if (twice !== undefined) throw new Error(`two columns are named "${twice}"`);
  return header;
}

function json(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (e) {
    throw new OrdealError('file-invalid', 'The file is not well-formed JSON', { where, cause: reasonOf(e) });
  }
}

const cell = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const sample = z.object({
  probe: z.string(),
  intendedMs: z.number(),
  sentMs: z.number(),
  doneMs: z.number(),
  ok: z.boolean(),
  outcome: z.string(),
});
const historyShape = z.object({
  probe: z.string(),
  rateHz: z.number().positive(),
  fromMs: z.number(),
  toMs: z.number(),
  samples: z.array(sample),
});
const histories = z.union([historyShape.transform((h) => [h]), z.array(historyShape).min(1)]);
const columns = z.record(z.string(), z.array(z.number().nullable()));

function ofJson(data: unknown, where: string): Measurements {
  const recorded = histories.safeParse(data);
  if (recorded.success) return { histories: recorded.data, series: new Map(), ignored: [] };
  if (Array.isArray(data))
    return readRows(
      objectRows(data, (i) => `${where}: [${i}]`),
      where,
    );
  const byColumn = columns.safeParse(data);
  if (byColumn.success) {
    const series = Object.entries(byColumn.data).map(([name, all]): [string, Series] => {
      const values = all.filter((v) => v !== null);
      return [name, { values, gaps: all.length - values.length }];
    });
    return { histories: [], series: new Map(series.filter(([, { values }]) => values.length > 0)), ignored: [] };
  }
  throw new OrdealError('file-invalid', 'The JSON holds no measurements', {
    where,
    expected: 'an array of rows, {"name": [figures]}, or histories of probes',
    got: data === null ? 'null' : typeof data === 'object' ? `an object with ${Object.keys(data)}` : typeof data,
  });
}

const ownSample = z.tuple([z.string(), z.number(), z.number(), z.number(), z.boolean(), z.string()]);

/** Ordeal's own samples, or one object a line. */
function ofLines(text: string, where: string): Measurements {
  const lines = text.split('\n').flatMap((line, i) => (line.trim() === '' ? [] : [{ line, at: `${where}:${i + 1}` }]));
  const data = lines.map(({ line, at }) => ({ at, value: json(line, at) }));
  const rows = data.map(({ at, value }): { at: string; value: unknown } => {
    const own = ownSample.safeParse(value);
    if (!own.success) return { at, value };
    const [probe, intendedMs, sentMs, doneMs, ok, outcome] = own.data;
    return { at, value: { probe, intendedMs, sentMs, doneMs, ok, outcome } satisfies Sample };
  });
  return readRows(
    objectRows(
      rows.map((r) => r.value),
      (i) => rows[i]?.at ?? where,
    ),
    where,
  );
}

function objectRows(data: readonly unknown[], at: (i: number) => string): Row[] {
  const shape = z.record(z.string(), cell);
  const bad: Error[] = [];
  const rows = data.flatMap((value, i): Row[] => {
    const row = shape.safeParse(value);
    if (row.success) return [{ at: at(i), cells: row.data satisfies Record<string, Cell> }];
    bad.push(new Error(`${at(i)}: expected an object of texts and figures, got ${JSON.stringify(value).slice(0, 60)}`));
    return [];
  });
  if (bad.length > 0) throw new ManyErrors('file-invalid', 'Some rows are no rows', bad.slice(0, 5));
  return rows;
}
