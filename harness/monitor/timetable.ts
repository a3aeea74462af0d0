import type { Timetable } from '../model/load.js';

export type { Timetable } from '../model/load.js';

/** @returns milliseconds from the start to request n (0 is the first). Absolute, so that nothing drifts. */
export function dueAfterMs(t: Timetable, n: number): number {
  switch (t.kind) {
    case 'constant':
      return (n * 1000) / t.rateHz;
    case 'burst':
      return Math.floor(n / t.size) * t.everyMs;
    case 'trace':
      return (t.dueMs[n] ?? Number.POSITIVE_INFINITY) / t.speed;
    case 'ramp': {
      const [from, to] = [t.fromHz / 1000, t.toHz / 1000];
      const onRamp = ((from + to) / 2) * t.overMs;
      if (n >= onRamp) return t.overMs + (n - onRamp) / to;
      const slope = (to - from) / t.overMs;
      if (slope === 0) return n / from;
      return (Math.sqrt(Math.max(0, from * from + 2 * slope * n)) - from) / slope;
    }
  }
}

/** @returns how many requests are due earlier than `ms` after the start */
export function countBefore(t: Timetable, ms: number): number {
  if (ms <= 0) return 0;
  if (t.kind === 'trace') return firstNotBefore(t.dueMs, ms * t.speed);
  let [low, high] = [0, 1];
  while (dueAfterMs(t, high) < ms) high *= 2;
  // dueAfterMs(high) >= ms: the first request that is not earlier lies in [low, high].
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (dueAfterMs(t, middle) < ms) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** How many of the ascending moments are earlier than `ms`. */
function firstNotBefore(ascending: readonly number[], ms: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] ?? 0) < ms) low = middle + 1;
    else high = middle;
  }
  return low;
}
