import { z } from 'zod';
import { injection } from './fault.js';

/**
 * The write-ahead journal: every intent is durable before the act. An action is plain data that is enough to undo it
 * from another process, on another day, whatever has become of the target. Undoing is idempotent.
 */
const compute = { vim: z.string(), resource: z.string(), computeId: z.string() };

export const journalAction = z.discriminatedUnion('type', [
  z.object({ type: z.literal('fault'), injection }),
  z.object({ type: z.literal('freeze'), ...compute }),
  z.object({ type: z.literal('quarantine'), ...compute }),
  z.object({ type: z.literal('restore-as-new'), vim: z.string(), resource: z.string(), snapshotId: z.string() }),
  z.object({
    type: z.literal('switch-over'),
    vim: z.string(),
    // Without `from` nothing stood there any more.
    pairs: z.array(z.object({ resource: z.string(), from: z.string().optional(), to: z.string() })),
  }),
  z.object({ type: z.literal('package'), file: z.string() }),
  /**
   * The tested area is snapshotted, and a fault may come: until this is settled, the service is looked at, compared
   * with its baseline, and restored from these snapshots when it is not as before.
   */
  z.object({
    type: z.literal('covered'),
    title: z.string(),
    area: z.array(z.string()),
    vnfSnapshotIds: z.array(z.string()),
    samplesFile: z.string(),
    baseline: z.object({ fromMs: z.number(), toMs: z.number() }),
    expectedRecoveryMs: z.number(),
    measureMs: z.number(),
    seed: z.number(),
  }),
]);
export type JournalAction = z.output<typeof journalAction>;

export interface JournalEntry {
  readonly id: number;
  readonly runId: string;
  readonly at: string;
  readonly action: JournalAction;
  /**
   * `intended`: the act may or may not have happened. `done`: it has, and is still in force. `settled`: nothing of it
   * is left to undo.
   */
  readonly state: 'intended' | 'done' | 'settled';
}

/** Without a sign of life for so long, in milliseconds, a process counts as dead or hung, unless its run says otherwise. */
export const defaultLeaseMs = 10_000;

/** What a run needs to be recovered by another process: which service, through which VIMs. */
export interface JournalledRun {
  readonly id: string;
  readonly serviceFile: string;
  readonly serviceId: string;
  readonly outFolder: string;
  /** The process that holds the lease: the harness, or who took over from it. Nobody else may act for the run. */
  readonly pid: number;
  readonly startedAt: string;
  /** How long its holder may be silent, in milliseconds, before it counts as dead or hung. */
  readonly leaseMs: number;
  /** Milliseconds since 1970 of the last sign of life: for people. Clocks jump; who decides anything watches `beats`. */
  readonly heartbeatAt: number;
  /** How many signs of life there have been. */
  readonly beats: number;
  readonly closed: boolean;
  /** The guard's process and its last sign of life; null before it is up. */
  readonly guardPid: number | null;
  readonly guardAt: number | null;
  readonly guardBeats: number;
  /** Who asked for this run to be stopped, from outside of it; null when nobody did. */
  readonly stopBy: string | null;
}
