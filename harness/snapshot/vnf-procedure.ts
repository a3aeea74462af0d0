import type { SnapshotEvent } from '../model/roles.js';
import type { GrantedOperation } from '../model/snapshot-descriptor.js';
import { withDeadline } from '../util/deadline.js';
import { reasonOf } from '../util/errors.js';
import { deadlinesOf, type EngineContext } from './context.js';

/** The numbers of figures 6.5.1-1 and 6.5.2-1. */
const figures = {
  create: {
    ...{ clause: '6.5.1', request: 1, decide: 2, grant: 3, start: 5, vnfc: 8, save: 9, end: 10, act: 13, response: 14 },
    verb: 'creation',
    operation: 'createSnapshot',
  },
  revert: {
    ...{ clause: '6.5.2', request: 1, decide: 2, grant: 3, start: 5, vnfc: 8, save: 8, end: 9, act: 12, response: 13 },
    verb: 'reversion',
    operation: 'revertToSnapshot',
  },
} as const;

type VnfStep = 'request' | 'decide' | 'grant' | 'start' | 'vnfc' | 'save' | 'end' | 'act' | 'response';

/** One VNF's run through a figure of clause 6.5: the messages between Sender, VNFM, NFVO and VNF. */
export class VnfProcedure {
  readonly #figure: (typeof figures)['create'] | (typeof figures)['revert'];

  constructor(
    readonly context: EngineContext,
    kind: keyof typeof figures,
    readonly vnf: string,
    readonly vnfcIds: readonly string[],
  ) {
    this.#figure = figures[kind];
  }

  tell(step: VnfStep, from: string, to: string, what: string, note?: string): void {
    this.#emit(this.#figure[step], from, to, what, 'done', note);
  }

  fail(step: VnfStep, from: string, to: string, what: string, why: unknown): void {
    this.#emit(this.#figure[step], from, to, what, 'failed', reasonOf(why));
  }

  #emit(step: number, from: string, to: string, what: string, outcome: 'done' | 'skipped' | 'failed', note?: string) {
    this.context.trace?.({
      clause: this.#figure.clause,
      step,
      from,
      to,
      what,
      subject: this.vnf,
      outcome,
      ...(note === undefined ? {} : { note }),
    });
  }

  /** Steps 3 and 4. @throws OrdealError of kind grant-denied */
  async grant(isNeeded: boolean, runId: string | undefined): Promise<void> {
    const { grant } = this.context;
    const { verb } = this.#figure;
    const operation: GrantedOperation = this.#figure.operation;
    const what = `grant the snapshot ${verb}`;
    if (!isNeeded || grant === undefined) {
      this.#emit(3, 'VNFM', 'NFVO', what, 'skipped', 'the policy requires no grant (Vnfsd.015)');
      return;
    }
    this.#emit(3, 'VNFM', 'NFVO', what, 'done');
    try {
      await grant.request({
        operation,
        vnfInstanceId: this.vnf,
        vnfcIds: this.vnfcIds,
        ...(runId === undefined ? {} : { runId }),
      });
    } catch (e) {
      this.#emit(4, 'NFVO', 'VNFM', `${what}: refused`, 'failed', reasonOf(e));
      throw e;
    }
    this.#emit(4, 'NFVO', 'VNFM', `${what}: granted`, 'done');
  }

  /**
   * Tells the VNF with the list of affected VNFCs, and waits for its answer: three steps of the figure from `start`
   * or `end`.
   * @throws OrdealError of kind timeout when it does not answer, or what the VNF refused with
   */
  async notify(moment: 'start' | 'end', isConsistent: boolean): Promise<void> {
    const { notification } = this.context;
    const first = this.#figure[moment];
    const { verb } = this.#figure;
    const event: SnapshotEvent = `${verb}-${moment}`;
    const what = `notify the ${moment} of the snapshot ${verb}`;
    if (notification === undefined || !isConsistent) {
      const why = isConsistent ? 'no notification interface is configured' : 'no consistency is asked for (Vnfsd.008)';
      this.#emit(first, 'VNFM', 'VNF', what, 'skipped', why);
      return;
    }
    const ms = deadlinesOf(this.context).notificationMs;
    this.#emit(first, 'VNFM', 'VNF', what, 'done', this.vnfcIds.join(', '));
    try {
      await withDeadline(
        ms,
        `VNF "${this.vnf}": to acknowledge the ${moment} of the snapshot ${verb}`,
        () => notification.notify(event, this.vnf, this.vnfcIds, ms),
        'Look after its notification endpoint, or set consistent: false.',
      );
    } catch (e) {
      this.#emit(first + 2, 'VNF', 'VNFM', `${what}: not acknowledged`, 'failed', reasonOf(e));
      throw e;
    }
    const doing = moment === 'start' ? `prepare for the snapshot ${verb}` : 'go back to normal operation';
    this.#emit(first + 1, 'VNF', 'VNF', doing, 'done');
    this.#emit(first + 2, 'VNF', 'VNFM', `${what}: acknowledged`, 'done');
  }
}
