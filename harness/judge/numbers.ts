export const clamp = (x: number, low: number, high: number): number => Math.min(high, Math.max(low, x));

export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] ?? 0;
  return sum / values.length;
}

export const ascending = (values: ArrayLike<number>): Float64Array => mapped(values, (x) => x).sort();

/** As Float64Array.from(values, f), which is ten times slower. */
export function mapped(values: ArrayLike<number>, f: (x: number) => number): Float64Array {
  const out = new Float64Array(values.length);
  for (let i = 0; i < out.length; i++) out[i] = f(values[i] ?? 0);
  return out;
}

/** The quantile of values in ascending order, between neighbours in proportion (Hyndman and Fan's type 7); NaN if empty. */
export function quantile(sorted: Float64Array, p: number): number {
  const at = clamp(p, 0, 1) * (sorted.length - 1);
  const low = Math.floor(at);
  const from = sorted[low] ?? Number.NaN;
  const to = sorted[low + 1] ?? from;
  return from + (at - low) * (to - from);
}

/** A figure for a reader: four digits that count, and no exponent for what people measure. */
export const shown = (x: number): string => String(Number(x.toPrecision(3)));
