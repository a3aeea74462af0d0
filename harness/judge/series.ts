import type { Tolerance } from '../model/network-service.js';
import type { IndicatorOutcome } from '../model/verdict.js';
import { type Comparison, compare, type Direction, holm } from './compare.js';
import { driftOf, withDrift } from './drift.js';
import { type Estimate, estimateOf, fewestEffective, fewestValues, type Quantity } from './estimate.js';
import { ascending, shown } from './numbers.js';
import { withTail } from './tail.js';

export type { Quantity } from './estimate.js';

export interface SeriesOptions {
  readonly direction: Direction;
  /** How much worse the quantity may be and still be as before; the wider of the two counts. */
  readonly margin: Tolerance;
  /** `spread` is the mean distance from the median; its margin is best given as relative. */
  readonly quantity: Quantity;
  readonly seed: number;
  /** Of each bound, one-sided; 0.95 when absent. */
  readonly confidence?: number;
}

export interface SeriesResult {
  readonly quantity: Quantity;
  readonly outcome: IndicatorOutcome;
  readonly reason: string;
  readonly before: number | null;
  readonly after: number | null;
  /** after - before, in the unit of the values. */
  readonly effect: number | null;
  readonly interval?: readonly [number, number];
  readonly margin: number;
  /** How many independent values each series is worth, for this quantity. */
  readonly effectiveN?: readonly [number, number];
  /** How many more values of each series are needed, roughly, when inconclusive. */
  readonly needMore?: number;
}

/** No advice to measure more than so many times as long. */
const longest = 100;

/** One quantity of a series before against the same after. Never throws: what cannot be judged is `inconclusive`. */
export function judgeSeries(before: readonly number[], after: readonly number[], options: SeriesOptions): SeriesResult {
  try {
    return settle(prepareSeries(before, after, options), options.quantity, 1);
  } catch (e) {
    return undecided(options.quantity, `the judge failed: ${e instanceof Error ? e.message : String(e)}`);
  }
}

/** A comparison that may still be inconclusive for want of data, with what the reader is told. */
export interface Prepared {
  readonly before: Estimate;
  readonly after: Estimate;
  readonly comparison: Comparison;
  /** Why it cannot be decided whatever the comparison says. */
  readonly blocked?: Blocked;
  /** Why it is as before although no bound can be that narrow. */
  readonly granted?: string;
  readonly values: number;
}

export interface Blocked {
  readonly why: 'too few' | 'too alike' | 'not sent';
  readonly reason: string;
  /** How many times the data it would take. */
  readonly growth: number;
}

export class CannotJudge extends Error {}

export function prepareSeries(
  before: readonly number[],
  after: readonly number[],
  { direction, margin, quantity, confidence = 0.95 }: SeriesOptions,
): Prepared {
  checkRules(margin, confidence);
  checkValues('before', before);
  checkValues('after', after);
  const b = estimateOf(before, quantity);
  const a = estimateOf(after, quantity);
  const values = Math.min(before.length, after.length);
  const effective = Math.min(b.effectiveN, a.effectiveN);
  const rules = { direction, margin, confidence };
  const bounded = compare(b, a, rules);
  const plain = withTail({ values: before, estimate: b }, { values: after, estimate: a }, quantity, bounded, rules);
  const comparison = withDrift(driftOf(before, quantity, rules), b, a, plain, rules);
  if (values < fewestValues) {
    const reason = `only ${values} values, and ${fewestValues} are the fewest that can be judged`;
    const blocked = { why: 'too few', reason, growth: fewestValues / values } as const;
    return { before: b, after: a, comparison, values, blocked };
  }
  // However they hang together: had the median moved by the margin, some value would lie that far from some other. Of a
  // tail that is not so: what was seen says little of it.
  const all = ascending([...before, ...after]);
  const width = (all.at(-1) ?? 0) - (all[0] ?? 0);
  if (quantity === 'p50' && values >= fewestValues && width <= comparison.margin && !comparison.asBefore()) {
    const granted = `no two of ${all.length} values lie further apart than ${shown(width)}`;
    return { before: b, after: a, comparison, values, granted };
  }
  if (effective < fewestEffective) {
    const reason = `its neighbouring values are so alike that ${values} of them are worth ${shown(effective)}`;
    const blocked = { why: 'too alike', reason, growth: (2 * fewestEffective) / effective } as const;
    return { before: b, after: a, comparison, values, blocked };
  }
  return { before: b, after: a, comparison, values };
}

