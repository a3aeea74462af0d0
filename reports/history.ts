import { table } from '../harness/cli/context.js';
import type { Change, PastFigure, ToldHistory } from '../harness/judge/past-runs.js';
import { count, quantity } from './words.js';

/** One line an indicator; when there is only one, every run of it as well. */
export function historyText(all: readonly ToldHistory[]): string {
  const [first] = all;
  const rows = all.map((h) => [
    h.service,
    h.probe,
    h.indicator,
    h.moment,
    String(h.figures.length),
    spark(h.figures.map((f) => f.value)),
    told(h.figures[0], h),
    told(h.figures.at(-1), h),
    findings(h).join('; '),
  ]);
  const overview = table(['service', 'of', 'what', 'when', 'runs', '', 'first', 'last', 'what changed'], rows);
  return all.length === 1 && first !== undefined ? `${overview}\n\n${everyRun(first)}` : overview;
}

const told = (f: PastFigure | undefined, { unit }: ToldHistory): string =>
  f === undefined ? '' : quantity(f.value, unit);

function findings(h: ToldHistory): string[] {
  const changes = h.changes.map(
    (c) => `${c.kind} since ${nameOf(c.run)}: ${quantity(c.before, h.unit)} → ${quantity(c.after, h.unit)}`,
  );
  if (h.trend === undefined) return changes;
  const { perRun, kind } = h.trend;
  const over = perRun * (h.figures.length - 1);
  const drift = `drifts by ${over > 0 ? '+' : '−'}${quantity(Math.abs(over), h.unit)} over ${count(h.figures.length, 'run')}, ${kind}`;
  return [...changes, drift];
}

const nameOf = ({ label, startedAt, runId }: PastFigure): string =>
  `${label === '' ? runId : label} (${startedAt.slice(0, 10)})`;

function everyRun(h: ToldHistory): string {
  const changeAt = new Map<number, Change>(h.changes.map((c) => [c.index, c]));
  const rows = h.figures.map((f, i) => [
    f.startedAt.slice(0, 16).replace('T', ' '),
    f.label,
    f.runId,
    quantity(f.value, h.unit),
    changeAt.has(i) ? `← ${changeAt.get(i)?.kind}` : '',
  ]);
  return table(['started', 'label', 'run', h.indicator, ''], rows);
}

const bars = '▁▂▃▄▅▆▇█';

/** The last forty figures as bars, from the least to the greatest of them. */
function spark(values: readonly number[]): string {
  const last = values.slice(-40);
  const low = Math.min(...last);
  const span = Math.max(...last) - low;
  return last.map((v) => bars[span === 0 ? 0 : Math.min(7, Math.floor((8 * (v - low)) / span))]).join('');
}
