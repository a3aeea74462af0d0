import { studentTail } from '../../harness/judge/distributions.js';
import { ascending, mean } from '../../harness/judge/numbers.js';
import { seededRandom } from '../../harness/util/random.js';

/** What the judge is measured against: what others do with the same two windows. Each says whether it calls it worse. */

/** The one-sided rank test of Mann and Whitney by its normal approximation, which takes samples for independent. */
export function mannWhitney(before: readonly number[], after: readonly number[], alpha: number): boolean {
  const b = ascending(before);
  let wins = 0;
  let below = 0;
  let notAbove = 0;
  for (const x of ascending(after)) {
    while (below < b.length && (b[below] ?? 0) < x) below += 1;
    while (notAbove < b.length && (b[notAbove] ?? 0) <= x) notAbove += 1;
    wins += (below + notAbove) / 2;
  }
  const product = before.length * after.length;
  const z = (wins - product / 2) / Math.sqrt((product * (before.length + after.length + 1)) / 12);
  return studentTail(z, 1e7) < alpha;
}

/** One number against a threshold: the mean afterwards may exceed the mean before by so much. */
export const fixedThreshold = (before: readonly number[], after: readonly number[], relative: number): boolean =>
  mean(after) > (1 + relative) * mean(before);

/**
 * The textbook remedy for dependence: the stationary bootstrap (Politis and Romano, JASA 89, 1994) of the mean, with the
 * automatic block length of Politis and White (Econometric Reviews 23, 2004) as corrected by Patton (28, 2009), and a
 * percentile interval at 95 % against the same margin as the judge.
 */
export function stationaryBootstrap(
  before: readonly number[],
  after: readonly number[],
  relative: number,
  seed: number,
): boolean {
  const random = seededRandom(seed);
  const draws = 199;
  const b = bootstrapMeans(before, draws, random);
  const a = bootstrapMeans(after, draws, random);
  const excess = Float64Array.from({ length: draws }, (_, i) => (a[i] ?? 0) - (1 + relative) * (b[i] ?? 0)).sort();
  return (excess[Math.floor(0.05 * draws)] ?? 0) > 0;
}

function bootstrapMeans(values: readonly number[], draws: number, random: () => number): Float64Array {
  const n = values.length;
  const restart = 1 / blockLength(values);
  return Float64Array.from({ length: draws }, () => {
    let sum = 0;
    let at = 0;
    for (let i = 0; i < n; i++) {
      at = i === 0 || random() < restart ? Math.floor(random() * n) : (at + 1) % n;
      sum += values[at] ?? 0;
    }
    return sum / n;
  });
}

/** The expected block length that suits the correlogram, for the stationary bootstrap of the mean. */
export function blockLength(values: readonly number[]): number {
  const n = values.length;
  const level = mean(values);
  const covariance = (lag: number) => {
    let sum = 0;
    for (let i = lag; i < n; i++) sum += ((values[i] ?? 0) - level) * ((values[i - lag] ?? 0) - level);
    return sum / n;
  };
  const variance = covariance(0);
  if (variance <= 0) return 1;
  const quiet = Math.max(5, Math.ceil(Math.sqrt(Math.log10(n))));
  const longest = Math.min(n - 1, Math.ceil(Math.sqrt(n)) + quiet);
  const bound = 2 * Math.sqrt(Math.log10(n) / n);
  const covariances = Array.from({ length: longest + 1 }, (_, lag) => covariance(lag));
  const silent = (lag: number) => Math.abs((covariances[lag] ?? 0) / variance) < bound;
  let cut = longest;
  for (let lag = 1; lag + quiet <= longest && cut === longest; lag++)
    if (Array.from({ length: quiet }, (_, k) => silent(lag + k)).every(Boolean)) cut = lag - 1;
  const width = Math.min(longest, 2 * Math.max(1, cut));
  let bend = 0;
  let spectrum = variance;
  for (let lag = 1; lag <= width; lag++) {
    // The flat-top window.
    const weight = Math.min(1, 2 * (1 - lag / width));
    bend += 2 * weight * lag * (covariances[lag] ?? 0);
    spectrum += 2 * weight * (covariances[lag] ?? 0);
  }
  const optimal = ((bend * bend) / (spectrum * spectrum)) ** (1 / 3) * n ** (1 / 3);
  return Math.min(Math.max(1, optimal), Math.ceil(Math.min(3 * Math.sqrt(n), n / 3)));
}
