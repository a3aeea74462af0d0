import type { CompareRules, Comparison } from './compare.js';
import { falseAlarm } from './compare.js';
import { clopperPearson, fisherGreater } from './distributions.js';
import { levelOf, type Quantity, quantileEstimate } from './estimate.js';
import { shown } from './numbers.js';

/** From here on a quantile of a short series has no upper bound. */
const highQuantile = 0.9;

/**
 * A short baseline sets no upper bound to its p99, so no bounds can show a worse one; counts can. The tail is worse
 * when more than 1 - p of the values afterwards exceed the baseline's quantile and the margin (Clopper and Pearson,
 * at `confidence`), and more exceed the quantile itself than in the baseline (Fisher, at half of `falseAlarm`: the
 * baseline chose the threshold, which favours it). Counts are divided by the design effect of either series.
 */
export function withTail(
  before: readonly number[],
  after: readonly number[],
  quantity: Quantity,
  plain: Comparison,
  { direction, confidence }: CompareRules,
): Comparison {
  const p = levelOf(quantity);
  if (p === undefined || p < highQuantile || direction !== 'lower-is-better' || plain.interval !== undefined)
    return plain;
  const b = quantileEstimate(before, p);
  const a = quantileEstimate(after, p);
  const exceeding = (values: readonly number[], threshold: number) => values.filter((x) => x > threshold).length;
  const nBefore = Math.floor(b.effectiveN);
  const nAfter = Math.floor(a.effectiveN);
  const far = (exceeding(after, b.value + plain.margin) / after.length) * nAfter;
  const beyond = Math.floor((exceeding(after, b.value) / after.length) * nAfter);
  const natural = Math.ceil((exceeding(before, b.value) / before.length) * nBefore);
  const evidence = fisherGreater(natural, nBefore, beyond, nAfter);
  const worse = (share: number) =>
    evidence <= (falseAlarm / 2) * share && clopperPearson(far, nAfter, (1 - confidence) * share).lower > 1 - p;
  const share = shown((100 * far) / Math.max(1, nAfter));
  const tail = `${share} % of the values lie beyond the baseline's ${quantity} and the margin of ${shown(plain.margin)}`;
  return { ...plain, worse: (s) => plain.worse(s) || worse(s), tail };
}