export function checkRules(margin: Tolerance, confidence: number): void {
  const bad = [margin.relative ?? 0, margin.absolute ?? 0].some((m) => !(Number.isFinite(m) && m >= 0));
  if (bad) throw new CannotJudge('its margin is not a number of 0 or more');
  if (!(confidence > 0.5 && confidence < 1)) throw new CannotJudge('the confidence is not between 0.5 and 1');
}

/** Beyond it a square is no number any more. */
const largest = 1e150;

function checkValues(which: string, values: readonly number[]): void {
  if (values.length === 0) throw new CannotJudge(`there are no values ${which}`);
  const bad = values.filter((x) => !(Math.abs(x) <= largest)).length;
  if (bad > 0) throw new CannotJudge(`${bad} of ${values.length} values ${which} are not finite numbers`);
}

/** @param share of the error budget for claims of a difference; see `holm`. */
export function settle(prepared: Prepared, quantity: Quantity, share: number): SeriesResult {
  const { before, after, comparison, values } = prepared;
  const interval = comparison.interval();
  const figures = {
    quantity,
    before: before.value,
    after: after.value,
    effect: comparison.effect,
    margin: comparison.margin,
    effectiveN: [before.effectiveN, after.effectiveN] as const,
    ...(interval === undefined ? {} : { interval }),
  };
  const verdict = outcomeOf(prepared, comparison.worse(share), comparison.better(share));
  const needMore = Math.ceil(values * (Math.min(longest, verdict.growth) - 1));
  return {
    ...figures,
    outcome: verdict.outcome,
    reason: verdict.reason,
    ...(verdict.outcome === 'inconclusive' && needMore > 0 ? { needMore } : {}),
  };
}

/** Which of several comparisons made together show a difference: their claims share one error budget (`holm`). */
export function differences(all: readonly (Prepared | { readonly failed: string })[]): {
  readonly worse: readonly boolean[];
  readonly better: readonly boolean[];
} {
  const claims = (stands: (of: Prepared, share: number) => boolean) =>
    holm(all.map((it) => (share) => !('failed' in it) && stands(it, share)));
  return {
    worse: claims((it, share) => it.comparison.worse(share)),
    better: claims((it, share) => it.comparison.better(share)),
  };
}

export interface Verdict {
  readonly outcome: IndicatorOutcome;
  readonly reason: string;
  /** How many times the data it would take, when inconclusive. */
  readonly growth: number;
}

/** @param unit of the values, for the reader */
export function outcomeOf(prepared: Prepared, worse: boolean, better: boolean, unit = ''): Verdict {
  const { comparison, blocked, granted } = prepared;
  if (blocked !== undefined) return { outcome: 'inconclusive', reason: blocked.reason, growth: blocked.growth };
  const { drift, tail } = comparison;
  const interval = comparison.interval();
  const [scale, amount] = toldIn(unit);
  const told = (x: number) => signed(x * scale);
  const change =
    interval === undefined
      ? 'too few values bound its change'
      : `it changed by ${told(interval[0])} to ${told(interval[1])}${amount}`;
  const margin = shown(comparison.margin * scale);
  const limit = `the margin of ${margin}${margin === '1' ? amount.replace('points', 'point') : amount}`;
  if (worse && interval === undefined && tail !== undefined) return { outcome: 'worse', reason: tail, growth: 1 };
  if (worse) return { outcome: 'worse', reason: `${change}, beyond ${limit}`, growth: 1 };
  if (better) return { outcome: 'better', reason: `${change}, better by more than ${limit}`, growth: 1 };
  if (granted !== undefined) return { outcome: 'as-before', reason: granted, growth: 1 };
  if (comparison.asBefore()) return { outcome: 'as-before', reason: `${change}, within ${limit}`, growth: 1 };
  if (drift !== undefined) {
    const reason = `the baseline drifts by itself, ${told(drift)}${amount} from its first third to its last`;
    return { outcome: 'inconclusive', reason, growth: 1 };
  }
  const reason = `${change}, which does not tell whether it keeps ${limit}`;
  return { outcome: 'inconclusive', reason, growth: Math.max(1.25, comparison.growth()) };
}

/** By how much a value is multiplied, and what stands behind it: a difference of ratios is told in percentage points. */
function toldIn(unit: string): readonly [scale: number, amount: string] {
  if (unit === 'ratio') return [100, ' points'];
  if (unit === '1/s') return [1, ' /s'];
  return [1, unit === '' ? '' : ` ${unit}`];
}

const signed = (x: number): string => (x > 0 ? `+${shown(x)}` : shown(x));

export const undecided = (quantity: Quantity, reason: string): SeriesResult => ({
  quantity,
  outcome: 'inconclusive',
  reason,
  before: null,
  after: null,
  effect: null,
  margin: 0,
});
