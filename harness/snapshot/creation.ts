import type { VnfSnapshot } from '../model/snapshot.js';
import type { Operation } from '../store/operations.js';
import { withDeadline } from '../util/deadline.js';
import { asError, ManyErrors, OrdealError, reasonOf } from '../util/errors.js';
import { newId } from '../util/ids.js';
import { Undo } from '../util/undo.js';
import { type Deadlines, deadlinesOf, type EngineContext } from './context.js';
import type { CreationPlan } from './creation-plan.js';
import { Freezer } from './freezer.js';
import type { VimAccess } from './nfvo-relay.js';
import { VnfProcedure } from './vnf-procedure.js';
import { VnfcCreation } from './vnfc-creation.js';

const storesAtOnce = 4;

/** One VNF of the operation. */
interface VnfWork {
  readonly plan: CreationPlan;
  readonly id: string;
  readonly startedAt: string;
  readonly procedure: VnfProcedure;
  readonly vnfcs: readonly VnfcCreation[];
  /** It was told of the start, and not yet of the end. */
  owesEnd: boolean;
}

/**
 * 6.5.1 around 6.4.1 or 6.4.2, for one VNF or for several at one moment. All or nothing: when a step fails, the VNFCs
 * are unquiesced, re-attached, running as before, and nothing is stored.
 */
export class VnfSnapshotCreation {
  readonly #undo = new Undo();
  readonly #freezer: Freezer;
  readonly #works: readonly VnfWork[];
  readonly #operation: Operation;
  readonly #deadlines: Deadlines;

