import type { GrantedOperation } from './snapshot-descriptor.js';

/** The roles of the report as small interfaces: embedded today, a real NFVO or VNF tomorrow. */

export interface GrantRequest {
  readonly operation: GrantedOperation;
  readonly vnfInstanceId: string;
  readonly vnfcIds: readonly string[];
  readonly runId?: string;
}

/** The NFVO's part (Nfvo.001). */
export interface Grant {
  /** @throws OrdealError of kind grant-denied, with the NFVO's reason */
  request(request: GrantRequest): Promise<void>;
}

export type SnapshotEvent = 'creation-start' | 'creation-end' | 'reversion-start' | 'reversion-end';

/** Towards the VNF (VeVnfmvnf-Vsn): it prepares, and goes back to work. */
export interface SnapshotNotification {
  notify(event: SnapshotEvent, vnfInstanceId: string, vnfcIds: readonly string[], deadlineMs: number): Promise<void>;
}

/** One step of a procedure, with the number that the report's figure gives it. */
export interface TraceStep {
  /** `6.4.1`, `6.5.1` … */
  readonly clause: string;
  readonly step: number;
  readonly from: string;
  readonly to: string;
  readonly what: string;
  /** The VNF or VNFC that this run of the procedure is about. */
  readonly subject?: string;
  readonly atMs: number;
  readonly outcome: 'done' | 'skipped' | 'failed';
  readonly note?: string;
}

export type Trace = (step: Omit<TraceStep, 'atMs'>) => void;
