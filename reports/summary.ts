import { join } from 'node:path';
import pc from 'picocolors';
import wrapAnsi from 'wrap-ansi';
import type { RunRecord } from '../harness/model/run-record.js';
import type { IndicatorResult } from '../harness/model/verdict.js';
import { exitMeaning, type Headline, headlineOf, recoveryOf } from './headline.js';
import {
  bytes,
  capital,
  count,
  duration,
  durationBetween,
  faultName,
  indicatorName,
  list,
  printable,
  quantity,
  type Tone,
  tolerated,
  verdictTone,
  verdictWords,
} from './words.js';

export interface SummaryOptions {
  readonly colour?: boolean;
  /** Columns; 80 when not given, at least 60. */
  readonly width?: number;
  /** Where the run lies; its report is named then. */
  readonly folder?: string;
}

type Paint = ReturnType<typeof pc.createColors>;
const paints: Readonly<Record<Tone, (c: Paint) => (text: string) => string>> = {
  good: (c) => c.green,
  warn: (c) => c.yellow,
  bad: (c) => c.red,
  neutral: (c) => c.dim,
};

/** What a person on call understands at three in the morning: is it up, what must I do, what happened, where is the rest. */
export function summaryText(record: RunRecord, options: SummaryOptions = {}): string {
  const c = pc.createColors(options.colour ?? false);
  const width = Math.max(60, Math.min(options.width ?? 80, 120));
  const headline = headlineOf(record);
  const blocks = [
    [`${c.inverse(paints[headline.tone](c)(` ${headline.badge} `))}  ${c.bold(printable(record.title))}`],
    [
      ...wrapped(c.bold(headline.now), width),
      ...todoLines(headline, c, width),
      ...wrapped(printable(headline.story), width),
    ],
    verdictLines(record, c, width),
    comparisonLines(record, c, width),
    errorLines(record, c, width),
    footLines(record, options.folder, width),
  ];
  return `${blocks
    .filter((b) => b.length > 0)
    .map((b) => b.join('\n'))
    .join('\n\n')}\n`;
}

const wrapped = (text: string, width: number): string[] => wrapAnsi(text, width).split('\n');

function verdictLines(record: RunRecord, c: Paint, width: number): string[] {
  const { service, injection, restoration, evidence } = record.verdicts;
  const rows: [string, string, string][] = [
    ['Service', service, serviceDetail(record)],
    ['Fault', injection, injectionDetail(record)],
    ['Restoration', restoration, restorationDetail(record)],
    ['Evidence', evidence, evidenceDetail(record)],
  ];
  return rows.flatMap(([name, verdict, detail]) => {
    const head = `  ${name.padEnd(13)}${paints[verdictTone[verdict] ?? 'neutral'](c)((verdictWords[verdict] ?? verdict).padEnd(14))}`;
    const [first = '', ...rest] = wrapped(printable(detail), width - 29);
    return [`${head}${first}`.trimEnd(), ...rest.map((line) => ' '.repeat(29) + line)];
  });
}

/** How long it was away, told for the verdict. */
export function serviceDetail(record: RunRecord): string {
  const { backAfterMs, backByRestoration, stillOut } = recoveryOf(record);
  const lost = count(
    record.outages.reduce((sum, o) => sum + o.lost, 0),
    'probe request',
  );
  if (stillOut.length > 0 && record.verdicts.restoration === 'restored') {
    return `no good answer to ${list([...new Set(stillOut.map((o) => o.probe))])} at the judgement; ${lost} lost until then`;
  }
  if (stillOut.length > 0) return `no good answer to ${list(stillOut.map((o) => o.probe))} at the end`;
  if (record.outages.length === 0) return record.injections.length === 0 ? '' : 'no outage was seen';
  if (backAfterMs === undefined) return '';
  const how = backByRestoration ? 'back, by the restoration, ' : 'back ';
  return `${how}${durationBetween(...backAfterMs)} after the fault; ${lost} lost`;
}

