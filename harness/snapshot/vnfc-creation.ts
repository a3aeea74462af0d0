import type { VnfcSnapshotInfo } from '../model/snapshot.js';
import type { SnapshotType } from '../model/snapshot-descriptor.js';
import type { CapturedSnapshot, CreateSnapshotRequest, Vim } from '../model/vim.js';
import type { UndoIntent } from '../store/operations.js';
import { asError, OrdealError } from '../util/errors.js';
import { newId } from '../util/ids.js';
import type { CreationPlan, VnfcCreationPlan } from './creation-plan.js';
import { HeldSnapshot } from './held-snapshot.js';
import { type ProcedureContext, VnfcProcedure } from './procedure.js';
import { quiescingOf, storageOf } from './vim-interfaces.js';
import { describeVnfcSnapshot } from './vnfc-snapshot-info.js';

/** The creation of one VNFC Snapshot (6.4.1 or 6.4.2), in the phases that a consistent cut needs. */
export class VnfcCreation {
  readonly infoId = newId('vnfc-snapshot');
  readonly procedure;
  readonly #startedAt = new Date().toISOString();
  #isStopped = false;
  #isQuiesced = false;
  readonly #detached = new Set<string>();
  readonly #held: HeldSnapshot;
  #type: SnapshotType;
  #finishedAt: string | undefined;
  /** How long it stood still, in milliseconds, when the engine froze it; else as the VIM says. */
  pausedMs: number | undefined;

  constructor(
    context: ProcedureContext,
    readonly vnf: CreationPlan,
    readonly plan: VnfcCreationPlan,
    readonly vnfSnapshotId: string,
    readonly operationId: string,
  ) {
    this.#type = plan.parameters.type;
    this.procedure = VnfcProcedure.creation(context, plan.vnfc.id, plan.vnfc.vim);
    this.#held = new HeldSnapshot(context, plan.vnfc.id, plan.vnfc.vim);
  }

  get id(): string {
    return this.plan.vnfc.id;
  }

