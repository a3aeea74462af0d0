import { clamp, mean } from './numbers.js';

/** How much a dependent series of n values knows about its own mean. */
export interface Dependence {
  /** Standard error of the mean, in the unit of the values. */
  readonly standardError: number;
  /** How many independent values would know the mean as well; at most n. */
  readonly effectiveN: number;
}

/** Fewer values than this do not tell how fast a memory fades. */
const fewestForMemory = 25;

/**
 * The standard error of the mean of a dependent series: the largest of several answers, each from an AR(1) fitted at
 * another time scale (the values, the means of 2, of 4, ... neighbours), because what the one scale hides another
 * shows: short memory even when n is 30; a slow state under much noise, a wave or a trend at the coarse scales.
 * One AR(1) alone misses those, batch means alone miss memory in short series (both measured: test/bench/judge.ts).
 */
export function dependence(values: ArrayLike<number>): Dependence {
  const n = values.length;
  const fine = autoregression(values);
  if (fine.variance === 0) return { standardError: 0, effectiveN: n };
  let longRun = fine.longRun;
  let scaled = values;
  for (let scale = 2; n / scale >= fewestForMemory; scale *= 2) {
    scaled = pairMeans(scaled);
    longRun = Math.max(longRun, scale * autoregression(scaled).longRun);
  }
  return { standardError: Math.sqrt(longRun / n), effectiveN: clamp((n * fine.variance) / longRun, 1, n) };
}

/** The variance of the values, and the long-run variance of their mean: residual variance over (1 - rho)². */
function autoregression(values: ArrayLike<number>): { variance: number; longRun: number } {
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
  // What rounding leaves of equal values is no variance.
  if (n < 3 || square <= n * (1e-12 * level) ** 2) return { variance: 0, longRun: 0 };
  const raw = lagged / square;
  const rho = unbiased(raw, n);
  const residual = (square * (1 - Math.min(raw, rho) ** 2)) / (n - 2);
  return { variance: square / (n - 1), longRun: residual / (1 - rho) ** 2 };
}

/** The means of neighbours, two by two; of an odd number the first is left out. */
function pairMeans(values: ArrayLike<number>): Float64Array {
  const half = new Float64Array(Math.floor(values.length / 2));
  const odd = values.length % 2;
  for (let i = 0; i < half.length; i++) half[i] = ((values[odd + 2 * i] ?? 0) + (values[odd + 2 * i + 1] ?? 0)) / 2;
  return half;
}

/**
 * The lag-one correlation without the bias that it has in short series (Kendall; Marriott and Pope, Biometrika 41,
 * 1954), and never negative: that neighbours alternate is no reason to trust a mean more.
 */
const unbiased = (raw: number, n: number): number => clamp(raw + (1 + 3 * raw) / n, 0, 0.99);

/**
 * The lag-one correlation of the ranks, as that of the normal scores beneath: whatever the tails are.
 * @param sorted the same values in ascending order.
 */
export function memoryOf(values: ArrayLike<number>, sorted: Float64Array): number {
  const n = values.length;
  const middle = n / 2;
  let square = 0;
  let lagged = 0;
  let last = 0;
  for (let i = 0; i < n; i++) {
    const value = values[i] ?? 0;
    const below = position(sorted, value, false);
    // The mean rank of equal values; most have no equal.
    const notAbove = sorted[below + 1] === value ? position(sorted, value, true) : below + 1;
    const d = (below + notAbove) / 2 - middle;
    square += d * d;
    if (i > 0) lagged += d * last;
    last = d;
  }
  // Pearson's relation between rank and normal correlation.
  return square <= 0 ? 0 : unbiased(2 * Math.sin((Math.PI / 6) * (lagged / square)), n);
}

/** How many sorted values lie below `value`, or not above it. */
function position(sorted: Float64Array, value: number, inclusive: boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const at = sorted[middle] ?? 0;
    if (at < value || (inclusive && at === value)) low = middle + 1;
    else high = middle;
  }
  return low;
}
