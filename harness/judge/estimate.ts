import { dependence, memoryOf } from './dependence.js';
import { clopperPearson, incompleteBeta, normalCritical, solveIncreasing, tabledCritical } from './distributions.js';
import { ascending, clamp, mapped, mean, quantile } from './numbers.js';

/** `spread` is the mean distance from the median. */
export type Quantity = 'mean' | 'p50' | 'p90' | 'p95' | 'p99' | 'spread';

/** Fewer values than this tell nothing about their own dependence. */
export const fewestValues = 12;
/** Fewer effective values than this are one event seen many times. */
export const fewestEffective = 5;

/** One quantity of one series, with what the series knows about it. */
export interface Estimate {
  readonly value: number;
  /** How many independent values would know it as well. */
  readonly effectiveN: number;
  /** The bound below which the true value lies with probability `alpha` at most; -Infinity when nothing is known. */
  lower(alpha: number): number;
  /** The bound above which the true value lies with probability `alpha` at most; Infinity when nothing is known. */
  upper(alpha: number): number;
  /** By which factor the series must grow before both bounds exist; 1 when they do. */
  growth(alpha: number): number;
}

export function estimateOf(values: readonly number[], quantity: Quantity): Estimate {
  const p = levelOf(quantity);
  if (p !== undefined) return quantileEstimate(values, p);
  return quantity === 'mean' ? meanEstimate(values) : spreadEstimate(values);
}

/** 0.95 for `p95`; undefined for what is no quantile. */
export const levelOf = (quantity: Quantity): number | undefined =>
  quantity === 'mean' || quantity === 'spread' ? undefined : Number(quantity.slice(1)) / 100;

/** The mean, by Student's t with the effective number of values. */
export function meanEstimate(values: readonly number[] | Float64Array): Estimate {
  const value = mean(values);
  const { standardError, effectiveN } = dependence(values);
  const reach = (alpha: number) =>
    standardError === 0 ? 0 : tabledCritical(alpha, Math.max(1, effectiveN - 1)) * standardError;
  return {
    value,
    effectiveN,
    lower: (alpha) => value - reach(alpha),
    upper: (alpha) => value + reach(alpha),
    growth: () => 1,
  };
}

/**
 * A quantile with bounds from order statistics, which assume no distribution (David and Nagaraja, Order Statistics,
 * 7.1), at the effective number of values of the series "is it below the quantile?". The true p99 of fewer than 299
 * independent values has no upper bound at 95 %: then the bound is infinite, not a guess.
 */
export function quantileEstimate(values: readonly number[] | Float64Array, p: number): Estimate {
  const sorted = ascending(values);
  const value = quantile(sorted, p);
  const below = mapped(values, (x) => (x <= value ? 1 : 0));
  const memory = memoryOf(values, sorted);
  const effectiveN = Math.min(dependence(below).effectiveN, values.length / thresholdMemory(p, memory));
  // The dependence is itself an estimate: t instead of z, told as fewer values.
  const counted = (alpha: number) => {
    const cautious = normalCritical(alpha) / tabledCritical(alpha, Math.max(1, effectiveN - 1));
    return Math.max(1, effectiveN * cautious ** 2);
  };
  // P(the r-th of m values lies below the quantile), for real r; falls with r.
  const reached = (r: number, m: number) => incompleteBeta(p, r, m - r + 1);
  const at = (r: number, m: number) => (m > 1 ? quantile(sorted, (r - 1) / (m - 1)) : value);
  return {
    value,
    effectiveN,
    lower: (alpha) => {
      const m = counted(alpha);
      if (reached(1, m) < 1 - alpha) return Number.NEGATIVE_INFINITY;
      return at(
        solveIncreasing((r) => -reached(r, m), alpha - 1, 1, m),
        m,
      );
    },
    upper: (alpha) => {
      const m = counted(alpha);
      if (reached(m, m) > alpha) return Number.POSITIVE_INFINITY;
      return at(
        solveIncreasing((r) => -reached(r, m), -alpha, 1, m),
        m,
      );
    },
    growth: (alpha) => {
      const needed = Math.log(alpha) / Math.log(Math.max(p, 1 - p));
      return Math.max(1, needed / counted(alpha));
    },
  };
}

/**
 * The sum of all autocorrelations of "is it below the p-quantile?" when the normal scores beneath are AR(1): the
 * tetrachoric series (Kendall, Advanced Theory of Statistics, 26.27), summed over the lags in closed form. Lag one of
 * the 0/1 series alone would miss half of it.
 */
export function thresholdMemory(p: number, rho: number): number {
  if (rho <= 0) return 1;
  const h = normalCritical(Math.min(p, 1 - p));
  // hermite(m)² / (m + 1)!, by the recurrence of the Hermite functions, which does not overflow.
  let previous = 0;
  let current = 1;
  let sum = 0;
  let power = rho;
  for (let m = 0; m < 200 && power > 1e-6; m++) {
    sum += ((current * current) / (m + 1)) * (power / (1 - power));
    const next = (h * current - Math.sqrt(m) * previous) / Math.sqrt(m + 1);
    previous = current;
    current = next;
    power *= rho;
  }
  const density = Math.exp((-h * h) / 2) / Math.sqrt(2 * Math.PI);
  return 1 + (2 * density * density * sum) / (p * (1 - p));
}

/** The spread: the mean distance from the median. Unlike the quartiles it sees two modes move apart. */
export function spreadEstimate(values: readonly number[] | Float64Array): Estimate {
  const sorted = ascending(values);
  const median = quantile(sorted, 0.5);
  const distances = mapped(values, (x) => Math.abs(x - median));
  const value = mean(distances);
  const memory = memoryOf(values, sorted);
  const seen = dependence(distances);
  // Distances may hide memory (two modes): it counts as for a threshold, the worst of what a distance can be.
  const effectiveN = Math.min(seen.effectiveN, values.length / thresholdMemory(0.5, memory));
  const standardError = seen.standardError * Math.sqrt(seen.effectiveN / effectiveN);
  // On the logarithmic scale, where a ratio of spreads is symmetric and its bounds stay positive.
  const ratio = (alpha: number) =>
    value === 0 ? 1 : Math.exp((tabledCritical(alpha, Math.max(1, effectiveN - 1)) * standardError) / value);
  return {
    value,
    effectiveN,
    lower: (alpha) => value / ratio(alpha),
    upper: (alpha) => value * ratio(alpha),
    growth: () => 1,
  };
}

/**
 * A ratio of hits, exact after Clopper and Pearson, on counts that are divided by the design effect.
 * @param designEffect how many neighbours fail or succeed together; 1 when they are independent.
 */
export function ratioEstimate(hits: number, n: number, designEffect: number): Estimate {
  const effectiveN = n / designEffect;
  const bounds = (alpha: number) => clopperPearson(hits / designEffect, effectiveN, alpha);
  return {
    value: hits / n,
    effectiveN,
    lower: (alpha) => bounds(alpha).lower,
    upper: (alpha) => bounds(alpha).upper,
    growth: () => 1,
  };
}

/** How strongly hits cluster in time: n over its effective number; 1 when there is nothing to learn it from. */
export const designEffect = (hits: readonly number[] | Float64Array): number =>
  clamp(hits.length / dependence(hits).effectiveN, 1, Math.max(1, hits.length));
