import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { JournalAction, JournalEntry, JournalledRun } from '../model/journal.js';
import type { RunListener } from '../model/run-listener.js';
import { startMonitor } from '../monitor/monitor.js';
import { OrdealError } from '../util/errors.js';
import type { Quarantined } from './evidence.js';
import { informAll } from './inform.js';
import { Observation, readWindow } from './observation.js';
import type { Plan } from './plan.js';
import { Recorder } from './recorder.js';
import { failedStep, type RecoveryStep } from './recovery-step.js';
import { type Found, keepEvidence, lookAndRestore } from './rescue.js';
import type { ServiceSession } from './session.js';
import { describeUndo, undoEntry } from './undo-entry.js';
import { outcomeOf } from './untold-run.js';

type Cover = Extract<JournalAction, { type: 'covered' }>;
type Ending = Pick<RecoveryStep, 'outcome' | 'reason'>;
const done: Ending = { outcome: 'done' };

/** Gives back what one run left behind, whose lease this process holds. Never stops at a failure. */
export class Recovery {
  readonly #steps: RecoveryStep[] = [];

  constructor(
    readonly session: ServiceSession,
    readonly taken: JournalledRun,
    readonly listeners: readonly RunListener[],
  ) {}

  /** Undoes the latest first; then looks whether the service is as before. */
  async run(): Promise<RecoveryStep[]> {
    const { session, taken } = this;
    await this.#finishSnapshots();
    const evidence: JournalEntry[] = [];
    const open = session.journal.open(taken.id);
    for (const entry of open.filter((e) => e.action.type !== 'covered')) {
      await this.#try(describeUndo(entry), async () => {
        if ((await undoEntry(session, taken.id, entry)) === 'evidence') evidence.push(entry);
        else session.journal.settle(entry.id);
        return done;
      });
    }
    const covers = this.#covers(evidence.length > 0);
    for (const { entry, action } of covers) {
      await this.#try(describeUndo(entry), () => this.#giveBack(action, entry.id, evidence));
    }
    if (covers.length === 0) await this.#tellUntold();
    return this.#steps;
  }

  /** Once a run has restored its service the cover is settled; what failed may still wait to be captured. */
  #covers(withEvidence: boolean): { entry: JournalEntry; action: Cover }[] {
    return this.session.journal.entries(this.taken.id).flatMap((entry) => {
      const { action, state } = entry;
      return action.type === 'covered' && (withEvidence || state !== 'settled') ? [{ entry, action }] : [];
    });
  }

  /** The snapshot engine keeps its own account of what a procedure has stopped, detached or quiesced. */
  async #finishSnapshots(): Promise<void> {
    try {
      for (const what of await this.session.engine.recover()) {
        this.#steps.push({ runId: this.taken.id, what, outcome: 'done' });
      }
    } catch (e) {
      this.#steps.push(failedStep(this.taken.id, 'finish the snapshot procedures', e));
    }
  }

  async #try(what: string, work: () => Promise<Ending>): Promise<void> {
    const { id: runId } = this.taken;
    try {
      this.#steps.push({ runId, what, ...(await work()) });
    } catch (e) {
      this.#steps.push(failedStep(runId, what, e));
    }
  }

  /** What the run itself would have done next: look, restore when needed, keep the evidence, write the record. */
  async #giveBack(cover: Cover, entry: number, evidence: readonly JournalEntry[]): Promise<Ending> {
    const { session } = this;
    const plan = this.#planOf(cover);
    const recorder = await this.#record(plan);
    const snapshots = cover.vnfSnapshotIds.map((id) => session.engine.show(id));
    await using monitor = await startMonitor({
      probes: session.service.descriptor.probes,
      resolve: await session.addresses(snapshots.map((s) => s.vnfInstance)),
      originMs: recorder.originMs,
      samplesFile: join(recorder.folder, recorder.record.samplesFile),
      seed: cover.seed,
    });
    const rescue = { session, plan, recorder, observation: new Observation(monitor, session, plan) };
    const quarantined = evidence.flatMap((e) => this.#quarantined(e));
    const baseline = await readWindow(cover.samplesFile, session, cover.baseline);
    if (quarantined.length > 0) recorder.verdict({ service: 'failed', restoration: 'restored' });
    let found: Found;
    try {
      found = await lookAndRestore(rescue, { baseline, snapshots });
      if (quarantined.length > 0) await keepEvidence(rescue, quarantined);
    } catch (e) {
      recorder.failed(e);
      await recorder.finish();
      throw e;
    }
    if (found.service !== 'not-restored') session.journal.settle(entry);
    const { exitCode, verdicts } = await recorder.finish();
    if (found.service === 'not-restored') {
      throw new OrdealError('vim-failed', 'The service is not as before', {
        got: `restoration ${verdicts.restoration}, exit code ${exitCode}`,
      });
    }
    if (verdicts.evidence === 'incomplete') {
      throw new OrdealError('vim-failed', 'Not all that failed could be captured', {
        got: recorder.record.errors.at(-1) ?? '',
        remedy: 'It stays in quarantine, and `ordeal recover` tries again.',
      });
    }
    return found.service === 'inconclusive' ? { outcome: 'inconclusive', reason: found.reason } : done;
  }

  #planOf(cover: Cover) {
    const { session, taken } = this;
    return {
      ...cover,
      area: session.service.descriptor.vnfs.filter((v) => cover.area.includes(v.id)),
      lines: [`Recovery of ${taken.id}, whose process ${taken.pid} died or hung`],
    };
  }

  /** A run that had given everything back and died before it wrote its record: nobody else would ever tell of it. */
  async #tellUntold(): Promise<void> {
    const { session, taken } = this;
    const entries = session.journal.entries(taken.id);
    const cover = entries.map((e) => e.action).findLast((a) => a.type === 'covered');
    if (cover === undefined || existsSync(join(taken.outFolder, 'run.json'))) return;
    await this.#try('write the record of the run', async () => {
      const { verdicts, packages, errors } = await outcomeOf(entries);
      const recorder = await this.#record(this.#planOf(cover));
      recorder.verdict(verdicts);
      recorder.record.packages.push(...packages);
      recorder.record.errors.push(...errors);
      recorder.record.samplesFile = basename(cover.samplesFile);
      await recorder.finish();
      return done;
    });
  }

  /** The record of what the dead process did not come to tell. */
  async #record(plan: Pick<Plan, 'title' | 'lines' | 'expectedRecoveryMs' | 'seed'>): Promise<Recorder> {
    const { session, taken } = this;
    const options = { outFolder: dirname(taken.outFolder), listeners: this.listeners };
    const request = { title: plan.title, front: 'library' as const };
    const recorder = new Recorder(request, taken.serviceId, plan, options, taken.id);
    recorder.inform = (record) => informAll(session.service, record);
    await recorder.start();
    recorder.failed(
      new OrdealError('lease-lost', `Process ${taken.pid} of the run died or hung`, {
        remedy: 'The run was recovered by another process.',
      }),
    );
    if (taken.stopBy !== null) recorder.stopped('stop-request', `The run was stopped by ${taken.stopBy}`);
    recorder.record.samplesFile = 'recovery-samples.jsonl';
    return recorder;
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
