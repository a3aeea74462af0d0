/**
 * The few distributions that the judge needs, with shape parameters that need not be whole: effective counts are
 * real numbers. Formulas: NIST Digital Library of Mathematical Functions (DLMF), chapters 5 and 8.17.
 */

/** ln Γ(x) for x > 0: Stirling's series (DLMF 5.11.1) after the recurrence has lifted x to 10. */
export function lnGamma(x: number): number {
  let shift = 0;
  let z = x;
  for (; z < 10; z += 1) shift -= Math.log(z);
  const w = 1 / (z * z);
  const series = (1 / 12 - w * (1 / 360 - w * (1 / 1260 - w * (1 / 1680 - w / 1188)))) / z;
  return shift + (z - 0.5) * Math.log(z) - z + 0.5 * Math.log(2 * Math.PI) + series;
}

/** The regularised incomplete beta function I_x(a, b): the continued fraction DLMF 8.17.22, by Lentz's method. */
export function incompleteBeta(x: number, a: number, b: number): number {
  if (!(x > 0)) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const front = Math.exp(lnGamma(a + b) - lnGamma(a) - lnGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) / a;
  const tiny = 1e-300;
  const away = (v: number) => (Math.abs(v) < tiny ? tiny : v);
  let c = 1;
  let d = 1 / away(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m <= 500; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away(1 + even * d);
    c = away(1 + even / c);
    fraction *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away(1 + odd * d);
    c = away(1 + odd / c);
    fraction *= d * c;
    if (Math.abs(d * c - 1) < 1e-14) break;
  }
  return Math.min(1, front * fraction);
}

/**
 * Where an increasing function on [low, high] reaches `target`: false position (the Illinois variant), with a halving
 * of the bracket every third step, so that it never stalls.
 */
export function solveIncreasing(f: (x: number) => number, target: number, low: number, high: number): number {
  let a = low;
  let b = high;
  let fa = f(a) - target;
  let fb = f(b) - target;
  if (fa >= 0) return a;
  if (fb <= 0) return b;
  let kept = 0;
  for (let i = 1; i < 200 && b - a > 1e-12 * (Math.abs(a) + Math.abs(b)); i++) {
    const x = i % 3 === 0 ? (a + b) / 2 : (a * fb - b * fa) / (fb - fa);
    const fx = f(x) - target;
    if (fx === 0) return x;
    if (fx < 0) {
      if (kept < 0) fb /= 2;
      a = x;
      fa = fx;
      kept = -1;
    } else {
      if (kept > 0) fa /= 2;
      b = x;
      fb = fx;
      kept = 1;
    }
    if (Math.abs(fx) < 1e-14) return x;
  }
  return (a + b) / 2;
}

export const betaQuantile = (p: number, a: number, b: number): number =>
  solveIncreasing((x) => incompleteBeta(x, a, b), p, 0, 1);

/** P(T > t) of Student's t with `df` degrees of freedom, which need not be whole. */
export function studentTail(t: number, df: number): number {
  const half = incompleteBeta(df / (df + t * t), df / 2, 0.5) / 2;
  return t >= 0 ? half : 1 - half;
}

/** The t that is exceeded with probability `alpha` (0 < alpha <= 0.5). */
export function studentCritical(alpha: number, df: number): number {
  const y = betaQuantile(2 * alpha, df / 2, 0.5);
  return Math.sqrt((df * (1 - y)) / Math.max(y, 1e-300));
}

/**
 * One-sided bounds of a proportion after Clopper and Pearson (Biometrika 26, 1934), exact for whole counts.
 * @param hits and @param n may be effective counts, so need not be whole.
 */
export function clopperPearson(hits: number, n: number, alpha: number): { lower: number; upper: number } {
  return {
    lower: hits <= 0 ? 0 : betaQuantile(alpha, hits, n - hits + 1),
    upper: hits >= n ? 1 : betaQuantile(1 - alpha, hits + 1, n - hits),
  };
}

/**
 * One-sided p-value of Fisher's exact test: the probability of `hitsAfter` or more among the hits of both, when both
 * have the same ratio.
 */
export function fisherGreater(hitsBefore: number, nBefore: number, hitsAfter: number, nAfter: number): number {
  const hits = hitsBefore + hitsAfter;
  const lnChoose = (n: number, k: number) => lnGamma(n + 1) - lnGamma(k + 1) - lnGamma(n - k + 1);
  const whole = lnChoose(nBefore + nAfter, hits);
  let p = 0;
  for (let k = hitsAfter; k <= Math.min(hits, nAfter); k++) {
    const left = hits - k;
    if (left <= nBefore) p += Math.exp(lnChoose(nAfter, k) + lnChoose(nBefore, left) - whole);
  }
  return Math.min(1, p);
}

const criticals = new Map<string, number>();

/** `studentCritical` from a table that fills itself; df is rounded down by up to 1 %, to the safe side. */
export function tabledCritical(alpha: number, df: number): number {
  const step = Math.floor(Math.log(Math.max(1, df)) * 100);
  const key = `${alpha}/${step}`;
  const known = criticals.get(key);
  if (known !== undefined) return known;
  const value = studentCritical(alpha, Math.exp(step / 100));
  if (criticals.size > 50_000) criticals.clear();
  criticals.set(key, value);
  return value;
}

/** The z that is exceeded with probability `alpha`: Student's t with so many degrees of freedom that it is normal. */
export const normalCritical = (alpha: number): number => tabledCritical(alpha, 1e7);

/** P(Z > z) of the normal distribution. */
export const normalTail = (z: number): number => studentTail(z, 1e7);
