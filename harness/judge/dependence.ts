import { clamp, mean } from './numbers.js';

/** How much a dependent series of n values knows about its own mean. */
export interface Dependence {
  /** Standard error of the mean, in the unit of the values. */
  readonly standardError: number;
  /** How many independent values would know the mean as well; at most n. */
  readonly effectiveN: number;
}

/**
 * The standard error of the mean of a dependent series: the larger of two answers, each good where the other is weak.
 *
 * - AR(1): residual variance over (1 - rho)², rho corrected for its bias in short series (Kendall, Biometrika 41, 1954;
 *   Marriott and Pope, ibid.) and never taken as negative. Sees strong short memory even when n is 30.
 * - Batch means with about 0.4 n^(2/3) batches (rate after Lazarus, Lewis, Stock and Watson, JBES 36, 2018). Sees what
 *   no AR(1) explains: slow waves, trend, a little long memory under much noise.
 */
export function dependence(values: ArrayLike<number>): Dependence {
  const n = values.length;
  const level = mean(values);
  let square = 0;
  let lagged = 0;
  let last = 0;
  for (let i = 0; i < n; i++) {
    const d = (values[i] ?? 0) - level;
    square += d * d;
    if (i > 0) lagged += d * last;
    last = d;
  }
  if (n < 3 || square <= 0) return { standardError: 0, effectiveN: n };
  const raw = lagged / square;
  const rho = clamp(raw + (1 + 3 * raw) / n, 0, 0.99);
  const residual = (square * (1 - Math.min(raw, rho) ** 2)) / (n - 2);
  const autoregressive = residual / (1 - rho) ** 2;
  const longRun = Math.max(autoregressive, batchVariance(values, level));
  const white = square / (n - 1);
  return { standardError: Math.sqrt(longRun / n), effectiveN: clamp((n * white) / longRun, 1, n) };
}

/** Variance of batch means, scaled to one value. */
function batchVariance(values: ArrayLike<number>, level: number): number {
  const n = values.length;
  const batches = Math.max(4, Math.round(0.4 * n ** (2 / 3)));
  const size = Math.floor(n / batches);
  if (size < 2) return 0;
  let sum = 0;
  for (let b = 0; b < batches; b++) {
    let batch = 0;
    for (let i = b * size; i < (b + 1) * size; i++) batch += values[i] ?? 0;
    sum += (batch / size - level) ** 2;
  }
  return (size * sum) / (batches - 1);
}
