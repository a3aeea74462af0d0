import type { VnfSnapshot } from '../model/snapshot.js';
import type { LifecyclePolicy } from '../model/snapshot-policy.js';
import { asError, ManyErrors, OrdealError, reasonOf } from '../util/errors.js';
import type { SnapshotEngine } from './engine.js';

export { type LifecyclePolicy, lifecyclePolicy } from '../model/snapshot-policy.js';

export interface LifecycleProcedure<T> {
  /** upgrade, scale, heal … */
  readonly name: string;
  readonly vnf: string;
  readonly run: (signal?: AbortSignal) => Promise<T>;
  /** Looks whether the VNF is well afterwards; false makes it a failure. */
  readonly isWell?: () => Promise<boolean>;
  readonly sender?: string;
}

/** What the lifecycle management consumers, NFVO and EM, are told (clause 4.3.1.4 step 5). */
export interface LifecycleReport {
  readonly procedure: string;
  readonly vnf: string;
  readonly outcome: 'done' | 'fell-back';
  /** Absent when the policy wanted none, or when it was deleted because all went well. */
  readonly snapshotId?: string;
  readonly error?: string;
}

/**
 * Runs a lifecycle procedure behind a VNF Snapshot and falls back to it when the procedure fails (UC 4.3.1).
 * @throws what the procedure threw, after the VNF has fallen back; or what the snapshot threw, before anything was done
 */
export async function withLifecycleSnapshot<T>(
  engine: SnapshotEngine,
  policy: LifecyclePolicy,
  procedure: LifecycleProcedure<T>,
  inform: (report: LifecycleReport) => void = () => {},
  signal?: AbortSignal,
): Promise<T> {
  const { name, vnf } = procedure;
  const isWanted = (policy.procedures?.includes(name) ?? true) && (policy.vnfs?.includes(vnf) ?? true);
  const snapshot = isWanted ? await takeBefore(engine, procedure, signal) : undefined;
  try {
    const result = await procedure.run(signal);
    if ((await procedure.isWell?.()) === false) {
      throw new OrdealError('vim-failed', `VNF "${vnf}" is not well after ${name}`, {
        remedy: 'Look at the VNF before the procedure is tried again.',
      });
    }
    if (snapshot !== undefined && !policy.keep) await engine.delete([snapshot.id]);
    const kept = snapshot !== undefined && policy.keep ? { snapshotId: snapshot.id } : {};
    inform({ procedure: name, vnf, outcome: 'done', ...kept });
    return result;
  } catch (e) {
    if (snapshot !== undefined) await fallBack(engine, procedure, snapshot, asError(e), inform);
    throw e;
  }
}

function takeBefore<T>(engine: SnapshotEngine, { name, vnf, sender }: LifecycleProcedure<T>, signal?: AbortSignal) {
  const request = { vnf, name: `before ${name}`, purpose: 'lifecycle' as const };
  return engine.create({ ...request, ...(sender === undefined ? {} : { sender }) }, signal);
}

/** The procedure's signal is not asked: a fall-back that has begun comes to its end. */
async function fallBack<T>(
  engine: SnapshotEngine,
  { name, vnf, sender }: LifecycleProcedure<T>,
  snapshot: VnfSnapshot,
  cause: Error,
  inform: (report: LifecycleReport) => void,
): Promise<void> {
  try {
    await engine.revert(snapshot.id, sender === undefined ? {} : { sender });
  } catch (e) {
    throw new ManyErrors(
      cause instanceof OrdealError ? cause.kind : 'internal',
      `${name} of VNF "${vnf}" failed, and so did the fall-back to VNF Snapshot ${snapshot.id}`,
      [cause, asError(e)],
      'Revert by hand.',
    );
  }
  inform({ procedure: name, vnf, outcome: 'fell-back', snapshotId: snapshot.id, error: reasonOf(cause) });
}
