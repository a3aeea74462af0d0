import { describeIntent } from '../snapshot/recovery.js';
import type { OperationRecord } from '../store/operations.js';
import { failedStep, type RecoveryStep } from './recovery-step.js';
import { readService, ServiceSession } from './session.js';
import { abandonedOperations } from './status.js';

/** Undoes what `abandonedOperations` lists, service by service. Never stops at a failure; idempotent. */
export async function recoverAbandoned(stateFolder: string, dryRun: boolean): Promise<RecoveryStep[]> {
  const abandoned = await abandonedOperations(stateFolder);
  if (dryRun) return abandoned.flatMap(planned);
  const steps: RecoveryStep[] = [];
  for (const service of new Set(abandoned.map((o) => o.service))) {
    const mine = abandoned.filter((o) => o.service === service);
    // Any of them that knows where the descriptor is opens the service for all.
    const opener = mine.find((o) => o.serviceFile !== undefined) ?? mine[0];
    if (opener !== undefined) steps.push(...(await recoverService(stateFolder, opener, mine)));
  }
  return steps;
}

function planned({ id, kind, undo }: OperationRecord): RecoveryStep[] {
  const all = [...[...undo].reverse().map(describeIntent), `end the ${kind}`];
  return all.map((what) => ({ runId: id, what, outcome: 'planned' }));
}

async function recoverService(
  stateFolder: string,
  { id, kind, service, serviceFile }: OperationRecord,
  mine: readonly OperationRecord[],
): Promise<RecoveryStep[]> {
  const what = `undo what the ${kind} left behind`;
  if (serviceFile === undefined) {
    const reason = `it does not say where the descriptor of "${service}" is; the next snapshot of the service undoes it`;
    return [{ runId: id, what, outcome: 'failed', reason }];
  }
  const steps: RecoveryStep[] = [];
  try {
    await using session = await ServiceSession.open(await readService(serviceFile), { stateFolder });
    if (await session.isGone()) {
      const reason = 'the service is gone; what was stored in part is removed when it has been started again';
      return mine.map((o) => ({ runId: o.id, what: `end the ${o.kind}`, outcome: 'left', reason }));
    }
    const failed = (of: string, step: string, e: unknown) => void steps.push(failedStep(of, step, e));
    for (const done of await session.engine.recover({ failed })) steps.push({ runId: id, what: done, outcome: 'done' });
    const left = new Set(session.state.operations.allAbandoned().map((o) => o.id));
    for (const o of mine) {
      if (!left.has(o.id)) steps.push({ runId: o.id, what: `end the ${o.kind}`, outcome: 'done' });
    }
  } catch (e) {
    steps.push(failedStep(id, what, e));
  }
  return steps;
}
