import { z } from 'zod';
import { faultTarget } from './fault.js';
import { informed } from './informee.js';
import { loadRecord } from './load.js';
import { stopRecord } from './stop-condition.js';
import { indicatorResult, verdicts } from './verdict.js';

/** run.json: the whole of one online test, in milliseconds since its start. Version 1. */

/** The eight steps of clause 4.1.1.4 under DESIGN's names. */
export const stageNames = ['plan', 'baseline', 'snapshot', 'inject', 'react', 'measure', 'judge', 'forensic'] as const;
export const stageName = z.enum(stageNames);
export type StageName = z.output<typeof stageName>;

export const stageRecord = z.object({
  name: stageName,
  state: z.enum(['done', 'failed', 'skipped']),
  fromMs: z.number(),
  toMs: z.number(),
  /** What an operator should read: figures with units. */
  note: z.string(),
});

export const injectionRecord = z.object({
  id: z.string(),
  kind: z.string(),
  target: faultTarget,
  params: z.record(z.string(), z.unknown()),
  injectedMs: z.number().optional(),
  healedMs: z.number().optional(),
  verdict: z.enum(['confirmed', 'wrong-dose', 'no-effect', 'not-injected']),
  measured: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])).default({}),
  how: z.string().default(''),
  /** Each heal that failed, in order; healed all the same when healedMs is there. */
  healFailures: z.array(z.string()).optional(),
});

export const outageRecord = z.object({
  probe: z.string(),
  lastGoodMs: z.number(),
  firstBadMs: z.number(),
  lastBadMs: z.number(),
  firstGoodMs: z.number().optional(),
  lost: z.number(),
});

export const snapshotReference = z.object({
  id: z.string(),
  vnf: z.string(),
  purpose: z.enum(['restore', 'forensic']),
  vnfcs: z.array(z.object({ id: z.string(), type: z.enum(['cold', 'warm']), bytes: z.number(), pausedMs: z.number() })),
  skewMs: z.number().optional(),
});

export const runRecord = z.object({
  schema: z.literal('ordeal.run/1'),
  id: z.string(),
  title: z.string(),
  service: z.string(),
  front: z.enum(['gherkin', 'playwright', 'library']),
  startedAt: z.string().describe('ISO 8601, wall clock'),
  finishedMs: z.number(),
  expectedRecoveryMs: z.number(),
  plan: z.array(z.string()).describe('The plan as a person reads it, a line each.'),
  stages: z.array(stageRecord),
  phases: z.array(z.object({ name: z.string(), fromMs: z.number(), toMs: z.number() })),
  injections: z.array(injectionRecord),
  indicators: z.array(indicatorResult),
  outages: z.array(outageRecord),
  /** From the first injection to the first sample of an unbroken good stretch; null when the service did not come back. */
  timeToRecoverMs: z.number().nullable(),
  recovery: z.enum(['within', 'beyond', 'cannot-tell', 'not-applicable']),
  snapshots: z.array(snapshotReference),
  packages: z.array(z.object({ file: z.string(), vnf: z.string().optional(), sha256: z.string(), bytes: z.number() })),
  verdicts,
  exitCode: z.number().int(),
  /** Absent when the run went to its end. */
  stopped: stopRecord.optional(),
  /** What became of the scenario that asked for this run; its steps may expect that the service fails. */
  scenario: z.enum(['passed', 'failed']).optional(),
  /** What came of the loads on the service; absent when there was none. */
  loads: z.array(loadRecord).optional(),
  /** Who was told the result, and who could not be; absent when the descriptor names nobody. */
  informed: z.array(informed).optional(),
  /** What went wrong, as the user reads it; empty when nothing did. */
  errors: z.array(z.string()),
  trace: z.array(
    z.object({
      clause: z.string(),
      step: z.number(),
      from: z.string(),
      to: z.string(),
      what: z.string(),
      /** The VNF or VNFC that this run of the procedure is about. */
      subject: z.string().optional(),
      atMs: z.number(),
      outcome: z.enum(['done', 'skipped', 'failed']),
      note: z.string().optional(),
    }),
  ),
  /** Beside run.json: the samples, one JSON array a line [probe, intendedMs, sentMs, doneMs, ok, outcome]. */
  samplesFile: z.string(),
  environment: z.record(z.string(), z.string()),
});
export type RunRecord = z.output<typeof runRecord>;
export type StageRecord = z.output<typeof stageRecord>;
export type InjectionRecord = z.output<typeof injectionRecord>;
