import { z } from 'zod';

/** When VNF Snapshots are taken without an online test around them (clauses 4.2.1 and 4.3.1). */

/** For which lifecycle procedures of which VNFs a snapshot is taken before (clause 4.3.1.1). */
export const lifecyclePolicy = z.strictObject({
  procedures: z.array(z.string()).optional().describe('upgrade, scale, heal, …; absent: all.'),
  vnfs: z.array(z.string()).optional().describe('The critical ones; absent: all.'),
  keep: z.boolean().default(true).describe('Keep the snapshot when the procedure went well.'),
});
export type LifecyclePolicy = z.output<typeof lifecyclePolicy>;

export const observationKind = z.enum(['nfvi-fault', 'performance-degraded', 'vnf-alarm']);
export type ObservationKind = z.output<typeof observationKind>;

/** When evidence is captured without being asked for (clause 4.2.1.1). */
export const rootCausePolicy = z.strictObject({
  all: z
    .array(observationKind)
    .min(1)
    .default(['nfvi-fault', 'performance-degraded'])
    .describe('Each must be observed.'),
  withinMs: z.number().positive().default(60_000).describe('All of them within this time.'),
  quietMs: z.number().nonnegative().default(600_000).describe('After a capture, none of the same VNF for this long.'),
  vnfcIds: z.array(z.string()).optional().describe('Which VNFCs; absent: all that the descriptor allows.'),
});
export type RootCausePolicy = z.output<typeof rootCausePolicy>;
