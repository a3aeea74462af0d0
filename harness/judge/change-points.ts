import { seededRandom } from '../util/random.js';
import { normalTail } from './distributions.js';
import { ascending, quantile } from './numbers.js';

/** Where a series of figures, one a run, settled at another level. */
export interface ChangePoint {
  /** Of the first figure at the new level. */
  readonly index: number;
  /** Medians of the stretch before and of the one that begins here. */
  readonly before: number;
  readonly after: number;
  /** How often figures in a random order would part as well; never 0. */
  readonly p: number;
}

export interface ChangePointOptions {
  readonly seed: number;
  /** A change is told when chance alone would make one at most this often. */
  readonly alpha?: number;
  /** Permutations of each test: 999 tell a p of 0.001 at the least. */
  readonly permutations?: number;
}

/** Fewer figures than this are no level. */
export const shortestStretch = 5;
/** Of a longer history the last so many figures count: the cost grows with their square. */
export const longestHistory = 500;

/**
 * E-divisive: the split of a stretch at which the figures on both sides differ most in the energy distance, which sees
 * a shift, another spread and another shape alike; it stands when a permutation test says so, and each side is then
 * looked at by itself. No distribution is assumed, but that figures of different runs are independent.
 * Source: Matteson and James, Journal of the American Statistical Association 109, 2014, with the whole stretch as its
 * right end.
 */
export function changePoints(
  values: readonly number[],
  { seed, alpha = 0.01, permutations = 499 }: ChangePointOptions,
): readonly ChangePoint[] {
  const offset = Math.max(0, values.length - longestHistory);
  const recent = Float64Array.from(values.slice(offset));
  const random = seededRandom(seed);
  const splits: { index: number; p: number }[] = [];
  const divide = (from: number, to: number): void => {
    if (to - from < 2 * shortestStretch) return;
    const stretch = recent.slice(from, to);
    const best = bestSplit(stretch);
    let asGood = 1;
    // Enough have been as good: whatever comes, it will not stand.
    const tooMany = alpha * (permutations + 1);
    for (let i = 0; i < permutations && asGood <= tooMany; i++) {
      shuffle(stretch, random);
      if (bestSplit(stretch).divergence >= best.divergence) asGood++;
    }
    if (asGood > tooMany) return;
    splits.push({ index: from + best.index, p: asGood / (permutations + 1) });
    divide(from, from + best.index);
    divide(from + best.index, to);
  };
  if (recent.every((x) => Number.isFinite(x))) divide(0, recent.length);
  const ordered = splits.sort((a, b) => a.index - b.index);
  return ordered.map(({ index, p }, i) => ({
    index: offset + index,
    before: median(recent.slice(ordered[i - 1]?.index ?? 0, index)),
    after: median(recent.slice(index, ordered[i + 1]?.index ?? recent.length)),
    p,
  }));
}

const median = (values: Float64Array): number => quantile(ascending(values), 0.5);

/** The split with the greatest energy distance, weighted by the lengths of its sides. */
function bestSplit(values: Float64Array): { index: number; divergence: number } {
  const n = values.length;
  // Sums of distances: between both sides, within the left, within the right. One value moves over at a time.
  let between = 0;
  let left = 0;
  let right = 0;
  for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) right += distance(values, i, j);
  let best = { index: 0, divergence: Number.NEGATIVE_INFINITY };
  for (let m = 1; m < n; m++) {
    const moved = m - 1;
    let toLeft = 0;
    let toRight = 0;
    for (let j = 0; j < moved; j++) toLeft += distance(values, moved, j);
    for (let j = m; j < n; j++) toRight += distance(values, moved, j);
    between += toRight - toLeft;
    left += toLeft;
    right -= toRight;
    if (m < shortestStretch || n - m < shortestStretch) continue;
    const k = n - m;
    const energy = (2 * between) / (m * k) - left / ((m * (m - 1)) / 2) - right / ((k * (k - 1)) / 2);
    const divergence = ((m * k) / n) * energy;
    if (divergence > best.divergence) best = { index: m, divergence };
  }
  return best;
}

const distance = (values: Float64Array, i: number, j: number): number => Math.abs((values[i] ?? 0) - (values[j] ?? 0));

/** Fisher and Yates. */
function shuffle(values: Float64Array, random: () => number): void {
  for (let i = values.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    const kept = values[i] ?? 0;
    values[i] = values[j] ?? 0;
    values[j] = kept;
  }
}

/** A slow drift over the whole history, which no single run shows. */
export interface Trend {
  /** From one run to the next: the median of all slopes (Theil and Sen). */
  readonly perRun: number;
  /** Two-sided (Mann and Kendall), with the correction for ties. */
  readonly p: number;
}

/** @returns undefined for fewer than ten figures */
export function trendOf(values: readonly number[]): Trend | undefined {
  const recent = values.slice(-longestHistory);
  const n = recent.length;
  if (n < 2 * shortestStretch) return undefined;
  const slopes: number[] = [];
  let concordance = 0;
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      const change = (recent[j] ?? 0) - (recent[i] ?? 0);
      slopes.push(change / (j - i));
      concordance += Math.sign(change);
    }
  }
  const ties = new Map<number, number>();
  for (const v of recent) ties.set(v, (ties.get(v) ?? 0) + 1);
  const weight = (t: number) => t * (t - 1) * (2 * t + 5);
  const variance = (weight(n) - [...ties.values()].reduce((sum, t) => sum + weight(t), 0)) / 18;
  const z = variance === 0 ? 0 : Math.max(0, Math.abs(concordance) - 1) / Math.sqrt(variance);
  return { perRun: quantile(ascending(slopes), 0.5), p: Math.min(1, 2 * normalTail(z)) };
}
