import type { Composed } from '../fault/composition.js';
import type { AskedLoadInput } from '../model/load.js';
import type { RunListener } from '../model/run-listener.js';
import type { RunRecord } from '../model/run-record.js';
import type { SnapshotType } from '../model/snapshot-descriptor.js';
import type { StopConditionRequest } from '../model/stop-condition.js';

export type { Composed, TimedFault } from '../fault/composition.js';

/** One online test, as either front asks for it. */
export interface OnlineTestRequest {
  readonly title: string;
  readonly front: RunRecord['front'];
  /** Milliseconds; default 5000. */
  readonly baselineMs?: number;
  /** Milliseconds; default: as long as the baseline. */
  readonly measureMs?: number;
  /** Overrides the descriptor's, in milliseconds. */
  readonly expectedRecoveryMs?: number;
  /** The tested area beside the VNFs that the faults strike; their VNFCs are snapshotted and restored together. */
  readonly around?: readonly string[];
  /** Overrides the snapshot descriptor. */
  readonly snapshotType?: SnapshotType;
  /** At least one; plain faults at their times, or compositions of them. */
  readonly faults: readonly Composed[];
  /** On the service during the whole test, the baseline included; as a fault, a load is of the kind `load`. */
  readonly load?: AskedLoadInput;
  /** Beside those of the descriptor. */
  readonly stopConditions?: readonly StopConditionRequest[];
  /** The explicit word for a fault that exceeds the blast radius of the descriptor. */
  readonly allowBlastRadius?: boolean;
  /** Repeats everything that is drawn at random; default: drawn from the clock, and recorded. */
  readonly seed?: number;
}

export interface OnlineTestOptions {
  /** Where run folders are made; default reports/out. */
  readonly outFolder: string;
  readonly listeners?: readonly RunListener[];
  /** What is tested, for the history: a commit or a version. */
  readonly label?: string;
  /** Aborting heals and restores, then ends the run as interrupted. */
  readonly signal?: AbortSignal;
  /** How long this process may be silent before its guard gives the service back, in milliseconds; default 10 s. */
  readonly leaseMs?: number;
}
