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
 * - AR(1): residual variance over (1 - rho)². Sees strong short memory even when n is 30.
 * - Batch means. See what no AR(1) explains: slow waves, trend, a little long memory under much noise.
 *
 * @param memory lag-one correlation of the measurements, when `values` are made from them: a threshold or a distance
 * hides memory that the measurements show.
 */
export function dependence(values: ArrayLike<number>, memory = 0): Dependence {
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
  const rho = unbiased(raw, n);
  const residual = (square * (1 - Math.min(raw, rho) ** 2)) / (n - 2);
  const autoregressive = residual / (1 - rho) ** 2;
  const longRun = Math.max(autoregressive, batchVariance(values, level, Math.max(rho, memory)));
  const white = square / (n - 1);
  return { standardError: Math.sqrt(longRun / n), effectiveN: clamp((n * white) / longRun, 1, n) };
}

/**
 * The lag-one correlation without the bias that it has in short series (Kendall; Marriott and Pope, Biometrika 41,
 * 1954), and never negative: that neighbours alternate is no reason to trust a mean more.
 */
const unbiased = (raw: number, n: number): number => clamp(raw + (1 + 3 * raw) / n, 0, 0.99);

/** The lag-one correlation of the ranks, as that of the normal scores beneath: whatever the tails are. */
export function memoryOf(values: ArrayLike<number>): number {
  const n = values.length;
  const ranks = ranksOf(values);
  const middle = (n + 1) / 2;
  let square = 0;
  let lagged = 0;
  for (let i = 0; i < n; i++) {
    const d = (ranks[i] ?? 0) - middle;
    square += d * d;
    if (i > 0) lagged += d * ((ranks[i - 1] ?? 0) - middle);
  }
  // Pearson's relation between rank and normal correlation.
  return square <= 0 ? 0 : unbiased(2 * Math.sin((Math.PI / 6) * (lagged / square)), n);
}

function ranksOf(values: ArrayLike<number>): Float64Array {
  const n = values.length;
  const order = Uint32Array.from({ length: n }, (_, i) => i).sort((a, b) => (values[a] ?? 0) - (values[b] ?? 0));
  const ranks = new Float64Array(n);
  for (let from = 0; from < n; ) {
    const value = values[order[from] ?? 0];
    let to = from + 1;
    while (to < n && values[order[to] ?? 0] === value) to += 1;
    for (let i = from; i < to; i++) ranks[order[i] ?? 0] = (from + 1 + to) / 2;
    from = to;
  }
  return ranks;
}

/**
 * Variance of batch means, scaled to one value. About 0.4 n^(2/3) batches (the rate of Lazarus, Lewis, Stock and
 * Watson, JBES 36, 2018), fewer when a batch would not outlast the memory, never fewer than 8.
 */
function batchVariance(values: ArrayLike<number>, level: number, rho: number): number {
  const n = values.length;
  const outlasting = n / (3 * ((1 + rho) / (1 - rho)));
  const batches = Math.max(8, Math.round(Math.min(0.4 * n ** (2 / 3), outlasting)));
  if (n < 2 * batches) return 0;
  let sum = 0;
  for (let b = 0; b < batches; b++) {
    const from = Math.round((b * n) / batches);
    const to = Math.round(((b + 1) * n) / batches);
    let batch = 0;
    for (let i = from; i < to; i++) batch += values[i] ?? 0;
    sum += (to - from) * (batch / (to - from) - level) ** 2;
  }
  return sum / (batches - 1);
}
