import type { JournalledRun } from '../model/journal.js';
import type { RunListener } from '../model/run-listener.js';
import { Journal } from '../store/journal.js';
import { ServiceClaim } from './claim.js';
import { endIfItBlocks } from './fence.js';
import { isHeldNow, leaseTimes } from './lease.js';
import { recoverAbandoned } from './recover-operations.js';
import { Recovery } from './recovery.js';
import { failedStep, type RecoveryStep } from './recovery-step.js';
import { readService, ServiceSession } from './session.js';
import { type OpenRun, status } from './status.js';
import { describeUndo } from './undo-entry.js';

export type { RecoveryStep } from './recovery-step.js';
export { abandonedOperations, type OpenRun, status } from './status.js';

export interface RecoverOptions {
  readonly dryRun?: boolean;
  readonly say?: (line: string) => void;
  readonly listeners?: readonly RunListener[];
  /** The service of a run; default: from its descriptor. */
  readonly open?: (run: JournalledRun, stateFolder: string) => Promise<ServiceSession>;
  /** Ends a process that stands still in the middle of a write, and no other. */
  readonly fence?: typeof endIfItBlocks;
}

/**
 * Gives back what dead runs left behind: heals faults, ends freezes, undoes a switch that did not happen and keeps one
 * that did, restores a service that is not as before, and exports the evidence. Touches only what carries the run's id;
 * never stops at a failure. Runs are on disjoint services, so all are recovered at the same time; then what was begun outside of
 * a run. Idempotent.
 */
export async function recover(stateFolder: string, options: RecoverOptions = {}): Promise<RecoveryStep[]> {
  const steps = status(stateFolder).map((open) => recoverOpen(stateFolder, open, options));
  const ofRuns = (await Promise.all(steps)).flat();
  return [...ofRuns, ...(await recoverAbandoned(stateFolder, options.dryRun === true))];
}

async function recoverOpen(
  stateFolder: string,
  { run, open }: OpenRun,
  options: RecoverOptions,
): Promise<RecoveryStep[]> {
  const runId = run.id;
  if (await isHeld(stateFolder, runId))
    return [{ runId, what: 'the whole run', outcome: 'left', reason: `process ${run.pid} is alive` }];
  if (options.dryRun !== true) return recoverRun(stateFolder, run, options);
  if (open.length === 0) return [{ runId, what: 'close the run', outcome: 'planned' }];
  return open.map((e) => ({ runId, what: describeUndo(e), outcome: 'planned' }));
}

async function isHeld(stateFolder: string, runId: string): Promise<boolean> {
  using journal = new Journal(stateFolder);
  return await isHeldNow(journal, runId);
}

const openService: NonNullable<RecoverOptions['open']> = async (run, stateFolder) =>
  ServiceSession.open(await readService(run.serviceFile), { stateFolder });

/** Prerequisite: the run's holder gave no sign of life for as long as its lease. Of two that try, one recovers. */
export async function recoverRun(
  stateFolder: string,
  run: JournalledRun,
  { say, listeners = [], open = openService, fence = endIfItBlocks }: RecoverOptions = {},
): Promise<RecoveryStep[]> {
  const fenced: RecoveryStep[] = [];
  const failed = (what: string, e: unknown) => [...fenced, failedStep(run.id, what, e)];
  for (const pid of [run.pid, run.guardPid]) {
    const what = `end process ${pid}, which stands still in the middle of something`;
    try {
      if (pid !== null && (await fence(stateFolder, pid, { serviceId: run.serviceId })))
        fenced.push({ runId: run.id, what, outcome: 'done' });
    } catch (e) {
      return failed(what, e);
    }
  }
  let opened: ServiceSession;
  try {
    opened = await open(run, stateFolder);
  } catch (e) {
    return failed(`open the service ${run.serviceFile}`, e);
  }
  await using session = opened;
  try {
    if (!session.journal.takeOver(run)) return [...fenced, left(run)];
  } catch (e) {
    return failed('take over', e);
  }
  say?.(`recovering ${run.id} on ${run.serviceId}`);
  let claim: ServiceClaim;
  try {
    claim = await ServiceClaim.of(session, run.id, run.leaseMs);
  } catch (e) {
    return failed('claim the service again', e);
  }
  await using held = claim;
  const heart = setInterval(() => beat(session, run.id), leaseTimes(run.leaseMs).heartbeatMs);
  try {
    const steps = (await session.isGone())
      ? settleAll(session, run)
      : await new Recovery(session.heldFor(run.id), run, listeners).run();
    if (session.journal.open(run.id).length === 0) session.journal.close(run.id);
    else held.keep();
    return [...fenced, ...steps];
  } catch (e) {
    held.keep();
    return failed('recover', e);
  } finally {
    clearInterval(heart);
  }
}

const left = ({ id: runId }: JournalledRun): RecoveryStep => {
  return { runId, what: 'take over', outcome: 'left', reason: 'another process has taken it over' };
};

/** A beat that cannot be written is missed; the next one may be. Who recovers acts idempotently, also when taken over. */
function beat({ journal }: ServiceSession, runId: string): void {
  try {
    journal.heartbeat(runId);
  } catch (e) {
    if (!(e instanceof Error)) throw e;
  }
}

/** The service itself is gone for certain, and with it all that was done to it. */
function settleAll({ journal }: ServiceSession, run: JournalledRun): RecoveryStep[] {
  return journal.open(run.id).map((entry) => {
    journal.settle(entry.id);
    return { runId: run.id, what: describeUndo(entry), outcome: 'done', reason: 'the service is gone' };
  });
}
