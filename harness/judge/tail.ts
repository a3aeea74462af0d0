import { type CompareRules, type Comparison, falseAlarm } from './compare.js';
import { clopperPearson, fisherGreater } from './distributions.js';
import { type Estimate, levelOf, type Quantity } from './estimate.js';
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
  before: Side,
  after: Side,
  quantity: Quantity,
  plain: Comparison,
  { direction, confidence }: CompareRules,
): Comparison {
  const p = levelOf(quantity);
  const alpha = 1 - confidence;
  if (p === undefined || p < highQuantile || direction !== 'lower-is-better') return plain;
  if (Number.isFinite(before.estimate.upper(alpha))) return plain;
  const threshold = before.estimate.value;
  const far = effectiveHits(after, threshold + plain.margin);
  const nBefore = Math.floor(before.estimate.effectiveN);
  const nAfter = Math.floor(after.estimate.effectiveN);
  const natural = Math.ceil(effectiveHits(before, threshold));
  const beyond = Math.floor(effectiveHits(after, threshold));
  const evidence = fisherGreater(natural, nBefore, beyond, nAfter);
  const worse = (share: number) =>
    evidence <= (falseAlarm / 2) * share && clopperPearson(far, nAfter, alpha * share).lower > 1 - p;
  const percent = shown((100 * far) / Math.max(1, nAfter));
  const tail = `${percent} % of the values lie beyond the baseline's ${quantity} and the margin of ${shown(plain.margin)}`;
  return { ...plain, worse: (share) => plain.worse(share) || worse(share), tail };
}

interface Side {
  readonly values: readonly number[];
  readonly estimate: Estimate;
}

/** How many effective values exceed the threshold. */
function effectiveHits({ values, estimate }: Side, threshold: number): number {
  const hits = values.filter((x) => x > threshold).length;
  return (hits / values.length) * Math.floor(estimate.effectiveN);
}
