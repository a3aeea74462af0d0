import type { Operation, UndoIntent } from '../store/operations.js';
import { asError, ManyErrors, OrdealError, reasonOf } from '../util/errors.js';
import { Undo } from '../util/undo.js';
import { type Deadlines, deadlinesOf, type EngineContext } from './context.js';
import { Freezer } from './freezer.js';
import type { VimAccess } from './nfvo-relay.js';
import type { ReversionPlan } from './reversion-plan.js';
import { VnfProcedure } from './vnf-procedure.js';
import { VnfcReversion } from './vnfc-reversion.js';

/**
 * 6.5.2 around 6.4.3 or 6.4.4, in place. All VNFCs stand still while they are reverted, so that none talks to one of
 * another time; they go on together. All or nothing: they are captured before the first is touched, and when a step
 * fails they go back to that, with their volumes, running as before. Where a VIM cannot capture one, the plan says so, and
 * a failure names which VNFCs are of which time.
 */
export class VnfSnapshotReversion {
  readonly #undo = new Undo();
  readonly #freezer: Freezer;
  readonly #operation: Operation;
  readonly #deadlines: Deadlines;
  readonly #vnf: VnfProcedure;
  readonly #vnfcs: readonly VnfcReversion[];
  /** Their reversion has begun: should this process die, they go back. */
  readonly #begun = new Set<VnfcReversion>();
  #owesEnd = false;

  constructor(
    readonly context: EngineContext,
    readonly access: VimAccess,
    readonly plan: ReversionPlan,
    readonly signal?: AbortSignal,
  ) {
    this.#deadlines = deadlinesOf(context);
    this.#freezer = new Freezer(access, this.#deadlines, context.warn);
    const { vnf, vnfcs, options } = plan;
    const { descriptor, file } = context.service;
    this.#operation = context.state.operations.begin('snapshot reversion', descriptor.id, [vnf.id], file);
    const ids = vnfcs.map((v) => v.vnfc.id);
    this.#vnf = new VnfProcedure(context, 'revert', vnf.id, ids);
    const procedure = {
      mode: context.mode ?? 'direct',
      access,
      trace: context.trace,
      deadlines: this.#deadlines,
      warn: context.warn,
    };
    this.#vnfcs = vnfcs.map((v) => new VnfcReversion(procedure, v, options, this.#operation.id));
  }

  async run(): Promise<void> {
    using _lease = this.context.state.leases.take(this.plan.vnfSnapshot.id, 'a reversion');
    try {
      await this.#revert();
      this.#undo.keep();
    } catch (e) {
      await this.#rollBack(asError(e));
    }
    await this.#forgetWayBack();
    this.#operation.end('COMPLETED');
  }

