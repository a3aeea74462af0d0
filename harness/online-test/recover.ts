import { dirname, join } from 'node:path';
import type { JournalEntry, JournalledRun } from '../model/journal.js';
import type { RunListener } from '../model/run-listener.js';
import { startMonitor } from '../monitor/monitor.js';
import { Journal } from '../store/journal.js';
import { asError, OrdealError } from '../util/errors.js';
import { ServiceClaim } from './claim.js';
import type { Quarantined } from './evidence.js';
import { informAll } from './inform.js';
import { isHeldNow, leaseTimes, seemsHeld } from './lease.js';
import { Observation, readWindow } from './observation.js';
import { Recorder } from './recorder.js';
import { keepEvidence, lookAndRestore } from './rescue.js';
import { readService, ServiceSession } from './session.js';
import { describeUndo, undoEntry } from './undo-entry.js';

export interface OpenRun {
  readonly run: JournalledRun;
  /** At a glance: its process is there, and its last sign of life is fresh by the wall clock. */
  readonly alive: boolean;
  readonly open: readonly JournalEntry[];
}

export function status(stateFolder: string): OpenRun[] {
  using journal = new Journal(stateFolder);
  return journal.runs({ open: true }).map((run) => ({ run, alive: seemsHeld(run), open: journal.open(run.id) }));
}

export interface RecoveryStep {
  readonly runId: string;
  readonly what: string;
  readonly outcome: 'done' | 'planned' | 'failed' | 'left';
  readonly reason?: string;
  /** It failed because a VIM did not answer: another attempt may succeed. */
  readonly mayPass?: boolean;
}

export interface RecoverOptions {
  readonly dryRun?: boolean;
  readonly say?: (line: string) => void;
  readonly listeners?: readonly RunListener[];
}

/**
 * Gives back what dead runs left behind: heals faults, ends freezes, undoes a switch that did not happen and keeps one
 * that did, restores a service that is not as before, and exports the evidence. Touches only what carries the run's id;
 * never stops at a failure. Idempotent.
 */
export async function recover(stateFolder: string, options: RecoverOptions = {}): Promise<RecoveryStep[]> {
  const steps: RecoveryStep[] = [];
  for (const { run, open } of status(stateFolder)) {
    if (await isHeld(stateFolder, run.id)) {
      steps.push({ runId: run.id, what: 'the whole run', outcome: 'left', reason: `process ${run.pid} is alive` });
    } else if (options.dryRun === true) {
      for (const e of open) steps.push({ runId: run.id, what: describeUndo(e), outcome: 'planned' });
      if (open.length === 0) steps.push({ runId: run.id, what: 'close the run', outcome: 'planned' });
    } else {
      steps.push(...(await recoverRun(stateFolder, run, options)));
    }
  }
  return steps;
}

async function isHeld(stateFolder: string, runId: string): Promise<boolean> {
  using journal = new Journal(stateFolder);
  return await isHeldNow(journal, runId);
}

/** Prerequisite: the run's holder gave no sign of life for as long as its lease. Of two that try, one recovers. */
export async function recoverRun(
  stateFolder: string,
  run: JournalledRun,
  { say, listeners = [] }: RecoverOptions = {},
): Promise<RecoveryStep[]> {
  const failed = (what: string, e: unknown) => failedStep(run.id, what, e);
  let opened: ServiceSession;
  try {
    opened = await ServiceSession.open(await readService(run.serviceFile), { stateFolder });
  } catch (e) {
    return [failed(`open the service ${run.serviceFile}`, e)];
  }
  await using session = opened;
  if (!session.journal.takeOver(run)) {
    return [{ runId: run.id, what: 'take over', outcome: 'left', reason: 'another process has taken it over' }];
  }
  say?.(`recovering ${run.id} on ${run.serviceId}`);
  let claim: ServiceClaim;
  try {
    claim = await ServiceClaim.of(session, run.id, run.leaseMs);
  } catch (e) {
    return [failed('claim the service again', e)];
  }
  await using held = claim;
  const heart = setInterval(() => beat(session, run.id), leaseTimes(run.leaseMs).heartbeatMs);
  try {
    const steps = (await session.isGone())
      ? settleAll(session, run)
      : await new Recovery(session, run, listeners).run();
    if (session.journal.open(run.id).length === 0) session.journal.close(run.id);
    else held.keep();
    return steps;
  } catch (e) {
    held.keep();
    return [failed('recover', e)];
  } finally {
    clearInterval(heart);
  }
}

/** A beat that cannot be written is missed; the next one may be. Who recovers acts idempotently, also when taken over. */
function beat({ journal }: ServiceSession, runId: string): void {
  try {
    journal.heartbeat(runId);
  } catch (e) {
    if (!(e instanceof Error)) throw e;
  }
}

function failedStep(runId: string, what: string, e: unknown): RecoveryStep {
  const mayPass = e instanceof OrdealError && (e.kind === 'timeout' || e.kind === 'vim-unreachable');
  return { runId, what, outcome: 'failed', reason: asError(e).message, ...(mayPass ? { mayPass } : {}) };
}

