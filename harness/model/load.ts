import { z } from 'zod';

/** Load on the service, as data: part of a descriptor's or a scenario's words, and of the journal. */

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

/** Beyond these it is refused, whatever is asked for: load is a fault, and injected in a controlled manner. */
export const loadCaps = { requests: 1_000_000, durationMs: 600_000 } as const;

/** Who sends it: Ordeal itself, or a load generator that is installed. */
export const loadGenerators = ['ordeal', 'k6', 'hey'] as const;
export type LoadGenerator = (typeof loadGenerators)[number];

/** A load as a scenario asks for it. Source: GR NFV-TST 005, clause 4.1.1.1, load injection testing. */
export const askedLoad = z.strictObject({
  probe: z.string().describe('The id of the probe whose requests are sent; its rate does not count.'),
  timetable,
  by: z.enum(loadGenerators).default('ordeal'),
  durationMs: z.number().int().positive().max(loadCaps.durationMs).optional().describe('It ends by itself after it.'),
});
export type AskedLoad = z.output<typeof askedLoad>;
export type AskedLoadInput = z.input<typeof askedLoad>;

/** What came of a load. Times in milliseconds of the run's clock. */
export const loadRecord = z.object({
  /** As a person reads it. */
  what: z.string(),
  fromMs: z.number(),
  toMs: z.number(),
  /** Requests that were due. */
  offered: z.number(),
  complete: z.number(),
  good: z.number(),
  p50Ms: z.number(),
  p99Ms: z.number(),
});
export type LoadRecord = z.output<typeof loadRecord>;

/** `400 requests a second`, `200 to 800 requests a second within 10 s`, `50 requests every 500 ms`. */
export function describeTimetable(t: Timetable): string {
  switch (t.kind) {
    case 'constant':
      return `${t.rateHz} requests a second`;
    case 'ramp':
      return `${t.fromHz} to ${t.toHz} requests a second within ${t.overMs / 1000} s`;
    case 'burst':
      return `${t.size} requests every ${t.everyMs} ms`;
    case 'trace':
      return `the ${t.dueMs.length} requests of a trace${t.speed === 1 ? '' : `, ${t.speed} times as fast`}`;
  }
}
