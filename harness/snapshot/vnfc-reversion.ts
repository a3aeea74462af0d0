import type { CreateSnapshotRequest, RevertOptions, Vim } from '../model/vim.js';
import type { UndoIntent } from '../store/operations.js';
import { withDeadline } from '../util/deadline.js';
import { OrdealError, reasonOf } from '../util/errors.js';
import type { RevertVnfSnapshotOptions } from './context.js';
import { HeldSnapshot } from './held-snapshot.js';
import { type ProcedureContext, type ReversionStep, VnfcProcedure } from './procedure.js';
import type { VnfcReversionPlan } from './reversion-plan.js';
import { pausingOf, quiescingOf, storageOf } from './vim-interfaces.js';

type GoBack = Extract<UndoIntent, { act: 'go-back' }>;

/**
 * The reversion of one VNFC (6.4.3 or 6.4.4), in the phases that a consistent reversion needs, and the way back: it is
 * captured as it is before it is touched.
 */
export class VnfcReversion {
  readonly procedure: VnfcProcedure<ReversionStep>;
  readonly #safety: HeldSnapshot;
  readonly #detached = new Set<string>();
  /** What is left to do so that it runs as it should; undefined: nothing. */
  #wake: 'resume' | 'start' | undefined;
  #isTouched = false;
  #isReverted = false;
  /** It could not be put back so far: what was captured before is not to be lost. */
  #isNeeded = false;
  /** A request to the VIM is still out, and what it does when it is done is taken back then. */
  #isLate = false;

  constructor(
    readonly context: ProcedureContext,
    readonly plan: VnfcReversionPlan,
    readonly options: RevertVnfSnapshotOptions,
    readonly operationId: string,
  ) {
    this.procedure = VnfcProcedure.reversion(context, plan.vnfc.id, plan.vnfc.vim);
    this.#safety = new HeldSnapshot(context, plan.vnfc.id, plan.vnfc.vim);
  }

  get id(): string {
    return this.plan.vnfc.id;
  }