  async #revert(): Promise<void> {
    const { plan } = this;
    const sender = plan.options.sender ?? 'Sender';
    const vnf = this.#vnf;
    vnf.tell('request', sender, 'VNFM', `revert ${plan.vnf.id} to VNF Snapshot ${plan.vnfSnapshot.id}`);
    vnf.tell('decide', 'VNFM', 'VNFM', 'retrieve runtime information and check the conditions', plan.lines[0]);
    await vnf.grant(plan.grant, plan.options.runId);
    this.signal?.throwIfAborted();
    this.#operation.enter('PROCESSING');
    this.#intend((v) => v.whileFrozen());
    this.#undo.defer(`tell VNF ${plan.vnf.id} that it is over`, async () => {
      if (this.#owesEnd) await vnf.notify('end', true);
    });
    this.#owesEnd = plan.consistent;
    await vnf.notify('start', plan.consistent);

    this.#deferWayBack();
    if (plan.consistent) await this.#revertTogether(this.#vnfcs);
    else for (const vnfc of this.#vnfcs) await this.#revertTogether([vnfc]);
    for (const vnfc of this.#vnfcs) await vnfc.attach();
    this.#intend((v) => v.whileWaking());
    await this.#wakeAll();
    for (const { procedure, plan } of this.#vnfcs) {
      procedure.tell('response', 'VNFM', 'VNFM', `${plan.vnfc.id} is reverted`);
    }
    this.#owesEnd = false;
    try {
      await vnf.notify('end', plan.consistent);
    } catch (e) {
      this.context.warn?.(`VNF "${plan.vnf.id}" was told the end of the snapshot reversion: ${reasonOf(e)}`);
    }
    vnf.tell('act', 'VNFM', 'VNFM', 'execute the requested action');
    vnf.tell('response', 'VNFM', sender, `reverted to VNF Snapshot ${plan.vnfSnapshot.id}`);
  }

  #intend(of: (vnfc: VnfcReversion) => UndoIntent[]): void {
    const { consistent, vnf } = this.plan;
    const owed: UndoIntent[] =
      consistent && this.context.notification !== undefined
        ? [{ act: 'notify-end', event: 'reversion-end', vnf: vnf.id, vnfcIds: [...this.#vnf.vnfcIds] }]
        : [];
    this.#operation.intend([...owed, ...this.#vnfcs.flatMap(of)]);
  }

  /** Run from the last to the first; each is tried, whatever became of the one before. */
  #deferWayBack(): void {
    const all = (work: (v: VnfcReversion) => Promise<void>) => each(this.#vnfcs, work);
    this.#undo.defer('discard what was captured before', () => all((v) => v.discardSafety()));
    this.#undo.defer('run the VNFCs again', () => all((v) => v.runAgain()));
    this.#undo.defer('thaw the VNFCs', () => this.#freezer.thaw());
    this.#undo.defer('attach the volumes', () => all((v) => v.attachAgain()));
    this.#undo.defer('put the VNFCs back as they were', async () => {
      for (const { id } of this.#vnfcs.filter((v) => v.isTouched)) this.#freezer.forget(id);
      await all((v) => v.goBack());
    });
    this.#undo.defer('wait for what is overdue', () => all((v) => v.quiet()));
  }

  /** Step 8 for these VNFCs: freeze them, capture them as they are, then stop and detach where asked for, and revert. */
  async #revertTogether(vnfcs: readonly VnfcReversion[]): Promise<void> {
    const { stopFirst } = this.plan.options;
    const waits = this.plan.consistent && this.#vnfcs.length > 1;
    const isCaptured = vnfcs.some((v) => !('none' in v.plan.safety));
    if (isCaptured || (waits && stopFirst !== true)) await this.#freeze(vnfcs);
    const { freezeMs } = this.#deadlines;
    await each(vnfcs, (v) => v.captureSafety(freezeMs));
    for (const vnfc of vnfcs) await vnfc.storeSafety();
    this.signal?.throwIfAborted();
    // Who is to be shut down first has to run for that.
    if (stopFirst === true) await this.#freezer.thaw(vnfcs.map((v) => v.id));
    for (const vnfc of vnfcs) this.#begun.add(vnfc);
    this.#intend((v) => (this.#begun.has(v) ? v.whileReverting() : v.whileFrozen()));
    for (const vnfc of vnfcs) await vnfc.prepare();
    this.signal?.throwIfAborted();
    for (const vnfc of vnfcs) {
      this.#vnf.tell('vnfc', 'VNFM', 'VNFM', `revert ${vnfc.id} to its VNFC Snapshot`, vnfc.procedure.clause);
      await vnfc.revert(waits);
      this.#freezer.forget(vnfc.id);
    }
  }

  /** Where a VIM cannot freeze, the others run meanwhile. */
  async #freeze(vnfcs: readonly VnfcReversion[]): Promise<void> {
    for (const { plan, wasOn, id } of vnfcs) {
      if (wasOn && plan.canWait) await this.#freezer.freeze(id, plan.vnfc.vim, plan.state.computeId);
    }
  }

  /** Together, unless an order is asked for (Vnfsd.018). */
  async #wakeAll(): Promise<void> {
    if (!this.plan.ordered) return each(this.#vnfcs, (v) => v.wake());
    for (const vnfc of this.#vnfcs) await vnfc.wake();
  }

  /** The reversion is done: what is left over of its way back is not worth a failure. */
  async #forgetWayBack(): Promise<void> {
    this.#operation.intend([]);
    await each(this.#vnfcs, async (v) => {
      try {
        await v.discardSafety().catch(() => v.discardSafety());
      } catch (e) {
        this.context.warn?.(`What was captured of ${v.id} before its reversion could not be deleted: ${reasonOf(e)}`);
      }
    });
  }

  async #rollBack(cause: Error): Promise<never> {
    this.#operation.enter('ROLLING_BACK');
    const failures = await this.#undo.unwind();
    const reverted = this.#vnfcs.filter((v) => v.isOfTheSnapshot).map((v) => v.id);
    const others = this.#vnfcs.filter((v) => !v.isOfTheSnapshot).map((v) => v.id);
    const isWhole = failures.length === 0 && reverted.length === 0;
    this.#operation.end(isWhole ? 'ROLLED_BACK' : 'FAILED', reasonOf(cause));
    this.#vnf.fail('response', 'VNFM', this.plan.options.sender ?? 'Sender', 'not reverted', cause);
    if (isWhole) throw cause;
    throw new ManyErrors(
      cause instanceof OrdealError ? cause.kind : 'internal',
      reverted.length === 0
        ? `The reversion of ${this.plan.vnf.id} failed, and not everything could be undone`
        : `${this.plan.vnf.id} is reverted in part: ${reverted.join(', ')} as in the snapshot, ${others.join(', ')} not`,
      [cause, ...failures],
      'Revert again; what was reverted already is not harmed by that.',
    );
  }
}

/** All are tried. @throws the first failure */
async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const results = await Promise.allSettled(items.map((item) => work(item)));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
