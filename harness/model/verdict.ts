import { z } from 'zod';

/** A run ends in four verdicts, never one. */
export const serviceVerdict = z.enum(['recovered', 'degraded', 'failed', 'inconclusive']);
export const injectionVerdict = z.enum(['confirmed', 'wrong-dose', 'no-effect', 'not-injected']);
export const restorationVerdict = z.enum(['not-needed', 'restored', 'not-restored']);
export const evidenceVerdict = z.enum(['not-needed', 'exported', 'incomplete']);

export const verdicts = z.object({
  service: serviceVerdict,
  injection: injectionVerdict,
  restoration: restorationVerdict,
  evidence: evidenceVerdict,
});
export type Verdicts = z.output<typeof verdicts>;

export const indicatorOutcome = z.enum(['as-before', 'worse', 'better', 'inconclusive']);

/** The comparison of one indicator before and after (step 7). */
export const indicatorResult = z.object({
  indicator: z.string(),
  probe: z.string(),
  unit: z.string(),
  before: z.number().nullable(),
  after: z.number().nullable(),
  /** after - before, in the indicator's unit. */
  effect: z.number().nullable(),
  interval: z.tuple([z.number(), z.number()]).optional(),
  margin: z.number().describe('How much worse it may be and still count as before, in its unit.'),
  outcome: indicatorOutcome,
  reason: z.string(),
  /** How much longer to measure when inconclusive. */
  needMoreMs: z.number().optional(),
});
export type IndicatorResult = z.output<typeof indicatorResult>;
export type IndicatorOutcome = z.output<typeof indicatorOutcome>;
