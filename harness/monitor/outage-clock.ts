import type { History, Outage } from '../model/probe.js';
import { outages } from './outages.js';

export { outages } from './outages.js';
export { type Recovery, type RecoveryOptions, timeToRecover, withinExpected } from './recovery.js';

/** The outage clock: pure functions over what a probe saw. What it says are intervals, never a bare number. */

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