  get #computeId(): string {
    return this.plan.state.computeId;
  }

  get wasOn(): boolean {
    return this.plan.state.powerState === 'on';
  }

  get isTouched(): boolean {
    return this.#isTouched;
  }

  get canGoBack(): boolean {
    return this.#safety.stored !== undefined;
  }

  /** Takes the state that it goes back to when the reversion fails; nothing is durable yet. */
  async captureSafety(deadlineMs: number): Promise<void> {
    const { safety, state } = this.plan;
    if ('none' in safety) return;
    const request: CreateSnapshotRequest = {
      name: 'before the reversion',
      type: safety.type,
      volumes: safety.volumes,
      metadata: { 'ordeal.vnfcInstanceId': this.id, 'ordeal.operationId': this.operationId },
      deadlineMs,
    };
    try {
      await this.#capture(request);
    } catch (e) {
      // Of one that has crashed its VIM may not have kept the memory: its disks are what can be gone back to.
      if (state.powerState !== 'crashed' || !(e instanceof OrdealError && e.kind === 'vim-failed')) throw e;
      await this.#capture({ ...request, type: 'cold' });
    }
  }

  #capture(request: CreateSnapshotRequest): Promise<void> {
    const what = `VIM "${this.plan.vnfc.vim}": to capture ${this.id} before it is reverted`;
    return this.#safety.capture(this.#computeId, request, (work) => this.#ask(what, work));
  }

  #ask<T>(what: string, work: (vim: Vim) => Promise<T>): Promise<T> {
    const { access, deadlines } = this.context;
    return withDeadline(deadlines.vimMs, what, () =>
      this.procedure.overdue.watch(access.call(this.plan.vnfc.vim, what, work)),
    );
  }

  async storeSafety(): Promise<void> {
    if (this.#safety.captured !== undefined) await this.#safety.store();
  }

  /** What another process has to undo if this one dies before anything was touched: it may be frozen. */
  whileFrozen(): UndoIntent[] {
    return this.wasOn ? [{ act: 'resume', ...this.#at }] : [];
  }

  /** ... and while it is reverted: it goes back, and is attached, and runs as it did. */
  whileReverting(): UndoIntent[] {
    const attach = this.plan.detach.map((diskId) => ({ act: 'attach' as const, ...this.#at, diskId }));
    const back = this.#goBack();
    if (back !== undefined) return [...this.whileFrozen(), ...attach, back];
    return [...(this.wasOn ? [{ act: 'start' as const, ...this.#at }] : []), ...attach, ...this.whileFrozen()];
  }

  /** ... and when all are reverted: it is woken, because there is more to lose by going back than by going on. */
  whileWaking(): UndoIntent[] {
    return [
      ...(this.plan.unquiesce ? [{ act: 'unquiesce' as const, ...this.#at }] : []),
      ...(this.#wake === undefined ? [] : [{ act: this.#wake, ...this.#at }]),
      ...[...this.#detached].map((diskId) => ({ act: 'attach' as const, ...this.#at, diskId })),
    ];
  }

  get #at(): { vim: string; computeId: string } {
    return { vim: this.plan.vnfc.vim, computeId: this.#computeId };
  }

  #goBack(): GoBack | undefined {
    const snapshotId = this.#safety.stored?.id;
    if (snapshotId === undefined) return undefined;
    const { state, canWait } = this.plan;
    const was = state.powerState === 'crashed' ? 'off' : state.powerState;
    return {
      act: 'go-back',
      ...this.#at,
      snapshotId,
      ...(canWait ? { state: was === 'on' ? 'suspended' : was } : {}),
      force: state.powerState === 'crashed',
    };
  }

  /** Steps 1 to 12: stop and detach, when asked for. */
  async prepare(): Promise<void> {
    const { plan, procedure } = this;
    const { computeId, powerState } = plan.state;
    procedure.tell('request', 'VNFM', 'VNFM', `revert ${this.id} to ${plan.snapshot.id}`, 'within 6.5.2 step 8');
    procedure.tell('decide', 'VNFM', 'VNFM', 'revert to the VNFC Snapshot');
    procedure.skip('grant', 'grant the snapshot reversion', 'settled for the VNF in 6.5.2 steps 3 and 4');
    if (this.options.stopFirst === true && powerState !== 'off') {
      this.#isTouched = true;
      await procedure.ask('stop', 'stop the compute resource', (vim) => vim.stop(computeId));
    } else procedure.skip('stop', 'stop the compute resource', 'not asked for: it is frozen, or off');
    if (plan.detach.length === 0) {
      procedure.skip('detach', 'detach the volumes', 'not asked for');
      return;
    }
    await procedure.ask('detach', `detach ${plan.detach.join(', ')}`, async (vim) => {
      for (const disk of plan.detach) {
        this.#detached.add(disk);
        await storageOf(vim).detach(computeId, disk);
      }
    });
  }

  /**
   * Steps 13 to 20: compute and storage in one request.
   * @param waits it does not run on yet
   */
  async revert(waits: boolean): Promise<void> {
    const { plan, procedure, options } = this;
    const isHeld = waits && plan.want === 'on' && plan.canWait;
    const isWarm = plan.snapshot.type === 'warm';
    const state = isHeld ? (isWarm ? 'suspended' : 'off') : plan.want;
    const { force, host } = options;
    this.#isTouched = true;
    if (isHeld) this.#wake = isWarm ? 'resume' : 'start';
    await procedure.ask('compute', `revert to ${plan.snapshot.id}`, (vim) =>
      vim.snapshots.revert(this.#computeId, plan.snapshot.id, {
        ...(state === undefined ? {} : { state }),
        ...(force === undefined ? {} : { force }),
        ...(host === undefined ? {} : { host }),
      }),
    );
    this.#isReverted = true;
    const volumes = plan.snapshot.disks.filter((d) => d.included).map((d) => d.id);
    if (volumes.length > 0) procedure.carried('volume', `revert ${volumes.join(', ')}`, 'in the same request');
    else procedure.skip('volume', 'revert the volumes', 'the snapshot holds none');
  }

  async attach(): Promise<void> {
    const { procedure } = this;
    if (this.#detached.size === 0) {
      procedure.skip('attach', 'attach the volumes', 'none was detached');
      return;
    }
    await procedure.ask('attach', `attach ${[...this.#detached].join(', ')}`, (vim) => this.#attachTo(vim));
  }

  async #attachTo(vim: Vim): Promise<void> {
    for (const disk of [...this.#detached]) {
      const { disks } = await vim.inspect(this.#computeId);
      if (disks.some((d) => d.id === disk && !d.attached)) await storageOf(vim).attach(this.#computeId, disk);
      this.#detached.delete(disk);
    }
  }

  /** Steps 25 to 28. */
  async wake(): Promise<void> {
    const { plan, procedure } = this;
    const wake = this.#wake;
    const computeId = this.#computeId;
    if (wake === undefined) {
      procedure.skip('start', 'start the compute resource', `the VIM left it ${plan.want ?? 'as in the snapshot'}`);
    } else {
      const note = wake === 'resume' ? 'it goes on where the snapshot was taken' : 'cold: it boots';
      const work = (vim: Vim) => (wake === 'resume' ? pausingOf(vim).resume(computeId) : vim.start(computeId));
      await procedure.ask('start', 'start the compute resource', work, note);
      this.#wake = undefined;
    }
    if (!plan.unquiesce) return;
    await this.#ask(`unquiesce ${this.id}`, (vim) => quiescingOf(vim).unquiesce(computeId));
  }

  /** What is overdue gets its time. What comes later still is taken back when it comes. */
  async quiet(): Promise<void> {
    const { overdueMs } = this.context.deadlines;
    this.#isLate = !(await this.procedure.overdue.wait(overdueMs));
  }

  /** As it was before the reversion, but for standing still. @throws what the VIM threw */
  async goBack(): Promise<void> {
    if (!this.#isTouched) return;
    const back = this.#goBack();
    if (back === undefined) return;
    this.#isNeeded = true;
    const what = `VIM "${back.vim}": to put ${this.id} back as it was, which it keeps as snapshot ${back.snapshotId},`;
    await this.#ask(what, (vim) => goBackTo(vim, back));
    this.#isNeeded = false;
    this.#wake = this.wasOn && back.state === 'suspended' ? 'resume' : undefined;
    this.#isReverted = false;
  }

  async attachAgain(): Promise<void> {
    if (this.#detached.size === 0) return;
    await this.#ask(`VIM "${this.plan.vnfc.vim}": to attach the volumes of ${this.id}`, (vim) => this.#attachTo(vim));
  }

  /** It runs as before; without a way back, as far as the reversion has brought it. */
  async runAgain(): Promise<void> {
    const computeId = this.#computeId;
    const isStopped = this.#isTouched && !this.#isReverted && !this.canGoBack && this.wasOn;
    if (this.#wake === undefined && !isStopped) return;
    await this.#ask(`VIM "${this.plan.vnfc.vim}": to run ${this.id} again`, async (vim) => {
      const { powerState } = await vim.inspect(computeId);
      if (powerState === 'suspended') await pausingOf(vim).resume(computeId);
      if (powerState === 'off') await vim.start(computeId);
    });
    this.#wake = undefined;
  }

  /** Where it is of another time than before: neither gone back nor untouched. */
  get isOfTheSnapshot(): boolean {
    return this.#isReverted;
  }

  /** The VIM keeps nothing of the way back; while an answer is out, it keeps it until that has come. */
  async discardSafety(): Promise<void> {
    if (this.#isNeeded) return;
    if (!this.#isLate) return this.#safety.discard();
    this.#isLate = false;
    const { warn } = this.context;
    this.procedure.overdue.afterwards(
      async () => {
        await this.goBack();
        await this.attachAgain();
        await this.runAgain();
        await this.#safety.discard();
      },
      (e) => warn?.(`${this.id}: what came too late could not be taken back: ${reasonOf(e)}`),
    );
  }
}

/** Idempotent. Source: OP-create.atomic of table 5.1.3.2-1, in the spirit of which a reversion is all or nothing too. */
export async function goBackTo(vim: Vim, { computeId, snapshotId, state, force }: GoBack): Promise<void> {
  const options: RevertOptions = { ...(state === undefined ? {} : { state }), ...(force ? { force } : {}) };
  await vim.snapshots.revert(computeId, snapshotId, options);
}
