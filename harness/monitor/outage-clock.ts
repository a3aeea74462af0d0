import type { History, Outage, Sample } from '../model/probe.js';
import { outcomes } from './probes/prober.js';

/**
 * The outage clock: pure functions over what a probe saw. What it says are intervals, as a probe cannot know more: a good
 * sample shows that the service was good at some moment from its sending to its answer, a bad one that it was bad at some
 * such moment. So an outage began after the last good sample was sent, and not later than the first bad one was done.
 */

/** A timed-out request would have been answered by now, had the service been as slow as in this many good samples before. */
const recentGood = 200;

/** Every outage in the history, in order. One bad sample is an outage. */
export function outages(history: History): Outage[] {
  const found: Outage[] = [];
  const samples = telling(history);
  for (let i = 0; i < samples.length; i++) {
    if (samples[i]?.ok) continue;
    let last = i;
    while (samples[last + 1]?.ok === false) last++;
    found.push(outage(history, samples, i, last));
    i = last;
  }
  return found;
}

/** A sample that was never sent tells of the probe thread and not of the service. */
const telling = (history: History): readonly Sample[] => history.samples.filter((s) => s.outcome !== outcomes.overload);

function outage(history: History, samples: readonly Sample[], first: number, last: number): Outage {
  const slowestMs = slowestAnswer(samples, first);
  let firstBadMs = Number.POSITIVE_INFINITY;
  for (let i = first; i <= last; i++) {
    const s = samples[i] as Sample;
    if (s.sentMs >= firstBadMs) break;
    firstBadMs = Math.min(firstBadMs, s.outcome === outcomes.timeout ? s.sentMs + slowestMs : s.doneMs, s.doneMs);
  }
  const end = firstGoodAfter(samples, last);
  return {
    probe: history.probe,
    lastGoodMs: samples[first - 1]?.sentMs ?? history.fromMs,
    firstBadMs,
    lastBadMs: (samples[last] as Sample).sentMs,
    ...(end === undefined ? {} : { firstGoodMs: end }),
    lost: last - first + 1,
  };
}

/** How long good answers took before the outage; Infinity when there were none. */
function slowestAnswer(samples: readonly Sample[], before: number): number {
  let slowest = Number.NEGATIVE_INFINITY;
  for (let i = Math.max(0, before - recentGood); i < before; i++) {
    const s = samples[i] as Sample;
    if (s.ok) slowest = Math.max(slowest, s.doneMs - s.sentMs);
  }
  return slowest === Number.NEGATIVE_INFINITY ? Number.POSITIVE_INFINITY : slowest;
}

/** The earliest good answer after the last bad sample: a later request may be answered before an earlier one. */
function firstGoodAfter(samples: readonly Sample[], last: number): number | undefined {
  let earliest: number | undefined;
  for (let i = last + 1; i < samples.length && samples[i]?.ok; i++) {
    const s = samples[i] as Sample;
    if (earliest !== undefined && s.sentMs >= earliest) break;
    earliest = Math.min(earliest ?? s.doneMs, s.doneMs);
  }
  return earliest;
}

/** How long an outage lasted: at least, and at most. `atMostMs` is Infinity when its end was not seen. */
export function lengthOf(o: Outage): { atLeastMs: number; atMostMs: number } {
  return {
    atLeastMs: Math.max(0, o.lastBadMs - o.firstBadMs),
    atMostMs: o.firstGoodMs === undefined ? Number.POSITIVE_INFINITY : o.firstGoodMs - o.lastGoodMs,
  };
}

/** The share of the time in which the service was good: at least, and at most. An empty window was good. */
export function availability(history: History): { atLeast: number; atMost: number } {
  const spanMs = history.toMs - history.fromMs;
  let [least, most] = [0, 0];
  for (const o of outages(history)) {
    least += Math.max(0, Math.min(o.lastBadMs, history.toMs) - Math.max(o.firstBadMs, history.fromMs));
    most += Math.min(o.firstGoodMs ?? history.toMs, history.toMs) - Math.max(o.lastGoodMs, history.fromMs);
  }
  if (spanMs <= 0) return { atLeast: 1, atMost: 1 };
  return { atLeast: Math.max(0, 1 - most / spanMs), atMost: 1 - least / spanMs };
}

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
    latestMs: firstGoodAfter(samples, start - 1) ?? first.doneMs,
    relapses: after.length,
  };
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
