import type { Operation } from '../store/operations.js';
import { asError, ManyErrors, OrdealError, reasonOf } from '../util/errors.js';
import { Undo } from '../util/undo.js';
import { type Deadlines, deadlinesOf, type EngineContext } from './context.js';
import { Freezer } from './freezer.js';
import type { VimAccess } from './nfvo-relay.js';
import { type ReversionStep, VnfcProcedure } from './procedure.js';
import type { ReversionPlan, VnfcReversionPlan } from './reversion-plan.js';
import { pausingOf, quiescingOf, storageOf } from './vim-interfaces.js';
import { VnfProcedure } from './vnf-procedure.js';

interface VnfcWork {
  readonly plan: VnfcReversionPlan;
  readonly procedure: VnfcProcedure<ReversionStep>;
  /** What is left to do so that it runs as it should; undefined: nothing. */
  wake?: 'resume' | 'start';
  isReverted: boolean;
  readonly detached: Set<string>;
}

/**
 * 6.5.2 around 6.4.3 or 6.4.4, in place. All VNFCs stand still while they are reverted, so that none talks to one of
 * another time; they go on together. Once the first has been reverted there is no way back: a failure then names which
 * VNFCs are of which time, and none is left frozen.
 */
export class VnfSnapshotReversion {
  readonly #undo = new Undo();
  readonly #freezer: Freezer;
  readonly #operation: Operation;
  readonly #deadlines: Deadlines;
  readonly #vnf: VnfProcedure;
  readonly #works: readonly VnfcWork[];
  #owesEnd = false;

