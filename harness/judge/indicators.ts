import type { IndicatorName, Tolerance } from '../model/network-service.js';
import { type History, latencyMs, type Sample } from '../model/probe.js';
import type { Direction } from './compare.js';
import { ascending, quantile } from './numbers.js';

/** What is known of an indicator before anything is measured. */
export interface IndicatorRule {
  readonly unit: string;
  readonly direction: Direction;
  /** When the descriptor names none: what a user would not notice. */
  readonly tolerance: Tolerance;
}

const latency: IndicatorRule = {
  unit: 'ms',
  direction: 'lower-is-better',
  tolerance: { relative: 0.5, absolute: 5 },
};

export const indicatorRules: Readonly<Record<IndicatorName, IndicatorRule>> = {
  requestRate: { unit: '1/s', direction: 'higher-is-better', tolerance: { relative: 0.1 } },
  errorRatio: { unit: 'ratio', direction: 'lower-is-better', tolerance: { absolute: 0.01 } },
  latencyP50: latency,
  latencyP95: latency,
  latencyP99: latency,
  availability: { unit: 'ratio', direction: 'higher-is-better', tolerance: { absolute: 0.01 } },
};

/** Judged even when the descriptor does not name them; the tails of latency need long windows, so must be asked for. */
export const alwaysJudged: readonly IndicatorName[] = ['latencyP50', 'errorRatio', 'availability', 'requestRate'];

/** The figures of one history, for reports; null where there is nothing to take them from. */
export interface Indicators extends Record<IndicatorName, number | null> {
  readonly samples: number;
  readonly errors: number;
}

/** Exact figures, without inference. Latencies are those of good answers, from the intended send time, in ms. */
export function summarise(history: History): Indicators {
  const { samples } = history;
  const errors = samples.filter((s) => !s.ok).length;
  const latencies = ascending(goodLatencies(samples));
  const at = (p: number) => (latencies.length === 0 ? null : quantile(latencies, p));
  const seconds = (history.toMs - history.fromMs) / 1000;
  return {
    samples: samples.length,
    errors,
    requestRate: seconds > 0 ? (samples.length - errors) / seconds : null,
    errorRatio: samples.length === 0 ? null : errors / samples.length,
    latencyP50: at(0.5),
    latencyP95: at(0.95),
    latencyP99: at(0.99),
    availability: availability(history),
  };
}

export const goodLatencies = (samples: readonly Sample[]): readonly number[] =>
  samples.filter((s) => s.ok).map(latencyMs);

/**
 * The share of the time in which the service answered: each sample speaks for the time until the next, but for two
 * periods at most, so that a gap in the observation counts neither way. Null without samples.
 */
export function availability({ samples, rateHz, toMs }: History): number | null {
  const longest = rateHz > 0 ? 2000 / rateHz : Number.POSITIVE_INFINITY;
  let up = 0;
  let whole = 0;
  for (const [i, sample] of samples.entries()) {
    const until = samples[i + 1]?.intendedMs ?? toMs;
    const span = Math.min(longest, Math.max(0, until - sample.intendedMs));
    whole += span;
    if (sample.ok) up += span;
  }
  return whole > 0 ? up / whole : null;
}

/** One history for each probe: several windows of one probe are read as one. */
export function byProbe(histories: readonly History[]): ReadonlyMap<string, History> {
  const merged = new Map<string, History>();
  for (const h of histories) {
    const other = merged.get(h.probe);
    // The observed time is what counts, not the pause between two windows.
    const toMs = other === undefined ? h.toMs : other.toMs + (h.toMs - h.fromMs);
    merged.set(h.probe, other === undefined ? h : { ...other, toMs, samples: [...other.samples, ...h.samples] });
  }
  return merged;
}
