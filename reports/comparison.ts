import { table } from '../harness/cli/context.js';
import type { ToldComparison } from '../harness/judge/measurement-comparison.js';
import type { Measurements } from '../harness/judge/measurements.js';
import type { SeriesIndicator } from '../harness/judge/series-judgement.js';
import { count, duration, figure } from './words.js';

/** One line an indicator, and one that says how it ended. */
export function comparisonText({ outcome, indicators, before, after }: ToldComparison): string {
  const rows = indicators.map((i) => [
    i.probe,
    i.indicator,
    i.outcome,
    i.before === null ? '–' : figure(i.before),
    i.after === null ? '–' : figure(i.after),
    relativeChange(i),
    `${i.reason}${advice(i)}`,
  ]);
  const same = indicators.filter((i) => i.outcome === outcome).length;
  return [
    table(['of', 'what', 'outcome', 'before', 'after', 'change', 'why'], rows),
    '',
    `${outcome}: ${same} of ${count(indicators.length, 'indicator')}; ${size(before)} before, ${size(after)} after`,
  ].join('\n');
}

export function relativeChange({ effect, before }: SeriesIndicator): string {
  if (effect === null || before === null || before === 0) return '';
  return `${effect > 0 ? '+' : ''}${((100 * effect) / Math.abs(before)).toFixed(1)} %`;
}

function advice({ outcome, needMoreMs, needMore }: SeriesIndicator): string {
  if (outcome !== 'inconclusive') return '';
  if (needMoreMs !== undefined) return `; measure about ${duration(needMoreMs)} longer, before and after`;
  return needMore === undefined ? '' : `; about ${count(needMore, 'more figure')} on each side would tell`;
}

function size({ histories, series }: Measurements): string {
  const requests = histories.reduce((sum, h) => sum + h.samples.length, 0);
  const figures = [...series.values()].reduce((sum, s) => sum + s.values.length, 0);
  return histories.length > 0 ? count(requests, 'request') : count(figures, 'figure');
}
