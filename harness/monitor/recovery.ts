import type { History, Sample } from '../model/probe.js';
import { outages, telling } from './outages.js';

/** When the service was back, in milliseconds of the run's clock. */
export interface Recovery {
  /** When the first request of the unbroken good stretch was due; the moment itself when the service was never bad. */
  readonly recoveredMs: number;
  /** It was not back earlier: the last bad sample was sent. */
  readonly earliestMs: number;
  /** It was back by then: the first good answer. */
  readonly latestMs: number;
  /** Outages after it was back. */
  readonly relapses: number;
}

export interface RecoveryOptions {
  /** So long must it be good without a break. Default: 500 ms, or the time of 10 samples when that is longer. */
  readonly steadyMs?: number;
}

/** A gap longer than this many periods means that samples are missing, or still awaited: nothing is known of them. */
const gapPeriods = 1.5;

/**
 * From a moment, such as that of the injection, to the first unbroken good stretch after the service was first seen bad.
 * A fault may need time to show, so a good stretch before the first bad sample is no recovery. A sample that is missing
 * breaks a stretch as a bad one does.
 * @returns null when the service has not come back in this history, or there is too little of it to tell
 */
export function timeToRecover(history: History, sinceMs: number, options: RecoveryOptions = {}): Recovery | null {
  const periodMs = 1000 / history.rateHz;
  const steadyMs = options.steadyMs ?? Math.max(500, 10 * periodMs);
  const samples = telling(history).filter((s) => s.intendedMs >= sinceMs);
  const trouble = firstTrouble(samples, sinceMs, periodMs);
  const start = firstSteady(samples, trouble ?? 0, periodMs, steadyMs);
  if (start === undefined) return null;
  const first = samples[start] as Sample;
  const before = samples[start - 1];
  const after = outages({ ...history, fromMs: first.intendedMs, samples: samples.slice(start) });
  return {
    recoveredMs: trouble === undefined ? sinceMs : first.intendedMs,
    earliestMs: before?.sentMs ?? sinceMs,
    latestMs: earliestAnswer(samples, start),
    relapses: after.length,
  };
}

/** A later request may be answered before an earlier one. */
function earliestAnswer(samples: readonly Sample[], start: number): number {
  let earliestMs = (samples[start] as Sample).doneMs;
  for (let i = start + 1; i < samples.length && (samples[i] as Sample).sentMs < earliestMs; i++) {
    const s = samples[i] as Sample;
    if (s.ok) earliestMs = Math.min(earliestMs, s.doneMs);
  }
  return earliestMs;
}

const isGap = (samples: readonly Sample[], i: number, sinceMs: number, periodMs: number): boolean =>
  (samples[i] as Sample).intendedMs - (samples[i - 1]?.intendedMs ?? sinceMs) > gapPeriods * periodMs;

/** @returns the index of the first bad sample, or of the first one after missing ones */
function firstTrouble(samples: readonly Sample[], sinceMs: number, periodMs: number): number | undefined {
  const found = samples.findIndex((s, i) => !s.ok || isGap(samples, i, sinceMs, periodMs));
  return found === -1 ? undefined : found;
}

/** @returns the index at which the first unbroken good stretch of that length starts */
function firstSteady(samples: readonly Sample[], from: number, periodMs: number, steadyMs: number): number | undefined {
  let start: number | undefined;
  for (let i = from; i < samples.length; i++) {
    const s = samples[i] as Sample;
    if (!s.ok) {
      start = undefined;
      continue;
    }
    if (start === undefined || (i > from && isGap(samples, i, 0, periodMs))) start = i;
    if (s.intendedMs + periodMs - (samples[start] as Sample).intendedMs >= steadyMs) return start;
  }
  return undefined;
}

/** Whether the service was back within its expected recovery time; `cannot-tell` when the resolution is too coarse. */
export function withinExpected(
  recovery: Recovery | null,
  sinceMs: number,
  expectedMs: number,
): 'within' | 'beyond' | 'cannot-tell' {
  if (recovery === null || recovery.earliestMs - sinceMs > expectedMs) return 'beyond';
  return recovery.latestMs - sinceMs <= expectedMs ? 'within' : 'cannot-tell';
}
