import { type CompareRules, type Comparison, compare } from './compare.js';
import { type Estimate, estimateOf, fewestValues, type Quantity } from './estimate.js';

/** The change between the first and the last third of a series, in its unit; 0 when none beyond the margin is shown. */
export function driftOf(values: readonly number[], quantity: Quantity, rules: CompareRules): number {
  const third = Math.floor(values.length / 3);
  if (third < fewestValues) return 0;
  const first = estimateOf(values.slice(0, third), quantity);
  const last = estimateOf(values.slice(-third), quantity);
  const comparison = compare(first, last, rules);
  return comparison.worse(1) || comparison.better(1) ? comparison.effect : 0;
}

/**
 * A baseline that drifts would have gone on drifting. The thirds are two thirds of a window apart, the two windows
 * one window at least, and the pause between them is not known: twice the drift is laid at the baseline's door, and
 * nothing is shown to be as before.
 */
export function withDrift(
  drift: number,
  before: Estimate,
  after: Estimate,
  plain: Comparison,
  rules: CompareRules,
): Comparison {
  if (drift === 0) return plain;
  const allowed = { ...rules, margin: { absolute: plain.margin + 2 * Math.abs(drift) } };
  const wide = compare(before, after, allowed);
  const harmful = drift > 0 === (rules.direction === 'lower-is-better');
  return {
    ...plain,
    worse: harmful ? wide.worse : plain.worse,
    better: harmful ? plain.better : wide.better,
    asBefore: () => false,
    drift,
  };
}
