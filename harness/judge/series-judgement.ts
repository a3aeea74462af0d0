import type { Tolerance } from '../model/network-service.js';
import type { IndicatorResult } from '../model/verdict.js';
import type { Direction } from './compare.js';
import type { Quantity } from './estimate.js';
import { overall } from './judge.js';
import type { Series } from './measurements.js';
import { defaultConfidence } from './rules.js';
import { CannotJudge, differences, outcomeOf, type Prepared, prepareSeries } from './series.js';

/** What of a series is judged, and how. */
export interface SeriesRule {
  readonly series: string;
  readonly quantity: Quantity;
  readonly direction: Direction;
  readonly margin: Tolerance;
}

export interface SeriesIndicator extends IndicatorResult {
  /** How many independent figures each side is worth. */
  readonly effectiveN?: readonly [number, number];
  /** How many more figures of each side are needed, roughly, when inconclusive. */
  readonly needMore?: number;
}

/** No advice to measure more than so many times as long. */
const longest = 100;

/**
 * Series of figures before against the same after. As `judge`: pure, never throws, claims of a difference share one
 * error budget (Holm).
 */
export function judgeSeriesSet(
  before: ReadonlyMap<string, Series>,
  after: ReadonlyMap<string, Series>,
  rules: readonly SeriesRule[],
  { confidence = defaultConfidence, seed }: { readonly confidence?: number; readonly seed: number },
): { readonly outcome: IndicatorResult['outcome']; readonly indicators: readonly SeriesIndicator[] } {
  const cases = rules.map((rule) => {
    const b = before.get(rule.series);
    const a = after.get(rule.series);
    return { rule, b, a, prepared: attempt(b, a, { ...rule, confidence, seed }) };
  });
  const { worse, better } = differences(cases.map(({ prepared }) => prepared));
  const indicators = cases.map(({ rule, b, prepared }, i): SeriesIndicator => {
    const head = { indicator: rule.quantity, probe: rule.series, unit: '' };
    if ('failed' in prepared) {
      const bare = { before: null, after: null, effect: null, margin: rule.margin.absolute ?? 0 };
      return { ...head, ...bare, outcome: 'inconclusive', reason: prepared.failed };
    }
    const { outcome, reason, growth } = outcomeOf(prepared, worse[i] === true, better[i] === true);
    const interval = prepared.comparison.interval();
    const needMore = Math.ceil(prepared.values * (Math.min(longest, growth) - 1));
    const wants = outcome === 'inconclusive' && needMore > 0;
    return {
      ...head,
      before: prepared.before.value,
      after: prepared.after.value,
      effect: prepared.comparison.effect,
      ...(interval === undefined ? {} : { interval: [...interval] }),
      margin: prepared.comparison.margin,
      outcome,
      reason,
      effectiveN: [prepared.before.effectiveN, prepared.after.effectiveN],
      ...(wants ? { needMore } : {}),
      ...(wants && b?.periodMs !== undefined ? { needMoreMs: Math.ceil(needMore * b.periodMs) } : {}),
    };
  });
  return { outcome: overall(indicators.map((i) => i.outcome)), indicators };
}

function attempt(
  before: Series | undefined,
  after: Series | undefined,
  options: SeriesRule & { confidence: number; seed: number },
): Prepared | { readonly failed: string } {
  if (before === undefined) return { failed: 'it was not measured before' };
  if (after === undefined) return { failed: 'it was not measured afterwards' };
  try {
    return prepareSeries(before.values, after.values, options);
  } catch (e) {
    const reason = e instanceof Error ? e.message : String(e);
    return { failed: e instanceof CannotJudge ? reason : `the judge failed: ${reason}` };
  }
}
