import { latencyMs, type Sample } from '../../harness/model/probe.js';

/** What one probe saw in one slice of time, by the moment at which the requests were due. */
export interface Bin {
  readonly fromMs: number;
  readonly toMs: number;
  readonly good: number;
  readonly failed: number;
  /** Of the good answers, in milliseconds; absent when there were none. */
  readonly latency?: { readonly low: number; readonly median: number; readonly high: number };
}

const widths = [20, 50, 100, 200, 250, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 3_600_000];

/** The narrowest slice that leaves at most 160 of them, and at least eight samples in a common one. */
export function binWidth(samples: readonly Sample[], spanMs: number): number {
  const perMs = samples.length / Math.max(1, spanMs);
  return widths.find((w) => spanMs / w <= 160 && w * perMs >= 8) ?? widths[widths.length - 1] ?? spanMs;
}

export function binned(samples: readonly Sample[], endMs: number): Bin[] {
  const width = binWidth(samples, endMs);
  // The first and the last slice are as short as the observation in them, so that their rates are as they were.
  const firstMs = samples.reduce((ms, s) => Math.min(ms, s.intendedMs), endMs);
  const lastMs = samples.reduce((ms, s) => Math.max(ms, s.intendedMs), 0);
  const periodMs = samples.length < 2 ? width : (lastMs - firstMs) / (samples.length - 1);
  const slots = new Map<number, Sample[]>();
  for (const s of samples) {
    const slot = Math.floor(s.intendedMs / width);
    const found = slots.get(slot);
    if (found) found.push(s);
    else slots.set(slot, [s]);
  }
  return [...slots]
    .sort(([a], [b]) => a - b)
    .map(([slot, all]) => {
      const good = all.filter((s) => s.ok);
      const sorted = good.map(latencyMs).sort((a, b) => a - b);
      const base = {
        fromMs: slot * width < firstMs ? (slot + 1) * width - all.length * periodMs : slot * width,
        toMs: (slot + 1) * width > lastMs + periodMs ? slot * width + all.length * periodMs : (slot + 1) * width,
        good: good.length,
        failed: all.length - good.length,
      };
      if (sorted.length === 0) return base;
      return { ...base, latency: { low: at(sorted, 0.05), median: at(sorted, 0.5), high: at(sorted, 0.95) } };
    });
}

const at = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