  constructor(
    readonly context: EngineContext,
    readonly access: VimAccess,
    readonly plan: ReversionPlan,
    readonly signal?: AbortSignal,
  ) {
    this.#deadlines = deadlinesOf(context);
    this.#freezer = new Freezer(access, this.#deadlines, context.warn);
    this.#operation = context.state.operations.begin('snapshot reversion', context.service.descriptor.id, [
      plan.vnf.id,
    ]);
    const ids = plan.vnfcs.map((v) => v.vnfc.id);
    this.#vnf = new VnfProcedure(context, 'revert', plan.vnf.id, ids);
    const procedure = {
      mode: context.mode ?? 'direct',
      access,
      trace: context.trace,
      deadlines: this.#deadlines,
      warn: context.warn,
    };
    this.#works = plan.vnfcs.map((v) => ({
      plan: v,
      procedure: VnfcProcedure.reversion(procedure, v.vnfc.id, v.vnfc.vim),
      isReverted: false,
      detached: new Set(),
    }));
  }

  async run(): Promise<void> {
    using _lease = this.context.state.leases.take(this.plan.vnfSnapshot.id, 'a reversion');
    try {
      await this.#revert();
      this.#undo.keep();
      this.#operation.end('COMPLETED');
    } catch (e) {
      await this.#giveUp(asError(e));
    }
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
    this.#writeIntents();
    this.#undo.defer(`tell VNF ${plan.vnf.id} that it is over`, async () => {
      if (this.#owesEnd) await vnf.notify('end', true);
    });
    this.#owesEnd = plan.consistent;
    await vnf.notify('start', plan.consistent);

    this.#undo.defer('wake the reverted VNFCs', () => each(this.#works, (w) => this.#wake(w)));
    this.#undo.defer('attach the volumes', () => each(this.#works, (w) => this.#attach(w)));
    this.#undo.defer('thaw the VNFCs', () => this.#freezer.thaw());
    this.#undo.defer('wait for what is overdue', () => each(this.#works, (w) => this.#quiet(w)));
    for (const work of this.#works) await this.#prepare(work);
    await this.#freezeAll();
    this.signal?.throwIfAborted();
    for (const work of this.#works) await this.#revertOne(work);
    for (const work of this.#works) await this.#attach(work);
    await this.#wakeAll();
    for (const { procedure, plan } of this.#works) {
      procedure.tell('response', 'VNFM', 'VNFM', `${plan.vnfc.id} is reverted`);
      vnf.tell('vnfc', 'VNFM', 'VNFM', `revert ${plan.vnfc.id} to its VNFC Snapshot: done`);
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

  #writeIntents(): void {
    const { plan } = this;
    this.#operation.intend([
      ...(plan.consistent && this.context.notification !== undefined
        ? [
            {
              act: 'notify-end' as const,
              event: 'reversion-end' as const,
              vnf: plan.vnf.id,
              vnfcIds: [...this.#vnf.vnfcIds],
            },
          ]
        : []),
      ...plan.vnfcs.flatMap(({ vnfc, state, want, detach }) => {
        const at = { vim: vnfc.vim, computeId: state.computeId };
        const runs = state.powerState === 'on' || want === 'on';
        return [
          ...(runs ? [{ act: 'start' as const, ...at }] : []),
          ...detach.map((diskId) => ({ act: 'attach' as const, ...at, diskId })),
          ...(runs ? [{ act: 'resume' as const, ...at }] : []),
        ];
      }),
    ]);
  }

  /** Steps 1 to 12: stop and detach, when asked for. */
  async #prepare({ plan, procedure, detached }: VnfcWork): Promise<void> {
    const { computeId, powerState } = plan.state;
    procedure.tell('request', 'VNFM', 'VNFM', `revert ${plan.vnfc.id} to ${plan.snapshot.id}`, 'within 6.5.2 step 8');
    procedure.tell('decide', 'VNFM', 'VNFM', 'revert to the VNFC Snapshot');
    procedure.skip('grant', 'grant the snapshot reversion', 'settled for the VNF in 6.5.2 steps 3 and 4');
    if (this.plan.options.stopFirst === true && powerState !== 'off') {
      await procedure.ask('stop', 'stop the compute resource', (vim) => vim.stop(computeId));
    } else procedure.skip('stop', 'stop the compute resource', 'not asked for: it is frozen, or off');
    if (plan.detach.length === 0) {
      procedure.skip('detach', 'detach the volumes', 'not asked for');
      return;
    }
    await procedure.ask('detach', `detach ${plan.detach.join(', ')}`, async (vim) => {
      for (const disk of plan.detach) {
        detached.add(disk);
        await storageOf(vim).detach(computeId, disk);
      }
    });
  }

  /** Where a VIM cannot freeze, the VNFCs are reverted one after the other while the others run. */
  async #freezeAll(): Promise<void> {
    if (!this.plan.consistent || this.plan.options.stopFirst === true || this.#works.length < 2) return;
    for (const { plan } of this.#works) {
      if (plan.state.powerState !== 'on') continue;
      if (await this.#canWait(plan)) await this.#freezer.freeze(plan.vnfc.id, plan.vnfc.vim, plan.state.computeId);
    }
  }

  #canWait({ vnfc }: VnfcReversionPlan): Promise<boolean> {
    return this.access.call(vnfc.vim, 'query capabilities', async (vim) => {
      const table = await vim.capabilities();
      return vim.pausing !== undefined && ['pause', 'OP-revert.state'].every((row) => has(table, row));
    });
  }

  /** Steps 13 to 20: compute and storage in one request. In a consistent reversion it does not run on yet. */
  async #revertOne(work: VnfcWork): Promise<void> {
    const { plan, procedure } = work;
    const { force, host } = this.plan.options;
    const waits = this.plan.consistent && this.#works.length > 1 && plan.want === 'on' && (await this.#canWait(plan));
    const isWarm = plan.snapshot.type === 'warm';
    const state = waits ? (isWarm ? 'suspended' : 'off') : plan.want;
    if (waits) work.wake = isWarm ? 'resume' : 'start';
    await procedure.ask('compute', `revert to ${plan.snapshot.id}`, (vim) =>
      vim.snapshots.revert(plan.state.computeId, plan.snapshot.id, {
        ...(state === undefined ? {} : { state }),
        ...(force === undefined ? {} : { force }),
        ...(host === undefined ? {} : { host }),
      }),
    );
    work.isReverted = true;
    this.#freezer.forget(plan.vnfc.id);
    const volumes = plan.snapshot.disks.filter((d) => d.included).map((d) => d.id);
    if (volumes.length > 0) procedure.carried('volume', `revert ${volumes.join(', ')}`, 'in the same request');
    else procedure.skip('volume', 'revert the volumes', 'the snapshot holds none');
  }

  /** Before anything is woken or attached, what is overdue gets its time. */
  async #quiet({ procedure }: VnfcWork): Promise<void> {
    await procedure.cleanUp(async () => {});
  }

  async #attach({ plan, procedure, detached }: VnfcWork): Promise<void> {
    if (detached.size === 0) {
      procedure.skip('attach', 'attach the volumes', 'none was detached');
      return;
    }
    await procedure.ask('attach', `attach ${[...detached].join(', ')}`, async (vim) => {
      for (const disk of [...detached]) {
        await storageOf(vim).attach(plan.state.computeId, disk);
        detached.delete(disk);
      }
    });
  }

  /** Together, unless an order is asked for (Vnfsd.018). */
  async #wakeAll(): Promise<void> {
    if (!this.plan.ordered) return each(this.#works, (w) => this.#wake(w));
    for (const work of this.#works) await this.#wake(work);
  }

  async #wake(work: VnfcWork): Promise<void> {
    const { plan, procedure, wake } = work;
    const { computeId } = plan.state;
    if (!work.isReverted) return;
    if (wake === undefined) {
      procedure.skip('start', 'start the compute resource', `the VIM left it ${plan.want ?? 'as in the snapshot'}`);
    } else {
      const note = wake === 'resume' ? 'it goes on where the snapshot was taken' : 'cold: it boots';
      await procedure.ask(
        'start',
        'start the compute resource',
        (vim) => (wake === 'resume' ? pausingOf(vim).resume(computeId) : vim.start(computeId)),
        note,
      );
      delete work.wake;
    }
    if (!plan.unquiesce) return;
    await this.access.call(plan.vnfc.vim, `unquiesce ${plan.vnfc.id}`, (vim) => quiescingOf(vim).unquiesce(computeId));
  }

  async #giveUp(cause: Error): Promise<never> {
    const reverted = this.#works.filter((w) => w.isReverted).map((w) => w.plan.vnfc.id);
    const others = this.#works.filter((w) => !w.isReverted).map((w) => w.plan.vnfc.id);
    this.#operation.enter('ROLLING_BACK');
    const failures = await this.#undo.unwind();
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

const has = (table: ReadonlyMap<string, { supported: boolean }>, row: string): boolean =>
  table.get(row)?.supported === true;

/** All are tried. @throws the first failure */
async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const results = await Promise.allSettled(items.map((item) => work(item)));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