  constructor(
    readonly context: EngineContext,
    readonly access: VimAccess,
    readonly plans: readonly CreationPlan[],
    readonly signal?: AbortSignal,
  ) {
    this.#deadlines = deadlinesOf(context);
    this.#freezer = new Freezer(access, this.#deadlines, context.warn);
    this.#operation = context.state.operations.begin(
      'snapshot creation',
      context.service.descriptor.id,
      plans.map((p) => p.vnf.id),
      context.service.file,
    );
    const procedure = {
      mode: context.mode ?? 'direct',
      access,
      trace: context.trace,
      deadlines: this.#deadlines,
      warn: context.warn,
    };
    this.#works = plans.map((plan) => {
      const id = newId('vnf-snapshot');
      return {
        plan,
        id,
        startedAt: new Date().toISOString(),
        procedure: new VnfProcedure(
          context,
          'create',
          plan.vnf.id,
          plan.vnfcs.map((v) => v.vnfc.id),
        ),
        owesEnd: false,
        vnfcs: plan.vnfcs.map((v) => new VnfcCreation(procedure, plan, v, id, this.#operation.id)),
      };
    });
  }

  /** @returns in the order of the plans; all of them are durable and listed */
  async run(): Promise<VnfSnapshot[]> {
    try {
      const snapshots = await this.#create();
      this.#undo.keep();
      this.#operation.end('COMPLETED');
      return snapshots;
    } catch (e) {
      return await this.#rollBack(asError(e));
    }
  }

  async #create(): Promise<VnfSnapshot[]> {
    for (const work of this.#works) await this.#announce(work);
    this.#operation.enter('PROCESSING');
    this.#writeIntents();
    for (const work of this.#works) await this.#notifyStart(work);
    const together = this.#works.filter((w) => w.plan.consistent).flatMap((w) => w.vnfcs);
    const alone = this.#works.filter((w) => !w.plan.consistent).flatMap((w) => w.vnfcs);
    if (together.length > 0) await this.#capture(together, true);
    for (const vnfc of alone) await this.#capture([vnfc], false);
    for (const work of this.#works) await this.#goBackToWork(work);
    await this.#store();
    const finishedAt = new Date().toISOString();
    const snapshots = this.#works.map((work) => this.#record(work, finishedAt));
    this.context.state.vnfSnapshots.complete(snapshots);
    for (const { procedure, plan, id, vnfcs } of this.#works) {
      for (const v of vnfcs) v.procedure.tell('response', 'VNFM', 'VNFM', `VNFC Snapshot of ${v.id} created`);
      procedure.tell('act', 'VNFM', 'VNFM', 'execute the requested action', plan.request.purpose);
      procedure.tell(
        'response',
        'VNFM',
        plan.request.sender ?? 'Sender',
        `VNF Snapshot created: ${id}`,
        'all is durable',
      );
    }
    return snapshots;
  }

  /** Steps 1 to 4, and the repository knows that the snapshot is being made. */
  async #announce(work: VnfWork): Promise<void> {
    const { plan, procedure } = work;
    const sender = plan.request.sender ?? 'Sender';
    procedure.tell('request', sender, 'VNFM', `create a VNF Snapshot of ${plan.vnf.id}`, plan.request.purpose);
    procedure.tell('decide', 'VNFM', 'VNFM', 'retrieve runtime information and check the conditions', plan.lines[0]);
    await procedure.grant(plan.grant, plan.request.runId);
    this.signal?.throwIfAborted();
    this.#undo.defer(`forget VNF Snapshot ${work.id}`, () => this.context.state.vnfSnapshots.remove(work.id));
    this.context.state.vnfSnapshots.begin(this.#record(work), plan.vnfd);
  }

  #writeIntents(): void {
    const { notification } = this.context;
    this.#operation.intend(
      this.#works.flatMap(({ plan, vnfcs }) => [
        ...(plan.consistent && notification !== undefined
          ? [
              {
                act: 'notify-end' as const,
                event: 'creation-end' as const,
                vnf: plan.vnf.id,
                vnfcIds: vnfcs.map((v) => v.id),
              },
            ]
          : []),
        ...vnfcs.flatMap((v) => v.intents(plan.consistent)),
      ]),
    );
  }

  /** Steps 5 to 7. Whoever was told of the start is told of the end, also when it did not answer. */
  async #notifyStart(work: VnfWork): Promise<void> {
    this.signal?.throwIfAborted();
    const { plan, procedure } = work;
    this.#undo.defer(`tell VNF ${plan.vnf.id} that it is over`, async () => {
      if (work.owesEnd) await procedure.notify('end', true);
    });
    work.owesEnd = plan.consistent;
    await procedure.notify('start', plan.consistent);
  }

  /** Step 8 for these VNFCs: prepare them, freeze them all, capture them all, thaw them all. */
  async #capture(vnfcs: readonly VnfcCreation[], isCut: boolean): Promise<void> {
    this.#undo.defer('discard what was captured', () => each(vnfcs, (v) => v.discard()));
    this.#undo.defer('put the VNFCs back as they were', () => each(vnfcs, (v) => v.undo()));
    this.#undo.defer('thaw the VNFCs', () => this.#freezer.thaw());
    const { freezeMs } = this.#deadlines;
    for (const vnfc of vnfcs) {
      this.signal?.throwIfAborted();
      this.#works
        .find((w) => w.plan === vnfc.vnf)
        ?.procedure.tell('vnfc', 'VNFM', 'VNFM', `create the VNFC Snapshot of ${vnfc.id}`, vnfc.procedure.clause);
      await vnfc.prepare(freezeMs === 0 ? 60_000 : freezeMs * 2);
    }
    this.signal?.throwIfAborted();
    const running = vnfcs.filter((v) => v.plan.runs);
    // Alone, a VNFC is of one instant by itself.
    const freezes = isCut && running.length > 1;
    await withDeadline(
      freezeMs,
      `The consistent cut over ${vnfcs.map((v) => v.id).join(', ')}`,
      async () => {
        if (freezes) await this.#freeze(running);
        await settleAll(vnfcs.map((v) => v.capture(freezeMs, freezes)));
      },
      'Raise the freeze deadline, or snapshot fewer VNFCs at once; nothing was stored.',
    );
    // One that is to be powered off stays frozen until all is stored: it is captured as it ends.
    const goOn = vnfcs.filter((v) => v.plan.parameters.powerOff !== 'after').map((v) => v.id);
    if (freezes) await this.#freezer.thaw(goOn);
    for (const vnfc of vnfcs)
      vnfc.procedure.tell(
        'save',
        'VNFM',
        'VNFM',
        'create and save the VNFC Snapshot',
        'its images are written once the VNFCs run again',
      );
    await settleAll(vnfcs.map((v) => v.release()));
  }

  async #freeze(vnfcs: readonly VnfcCreation[]): Promise<void> {
    const freeze = (v: VnfcCreation) => this.#freezer.freeze(v.id, v.plan.vnfc.vim, v.plan.state.computeId);
    const ordered = vnfcs.filter((v) => v.vnf.ordered);
    for (const vnfc of ordered) await freeze(vnfc);
    await settleAll(vnfcs.filter((v) => !v.vnf.ordered).map(freeze));
  }

  /** Steps 9 to 12. The record is saved, so that another process finds what to clean up should this one die. */
  async #goBackToWork(work: VnfWork): Promise<void> {
    const { plan, procedure } = work;
    this.context.state.vnfSnapshots.update(this.#record(work), 'creating');
    procedure.tell('save', 'VNFM', 'VNFM', 'create and save the VNF Snapshot', 'its images are being written');
    work.owesEnd = false;
    try {
      await procedure.notify('end', plan.consistent);
    } catch (e) {
      // The snapshot is sound: the VNF was told, and its own deadline takes it back to work.
      this.context.warn?.(`VNF "${plan.vnf.id}" was told the end of the snapshot creation: ${reasonOf(e)}`);
    }
  }

  /** Everything becomes durable in the VIMs, a few at a time. */
  async #store(): Promise<void> {
    const queue = this.#works.flatMap((w) => w.vnfcs);
    let isFailed = false;
    const worker = async () => {
      for (let next = queue.shift(); next !== undefined && !isFailed; next = queue.shift()) {
        this.signal?.throwIfAborted();
        try {
          await next.store();
          await next.powerOffAfter();
          this.#freezer.forget(next.id);
        } catch (e) {
          isFailed = true;
          throw e;
        }
      }
    };
    await settleAll(Array.from({ length: storesAtOnce }, worker));
  }

  #record({ plan, id, startedAt, vnfcs }: VnfWork, finishedAt?: string): VnfSnapshot {
    const { request } = plan;
    const paused = this.#freezer.pausedMs;
    for (const v of vnfcs) v.pausedMs = paused[v.id];
    const pausedMs = Math.max(0, ...vnfcs.map((v) => v.pausedMs ?? v.captured?.pausedMs ?? 0));
    const frozenAt = vnfcs.flatMap((v) => v.captured?.frozenAtMs ?? []);
    const skewMs = plan.consistent ? this.#freezer.skewMs : Math.max(0, ...frozenAt) - Math.min(...frozenAt);
    return {
      id,
      vnfInstanceId: plan.vnf.id,
      vnfdId: plan.vnf.vnfdId,
      creationStartedAt: startedAt,
      ...(finishedAt === undefined ? {} : { creationFinishedAt: finishedAt }),
      vnfInstance: plan.vnfInfo,
      vnfcSnapshots: vnfcs.map((v) => v.info()),
      userDefinedData: {
        name: request.name,
        service: this.context.service.descriptor.id,
        ...(request.description === undefined ? {} : { description: request.description }),
        ...(request.runId === undefined ? {} : { runId: request.runId }),
        purpose: request.purpose,
        excluded: [...plan.excluded, ...vnfcs.flatMap((v) => v.leftOut())],
        ...(frozenAt.length === 0 ? {} : { cut: { consistent: plan.consistent, skewMs, pausedMs } }),
      },
    };
  }

  async #rollBack(cause: Error): Promise<never> {
    this.#operation.enter('ROLLING_BACK');
    const failures = await this.#undo.unwind();
    this.#operation.end(failures.length === 0 ? 'ROLLED_BACK' : 'FAILED', reasonOf(cause));
    for (const { procedure, plan } of this.#works) {
      procedure.fail('response', 'VNFM', plan.request.sender ?? 'Sender', 'VNF Snapshot not created', cause);
    }
    if (failures.length === 0) throw cause;
    throw new ManyErrors(
      cause instanceof OrdealError ? cause.kind : 'internal',
      'The VNF Snapshot failed, and not everything could be undone',
      [cause, ...failures],
      'Look after the VNFCs named here.',
    );
  }
}

/** Waits for all, so that nothing goes on behind the back of the clean-up. @throws the first failure */
async function settleAll(works: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(works);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

/** All are tried. @throws the first failure */
const each = <T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> =>
  settleAll(items.map((item) => work(item)));