export const injectionDetail = ({ injections }: RunRecord): string =>
  injections
    .map((i) => {
      const how = i.how === '' ? '' : `: ${i.how}`;
      return `${faultName(i).replace(/^the /, '')}${i.verdict === 'confirmed' ? '' : ` (${verdictWords[i.verdict]})`}${how}`;
    })
    .join('; ');

export function restorationDetail(record: RunRecord): string {
  const { restoration } = record.verdicts;
  if (restoration === 'not-needed') return '';
  const { restorationMs } = recoveryOf(record);
  const from = record.snapshots.filter((s) => s.purpose === 'restore').flatMap((s) => s.vnfcs);
  const time = restorationMs === undefined ? '' : `${duration(restorationMs)} `;
  const took = time && (restoration === 'restored' ? `in ${time}` : `given up after ${time}`);
  return `${took}from the ${count(from.length, 'VNFC Snapshot')} of step 3`;
}

export const evidenceDetail = ({ packages }: RunRecord): string =>
  packages.length === 0
    ? ''
    : `${count(packages.length, 'package')}, ${bytes(packages.reduce((sum, p) => sum + p.bytes, 0))}`;

/** The indicators that tell most come first; the others are in the report. */
const telling = ['availability', 'errorRatio', 'latencyP99', 'requestRate', 'latencyP50', 'latencyP95'];
const shown = 6;

function comparisonLines({ indicators }: RunRecord, c: Paint, width: number): string[] {
  if (indicators.length === 0) return [];
  const rank = ({ outcome, indicator }: IndicatorResult) =>
    (outcome === 'worse' ? 0 : 100) + ((telling.indexOf(indicator) + 100) % 100);
  const notable = indicators
    .filter((i) => i.outcome === 'worse' || i.outcome === 'inconclusive')
    .toSorted((a, b) => rank(a) - rank(b));
  const rows = notable.slice(0, shown).map((i) => ({
    ...i,
    name: `${capital(indicatorName(i.indicator)).replace(/, (\d+)th percentile/, ' p$1')} of ${printable(i.probe)}`,
    was: quantity(i.before, i.unit),
    is: quantity(i.after, i.unit),
    why: whyOf(i),
  }));
  const wide = (key: 'name' | 'was' | 'is') => Math.max(...rows.map((r) => r[key].length));
  const lines = rows.map((r) => {
    const mark = r.outcome === 'worse' ? c.red('✗') : c.yellow('?');
    const change = `${r.was.padStart(wide('was'))} → ${r.is.padEnd(wide('is'))}`;
    const room = width - wide('name') - change.length - 8;
    const why = r.why.length > room ? `${r.why.slice(0, Math.max(0, room - 1))}…` : r.why;
    return `  ${mark} ${r.name.padEnd(wide('name'))}  ${change}  ${c.dim(why)}`;
  });
  const more = notable.length - rows.length;
  if (more > 0) lines.push(c.dim(`    and ${more} more, in the report`));
  const same = indicators.length - notable.length;
  if (same > 0) lines.push(`  ${c.green('✓')} ${count(same, 'indicator')} as before`);
  return [c.dim('Before the fault → at the judgement'), ...lines];
}

function whyOf({ outcome, margin, unit, needMoreMs, reason }: IndicatorResult): string {
  if (outcome === 'worse') return `tolerated: ${tolerated(margin, unit)}`;
  return needMoreMs === undefined ? printable(reason) : `to tell, measure ${duration(needMoreMs)} longer`;
}

const errorLines = ({ errors }: RunRecord, c: Paint, width: number): string[] =>
  errors.flatMap((e) => wrapped(`${c.red('Error:')} ${printable(e)}`, width));

const todoLines = ({ todo }: Headline, c: Paint, width: number): string[] =>
  todo.flatMap((line) => wrapped(`${c.bold('Do now:')} ${line}`, width));

function footLines(record: RunRecord, folder: string | undefined, width: number): string[] {
  const command = record.packages.map((p) => `Evidence   ordeal package show ${printable(p.file)}`);
  const report = folder === undefined ? [] : [`Report     ${join(folder, 'report.html')}`];
  return [...report, ...command, ...wrapped(exitMeaning(record), width)];
}
