import type { TraceStep } from '../model/roles.js';
import type { GrantedOperation } from '../model/snapshot-descriptor.js';
import type { EngineContext } from '../snapshot/context.js';
import { needsGrant } from '../snapshot/granting.js';
import { reasonOf } from '../util/errors.js';

/** The numbers of figures 6.6.1-1 to 6.7.6-1. */
const figures = {
  createVnfc: { clause: ['6.6.1', '6.6.2'], grant: 2, vim: 4, operation: 'createPackage' },
  extractVnfc: { clause: ['6.6.3', '6.6.4'], grant: 2, vim: 4, operation: 'extractPackage' },
  create: { clause: ['6.7.1', '6.7.1'], grant: 3, vim: 5, operation: 'createPackage' },
  extract: { clause: ['6.7.2', '6.7.2'], grant: 2, vim: 6, operation: 'extractPackage' },
  export: { clause: ['6.7.3', '6.7.3'], grant: 2, vim: 0, operation: 'exportPackage' },
  import: { clause: ['6.7.4', '6.7.4'], grant: 2, vim: 0, operation: 'importPackage' },
  query: { clause: ['6.7.5', '6.7.5'], grant: 2, vim: 0, operation: 'queryPackage' },
  delete: { clause: ['6.7.6', '6.7.6'], grant: 2, vim: 0, operation: 'deletePackage' },
} as const satisfies Record<
  string,
  { clause: readonly [string, string]; grant: number; vim: number; operation: GrantedOperation }
>;
export type PackageProcedureKind = keyof typeof figures;

type Outcome = TraceStep['outcome'];

/** One run through a figure of clause 6.6 or 6.7, told with the figure's own numbers. */
export class PackageProcedure {
  readonly #figure: (typeof figures)[PackageProcedureKind];
  readonly #isIndirect: boolean;
  readonly clause: string;

  constructor(
    readonly context: EngineContext,
    kind: PackageProcedureKind,
    readonly subject: string,
  ) {
    this.#figure = figures[kind];
    this.#isIndirect = context.mode === 'indirect';
    this.clause = this.#figure.clause[this.#isIndirect ? 1 : 0];
  }

  tell(step: number, from: string, to: string, what: string, note?: string, outcome: Outcome = 'done'): void {
    this.context.trace?.({
      clause: this.clause,
      step,
      from,
      to,
      what,
      subject: this.subject,
      outcome,
      ...(note === undefined ? {} : { note }),
    });
  }

  /**
   * Asks the NFVO, where the descriptor's policy wants that.
   * @param vnf the VNF whose policy counts; of a VNF that is not in the service, an NFVO that is there is asked
   * @throws OrdealError of kind `grant-denied`
   */
  async grant(vnf: string, vnfcIds: readonly string[], covered?: string): Promise<void> {
    const { operation, grant: step } = this.#figure;
    const descriptor = this.context.service.descriptor.vnfs.find((v) => v.id === vnf);
    const asks =
      covered === undefined &&
      (descriptor === undefined ? this.context.grant !== undefined : needsGrant(this.context, descriptor, operation));
    if (!asks) {
      this.tell(step, 'VNFM', 'NFVO', `grant ${operation}`, covered ?? 'not required by policy', 'skipped');
      return;
    }
    this.tell(step, 'VNFM', 'NFVO', `grant ${operation}`);
    try {
      await this.context.grant?.request({ operation, vnfInstanceId: vnf, vnfcIds });
    } catch (e) {
      this.tell(step + 1, 'NFVO', 'VNFM', `${operation} refused`, reasonOf(e), 'failed');
      throw e;
    }
    this.tell(step + 1, 'NFVO', 'VNFM', `${operation} granted`);
  }

  /** The request of clause 6.6 to the VIM: one arrow, or two through the NFVO. */
  request(what: string): void {
    const { vim: step } = this.#figure;
    if (this.#isIndirect) {
      this.tell(step, 'VNFM', 'NFVO', what);
      this.tell(step + 1, 'NFVO', 'VIM', what);
    } else this.tell(step, 'VNFM', 'VIM', what);
  }

  response(what: string, outcome: Outcome = 'done', note?: string): void {
    const step = this.#figure.vim + (this.#isIndirect ? 2 : 1);
    if (this.#isIndirect) {
      this.tell(step, 'VIM', 'NFVO', what, note, outcome);
      this.tell(step + 1, 'NFVO', 'VNFM', what, note, outcome);
    } else this.tell(step, 'VIM', 'VNFM', what, note, outcome);
  }
}
