import { z } from 'zod';

/**
 * What must not happen while a fault is on. A condition that is crossed for as long as its hold time aborts the test:
 * the fault is healed at once, the service is looked at and given back, and the run says which condition it was.
 */

const ms = z.number().int().nonnegative();
const holdMs = ms.default(0).describe('It must be crossed for so long without a break.');

export const probeStopCondition = z
  .strictObject({
    kind: z.literal('probe'),
    probe: z.string().describe('The id of one of the probes.'),
    indicator: z.enum(['errorRatio', 'availability', 'latencyP50', 'latencyP95', 'latencyP99']).optional(),
    figure: z.string().optional().describe('Instead of an indicator: the id of a figure that the probe reads.'),
    above: z.number().optional().describe('Stop when the indicator is greater; ratios from 0 to 1, latencies in ms.'),
    below: z.number().optional().describe('Stop when the indicator is smaller.'),
    of: z
      .literal('baseline')
      .optional()
      .describe('above and below are multiples of what the baseline of the same run had.'),
    windowMs: ms.min(1).default(1000).describe('Over the samples that ended in the last so many milliseconds.'),
    holdMs,
  })
  .refine((c) => (c.above === undefined) !== (c.below === undefined), 'must have either above or below')
  .refine((c) => (c.indicator === undefined) !== (c.figure === undefined), 'must have either indicator or figure')
  .refine(
    (c) => c.of === undefined || c.indicator !== 'errorRatio',
    'errorRatio has no multiples: a good baseline has none',
  );

export const commandStopCondition = z.strictObject({
  kind: z.literal('command'),
  command: z.array(z.string()).min(1).describe('Program and arguments; no shell.'),
  expectExitCode: z.number().int().default(0).describe('Any other exit code crosses the condition.'),
  everyMs: ms.min(1).default(1000),
  timeoutMs: ms.min(1).default(5000).describe('A command that takes longer has crossed the condition.'),
  holdMs,
});

export const stopCondition = z.discriminatedUnion('kind', [probeStopCondition, commandStopCondition]);
export type ProbeStopCondition = z.output<typeof probeStopCondition>;
export type CommandStopCondition = z.output<typeof commandStopCondition>;
export type StopCondition = z.output<typeof stopCondition>;
/** As a request may say it: without what has a default. */
export type StopConditionRequest = z.input<typeof stopCondition>;

/** Why a run was stopped before its end. Times in milliseconds of the run's clock. */
export const stopRecord = z.object({
  cause: z.enum(['stop-condition', 'stop-request', 'interrupt']),
  /** One sentence for the operator: which condition with which figure, or who asked. */
  reason: z.string(),
  atMs: z.number(),
  /** When the last fault was healed; absent when none was on, or one could not be healed. */
  healedMs: z.number().optional(),
  /** Of a stop condition: the figure that crossed the threshold. */
  figure: z.number().optional(),
  threshold: z.number().optional(),
});
export type StopRecord = z.output<typeof stopRecord>;
