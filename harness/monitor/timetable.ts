import { z } from 'zod';

const rateHz = z.number().positive().max(20_000).describe('Requests a second, open loop.');

/** When requests are due, as data: it crosses to the probe thread, and both sides compute the same moments from it. */
export const timetable = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('constant'), rateHz }),
  z.strictObject({
    kind: z.literal('ramp'),
    fromHz: z.number().nonnegative().max(20_000),
    toHz: rateHz,
    overMs: z.number().positive().describe('From fromHz to toHz in this time, then steady at toHz.'),
  }),
  z.strictObject({
    kind: z.literal('burst'),
    size: z.number().int().positive().max(20_000).describe('Requests that are due at the same moment.'),
    everyMs: z.number().positive().describe('From one burst to the next.'),
  }),
]);
export type Timetable = z.output<typeof timetable>;

/** @returns milliseconds from the start to request n (0 is the first). Absolute, so that nothing drifts. */
export function dueAfterMs(t: Timetable, n: number): number {
  switch (t.kind) {
    case 'constant':
      return (n * 1000) / t.rateHz;
    case 'burst':
      return Math.floor(n / t.size) * t.everyMs;
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
