import { seededRandom } from '../../harness/util/random.js';

/** Telemetry with known truth: a marginal distribution, a dependence, and what disturbs both windows alike. */

export type Marginal = 'normal' | 'lognormal' | 'gamma' | 'bimodal';
export type Disturbance = 'none' | 'trend' | 'diurnal' | 'drop-outs' | 'hidden state';

export interface Family {
  readonly marginal: Marginal;
  /** Lag-one correlation of the Gaussian process beneath. */
  readonly rho: number;
  readonly disturbance: Disturbance;
  /** Standard deviation over mean. */
  readonly variation: number;
}

export interface Change {
  /** Added to every value afterwards, as a share of the level. */
  readonly shift?: number;
  /** Distances from the level are multiplied by it afterwards. */
  readonly spread?: number;
}

export interface Pair {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

const level = 100;

/** Draws pairs of windows, each of `n` values, from one family. */
export function simulator(family: Family, seed: number): (n: number, change?: Change) => Pair {
  const uniform = seededRandom(seed);
  const normal = normals(uniform);
  const shape = transform(family.marginal, family.variation);
  const series = (n: number): number[] => {
    const innovation = Math.sqrt(1 - family.rho ** 2);
    let z = normal();
    // A slow state under white noise: the lag-one correlation is half of what it decays by.
    if (family.disturbance === 'hidden state')
      return Array.from({ length: n }, () => {
        const value = shape(Math.SQRT1_2 * (z + normal()));
        z = family.rho * z + innovation * normal();
        return value;
      });
    return Array.from({ length: n }, () => {
      const value = shape(z);
      z = family.rho * z + innovation * normal();
      return value;
    });
  };
  return (n, { shift = 0, spread = 1 } = {}) => {
    const wave = waveOf(family.disturbance, n, uniform);
    // The second window begins half a window after the first has ended.
    const before = series(n).map((x, i) => x + level * wave(i));
    const after = series(n).map((x, i) => level + spread * (x - level) + level * (shift + wave(1.5 * n + i)));
    if (family.disturbance !== 'drop-outs') return { before, after };
    return { before: withGaps(before, uniform), after: withGaps(after, uniform) };
  };
}

function waveOf(disturbance: Disturbance, n: number, uniform: () => number): (i: number) => number {
  if (disturbance === 'trend') {
    // Within both windows alike, up to 20 % of the level from end to end.
    const slope = (0.4 * uniform() - 0.2) / n;
    return (i) => slope * ((i % (1.5 * n)) - n / 2);
  }
  if (disturbance === 'diurnal') {
    const period = n * 2 ** (5 * uniform() - 2);
    const phase = 2 * Math.PI * uniform();
    return (i) => 0.05 * Math.sin(phase + (2 * Math.PI * i) / period);
  }
  return () => 0;
}

/** Three stretches are missing, a fifth of the window altogether. */
function withGaps(values: readonly number[], uniform: () => number): number[] {
  const length = Math.floor(values.length / 15);
  const starts = [0, 1, 2].map((third) => Math.floor(((third + 0.8 * uniform()) * values.length) / 3));
  return values.filter((_, i) => !starts.some((start) => i >= start && i < start + length));
}

/** Standard normal numbers by the polar method of Marsaglia. */
function normals(uniform: () => number): () => number {
  let spare: number | undefined;
  return () => {
    if (spare !== undefined) {
      const kept = spare;
      spare = undefined;
      return kept;
    }
    for (;;) {
      const u = 2 * uniform() - 1;
      const v = 2 * uniform() - 1;
      const s = u * u + v * v;
      if (s > 0 && s < 1) {
        const scale = Math.sqrt((-2 * Math.log(s)) / s);
        spare = v * scale;
        return u * scale;
      }
    }
  };
}

/** From a standard normal number to the marginal with mean `level` and the given variation. */
function transform(marginal: Marginal, variation: number): (z: number) => number {
  switch (marginal) {
    case 'normal':
      return (z) => level * (1 + variation * z);
    case 'lognormal': {
      const sigma = Math.sqrt(Math.log(1 + variation ** 2));
      return (z) => level * Math.exp(sigma * z - sigma ** 2 / 2);
    }
    case 'gamma': {
      const k = Math.max(1, Math.round(1 / variation ** 2));
      return tabled((x) => erlang(k, x * k), 0, 30, level);
    }
    case 'bimodal': {
      // Two modes of a quarter of the distance between them; 70 % in the lower.
      const gap = variation / Math.sqrt(0.7 * 0.3 + 1 / 16);
      const cdf = (x: number) =>
        0.7 * normalCdf((x - (1 - 0.3 * gap)) / (gap / 4)) + 0.3 * normalCdf((x - (1 + 0.7 * gap)) / (gap / 4));
      return tabled(cdf, 1 - 10 * variation, 1 + 10 * variation, level);
    }
  }
}

/** The distribution function of the gamma distribution with a whole shape k. */
function erlang(k: number, x: number): number {
  let term = Math.exp(-x);
  let sum = 0;
  for (let i = 0; i < k; i++) {
    sum += term;
    term *= x / (i + 1);
  }
  return x <= 0 ? 0 : 1 - sum;
}

/** Abramowitz and Stegun 26.2.17, exact to 7.5e-8. */
function normalCdf(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const poly = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * poly;
  return z >= 0 ? 1 - tail : tail;
}

/** Inverts a distribution function once on a fine grid of z, then looks up between neighbours. */
function tabled(cdf: (x: number) => number, from: number, to: number, unit: number): (z: number) => number {
  const steps = 2000;
  const reach = 5;
  const table = Float64Array.from({ length: steps + 1 }, (_, i) => {
    const p = normalCdf((i / steps) * 2 * reach - reach);
    let low = from;
    let high = to;
    for (let turn = 0; turn < 50; turn++) {
      const middle = (low + high) / 2;
      if (cdf(middle) < p) low = middle;
      else high = middle;
    }
    return ((low + high) / 2) * unit;
  });
  return (z) => {
    const at = Math.min(steps - 1e-6, Math.max(0, ((z + reach) / (2 * reach)) * steps));
    const low = Math.floor(at);
    const a = table[low] ?? 0;
    return a + (at - low) * ((table[low + 1] ?? a) - a);
  };
}
