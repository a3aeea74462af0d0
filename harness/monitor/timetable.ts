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
  z.strictObject({
    kind: z.literal('trace'),
    dueMs: z
      .array(z.number().nonnegative())
      .min(1)
      .max(1_000_000)
      .refine((all) => all.every((ms, i) => i === 0 || ms >= (all[i - 1] ?? 0)), 'must not go back in time')
      .describe('When each request was sent, in milliseconds since the first moment of the trace.'),
    speed: z.number().positive().default(1).describe('2 replays it in half the time.'),
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