/** The service itself is gone for certain, and with it all that was done to it. */
function settleAll({ journal }: ServiceSession, run: JournalledRun): RecoveryStep[] {
  return journal.open(run.id).map((entry) => {
    journal.settle(entry.id);
    return { runId: run.id, what: describeUndo(entry), outcome: 'done', reason: 'the service is gone' };
  });
}

class Recovery {
  readonly #steps: RecoveryStep[] = [];

  constructor(
    readonly session: ServiceSession,
    readonly run_: JournalledRun,
    readonly listeners: readonly RunListener[],
  ) {}

  async run(): Promise<RecoveryStep[]> {
    const { session, run_ } = this;
    await this.#finishSnapshots();
    const evidence: JournalEntry[] = [];
    let cover: JournalEntry | undefined;
    for (const entry of session.journal.open(run_.id)) {
      if (entry.action.type === 'covered') {
        cover = entry;
        continue;
      }
      await this.#try(describeUndo(entry), async () => {
        if ((await undoEntry(session, run_.id, entry)) === 'evidence') evidence.push(entry);
        else session.journal.settle(entry.id);
      });
    }
    if (cover !== undefined) {
      const { id } = cover;
      await this.#try(describeUndo(cover), () => this.#giveBack(cover, id, evidence));
    }
    return this.#steps;
  }

  /** The snapshot engine keeps its own account of what a procedure has stopped, detached or quiesced. */
  async #finishSnapshots(): Promise<void> {
    try {
      for (const what of await this.session.engine.recover()) {
        this.#steps.push({ runId: this.run_.id, what, outcome: 'done' });
      }
    } catch (e) {
      this.#steps.push(failedStep(this.run_.id, 'finish the snapshot procedures', e));
    }
  }

  async #try(what: string, work: () => Promise<void>): Promise<void> {
    const runId = this.run_.id;
    try {
      await work();
      this.#steps.push({ runId, what, outcome: 'done' });
    } catch (e) {
      this.#steps.push(failedStep(runId, what, e));
    }
  }

  /** What the run itself would have done next: look, restore when needed, keep the evidence, write the record. */
  async #giveBack({ action }: JournalEntry, entry: number, evidence: readonly JournalEntry[]): Promise<void> {
    if (action.type !== 'covered') return;
    const { session, run_ } = this;
    const { vnfs } = session.service.descriptor;
    const plan = {
      ...action,
      area: vnfs.filter((v) => action.area.includes(v.id)),
      lines: [`Recovery of ${run_.id}, whose process ${run_.pid} died or hung`],
    };
    const options = { outFolder: dirname(run_.outFolder), listeners: this.listeners };
    const request = { title: action.title, front: 'library' as const };
    const recorder = new Recorder(request, run_.serviceId, plan, options, run_.id);
    recorder.inform = (record) => informAll(session.service, record);
    await recorder.start();
    recorder.failed(
      new OrdealError('lease-lost', `Process ${run_.pid} of the run died or hung`, {
        remedy: 'The run was recovered by another process.',
      }),
    );
    if (run_.stopBy !== null) recorder.stopped('stop-request', `The run was stopped by ${run_.stopBy}`);
    recorder.record.samplesFile = 'recovery-samples.jsonl';
    await using monitor = await startMonitor({
      probes: session.service.descriptor.probes,
      resolve: await session.addresses(),
      originMs: recorder.originMs,
      samplesFile: join(recorder.folder, recorder.record.samplesFile),
      seed: action.seed,
    });
    const rescue = { session, plan, recorder, observation: new Observation(monitor, session, plan) };
    const quarantined = evidence.flatMap((e) => this.#quarantined(e));
    const baseline = await readWindow(action.samplesFile, session, action.baseline);
    const snapshots = action.vnfSnapshotIds.map((id) => session.engine.show(id));
    if (quarantined.length > 0) recorder.verdict({ service: 'failed', restoration: 'restored' });
    const asBefore = await lookAndRestore(rescue, { baseline, snapshots });
    if (quarantined.length > 0) await keepEvidence(rescue, quarantined);
    if (asBefore) session.journal.settle(entry);
    const { exitCode, verdicts } = await recorder.finish();
    if (!asBefore)
      throw new OrdealError('vim-failed', 'The service is not as before', {
        got: `restoration ${verdicts.restoration}, exit code ${exitCode}`,
      });
  }

  #quarantined({ id, action }: JournalEntry): Quarantined[] {
    if (action.type !== 'quarantine') return [];
    const named = (c: { id: string; resource?: string | undefined }) => (c.resource ?? c.id) === action.resource;
    const vnf = this.session.service.descriptor.vnfs.find((v) => v.vnfcs.some(named));
    const vnfc = vnf?.vnfcs.find(named);
    const vim = this.session.vims.get(action.vim);
    if (vnf === undefined || vnfc === undefined || vim === undefined) return [];
    return [{ vnfcId: vnfc.id, vnf, vim, failed: action.computeId, journalEntry: id }];
  }
}