  get #computeId(): string {
    return this.plan.state.computeId;
  }

  /** What another process has to undo if this one dies. Thawing is among it when it runs. */
  intents(freezes: boolean): UndoIntent[] {
    const { stopBefore, detach, quiesce, runs, vnfc } = this.plan;
    const at = { vim: vnfc.vim, computeId: this.#computeId };
    const intents: UndoIntent[] = [];
    if (stopBefore && this.plan.state.powerState === 'on') intents.push({ act: 'start', ...at });
    for (const diskId of detach) intents.push({ act: 'attach', ...at, diskId });
    if (quiesce) intents.push({ act: 'unquiesce', ...at });
    if (freezes && runs) intents.push({ act: 'resume', ...at });
    return intents;
  }

  /** Steps 1 to 16: stop, detach, quiesce, as planned. */
  async prepare(quiesceMs: number): Promise<void> {
    const { procedure, plan } = this;
    procedure.tell('request', 'VNFM', 'VNFM', `create a VNFC Snapshot of ${this.id}`, 'within 6.5.1 step 8');
    procedure.tell('decide', 'VNFM', 'VNFM', 'take the VNFC Snapshot', plan.parameters.notes.join('; ') || undefined);
    procedure.skip('grant', 'grant the snapshot creation', 'settled for the VNF in 6.5.1 steps 3 and 4');
    if (plan.stopBefore) {
      this.#isStopped = true;
      await procedure.ask('stop', 'stop the compute resource', (vim) => vim.stop(this.#computeId));
    } else procedure.skip('stop', 'stop the compute resource', 'not asked for (Vnfsd.009)');
    if (plan.detach.length > 0) {
      await procedure.ask('detach', `detach ${plan.detach.join(', ')}`, async (vim) => {
        for (const disk of plan.detach) {
          this.#detached.add(disk);
          await storageOf(vim).detach(this.#computeId, disk);
        }
      });
    } else procedure.skip('detach', 'detach the volumes', 'not asked for (Vnfsd.011)');
    if (plan.quiesce) {
      this.#isQuiesced = true;
      await procedure.ask('quiesce', 'quiesce the compute resource', (vim) =>
        quiescingOf(vim).quiesce(this.#computeId, quiesceMs),
      );
    } else procedure.skip('quiesce', 'quiesce the compute resource', this.#whyNotQuiesced());
  }

  #whyNotQuiesced(): string {
    if (!this.plan.runs) return 'it does not run';
    return this.plan.parameters.type === 'warm'
      ? 'warm: memory and disks are of one instant'
      : 'not asked for, or the VIM cannot';
  }

  /** Steps 17 to 24: its state is held; nothing is durable yet. */
  async capture(deadlineMs: number, isFrozen: boolean): Promise<void> {
    try {
      await this.#captureAs(this.plan.parameters.type, deadlineMs, isFrozen);
    } catch (e) {
      // Of one that has crashed its VIM may have kept the memory or not: the disks alone are better than nothing.
      if (this.plan.state.powerState !== 'crashed' || this.#type === 'cold' || !isNoMemory(e)) throw e;
      await this.#captureAs('cold', deadlineMs, isFrozen);
    }
  }

  async #captureAs(type: SnapshotType, deadlineMs: number, isFrozen: boolean): Promise<void> {
    this.#type = type;
    const { procedure, plan, vnf } = this;
    const { parameters, volumes } = plan;
    const request: CreateSnapshotRequest = {
      name: vnf.request.name,
      ...(vnf.request.description === undefined ? {} : { description: vnf.request.description }),
      type,
      ...(parameters.memory === undefined || type === 'cold' ? {} : { memory: parameters.memory }),
      ...(parameters.disk === undefined ? {} : { disk: definedOf(parameters.disk) }),
      volumes,
      metadata: {
        'ordeal.vnfSnapshotId': this.vnfSnapshotId,
        'ordeal.vnfInstanceId': vnf.vnf.id,
        'ordeal.vnfcInstanceId': this.id,
        'ordeal.operationId': this.operationId,
      },
      ...(vnf.request.runId === undefined ? {} : { runId: vnf.request.runId }),
      ...(vnf.request.path === undefined ? {} : { path: vnf.request.path }),
      deadlineMs,
    };
    const what = type === 'warm' ? 'create the snapshot with memory' : 'create the snapshot';
    const note = isFrozen ? 'all VNFCs of the cut stand still' : undefined;
    await this.#held.capture(this.#computeId, request, (work) => procedure.ask('compute', what, work, note));
    if (volumes.length > 0) procedure.carried('volume', `snapshot ${volumes.join(', ')}`, 'in the same request');
    else procedure.skip('volume', 'snapshot the volumes', 'no volume is to be included');
  }

  get captured(): CapturedSnapshot | undefined {
    return this.#held.captured;
  }

  /** Steps 26 to 37: it goes back to work before anything is written. */
  async release(): Promise<void> {
    const { procedure, plan } = this;
    await this.#unquiesce();
    if (plan.attach.length > 0) {
      await procedure.ask('attach', `attach ${plan.attach.join(', ')}`, async (vim) => {
        for (const disk of plan.attach) {
          await storageOf(vim).attach(this.#computeId, disk);
          this.#detached.delete(disk);
        }
      });
    } else procedure.skip('attach', 'attach the volumes', 'not asked for (Vnfsd.012)');
    const isOff = this.#isStopped || plan.state.powerState === 'off' || plan.state.powerState === 'crashed';
    if (plan.parameters.powerOnAfter && isOff && plan.parameters.powerOff !== 'after') {
      await procedure.ask('start', 'start the compute resource', (vim) => vim.start(this.#computeId));
      this.#isStopped = false;
    } else if (plan.parameters.powerOff !== 'after') {
      procedure.skip('start', 'start the compute resource', isOff ? 'not asked for (Vnfsd.010)' : 'it is not off');
    }
  }

  async #unquiesce(): Promise<void> {
    const { procedure } = this;
    if (!this.#isQuiesced) {
      procedure.skip('unquiesce', 'unquiesce the compute resource', 'it was not quiesced');
      return;
    }
    await procedure.ask('unquiesce', 'unquiesce the compute resource', (vim) =>
      quiescingOf(vim).unquiesce(this.#computeId),
    );
    this.#isQuiesced = false;
  }

  async store(): Promise<void> {
    await this.#held.store();
    this.#finishedAt = new Date().toISOString();
  }

  /** Vnfsd.009 `after`, and Vnfsd.010 with it: a restart. */
  async powerOffAfter(): Promise<void> {
    const { procedure, plan } = this;
    const { powerOff, powerOnAfter } = plan.parameters;
    if (powerOff !== 'after') return;
    if (plan.state.powerState !== 'off') {
      this.#isStopped = true;
      const note = 'after the snapshot (Vnfsd.009)';
      await procedure.ask('stop', 'stop the compute resource', (vim) => vim.stop(this.#computeId), note);
    }
    if (powerOnAfter) {
      await procedure.ask('start', 'start the compute resource', (vim) => vim.start(this.#computeId));
      this.#isStopped = false;
    } else procedure.skip('start', 'start the compute resource', 'not asked for (Vnfsd.010)');
  }

  /** Puts back what prepare and release changed. @throws the first failure, after each part was tried */
  undo(): Promise<void> {
    return this.procedure.cleanUp(() => this.#putBack());
  }

  async #putBack(): Promise<void> {
    const { vnfc, state } = this.plan;
    const { access } = this.procedure.context;
    const failures: Error[] = [];
    const attempt = async (what: string, work: (vim: Vim) => Promise<void>) => {
      try {
        await access.call(vnfc.vim, `${what} ${this.id}`, work);
      } catch (e) {
        failures.push(asError(e));
      }
    };
    if (this.#isQuiesced) await attempt('unquiesce', (vim) => quiescingOf(vim).unquiesce(this.#computeId));
    for (const disk of this.#detached) {
      await attempt(`attach ${disk} to`, (vim) => storageOf(vim).attach(this.#computeId, disk));
    }
    if (this.#isStopped && state.powerState === 'on') {
      await attempt('start', async (vim) => {
        const { powerState } = await vim.inspect(this.#computeId);
        if (powerState === 'off' || powerState === 'crashed') await vim.start(this.#computeId);
      });
    }
    const [first] = failures;
    if (first !== undefined) throw first;
  }

  /** Nothing of the snapshot is left in the VIM. */
  discard(): Promise<void> {
    return this.#held.discard();
  }

  /** Disks that were to be captured and that the VIM has left out, with its reason. */
  leftOut(): { vnfcId: string; diskId: string; reason: string }[] {
    const { volumes } = this.plan;
    return (this.#held.stored?.disks ?? [])
      .filter((d) => !d.included && volumes.includes(d.id))
      .map((d) => ({ vnfcId: this.id, diskId: d.id, reason: d.reason ?? 'left out by the VIM' }));
  }

  info(): VnfcSnapshotInfo {
    return {
      id: this.infoId,
      creationStartedAt: this.#startedAt,
      ...(this.#finishedAt === undefined ? {} : { creationFinishedAt: this.#finishedAt }),
      ...describeVnfcSnapshot(this.vnf, this.plan, {
        type: this.#type,
        pausedMs: this.pausedMs ?? this.captured?.pausedMs ?? 0,
        captured: this.captured,
        stored: this.#held.stored,
      }),
    };
  }
}

const isNoMemory = (e: unknown): boolean => e instanceof OrdealError && e.kind === 'vim-failed';

function definedOf(disk: {
  file?: 'internal' | 'external' | undefined;
  copy?: 'sequential' | 'incremental' | undefined;
}) {
  return {
    ...(disk.file === undefined ? {} : { file: disk.file }),
    ...(disk.copy === undefined ? {} : { copy: disk.copy }),
  };
}
