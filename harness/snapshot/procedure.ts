import type { Trace } from '../model/roles.js';
import type { Vim } from '../model/vim.js';
import { withDeadline } from '../util/deadline.js';
import { reasonOf } from '../util/errors.js';
import type { Deadlines } from './context.js';
import type { VimAccess } from './nfvo-relay.js';
import { Overdue } from './overdue.js';

type Mode = 'direct' | 'indirect';

/** The first number of each exchange in figures 6.4.1-1 to 6.4.4-1. */
const figures = {
  create: {
    direct: {
      clause: '6.4.1',
      ...{ request: 1, decide: 2, grant: 3, stop: 5, detach: 9, quiesce: 13, compute: 17, volume: 21, save: 25 },
      ...{ unquiesce: 26, attach: 30, start: 34, response: 38 },
    },
    indirect: {
      clause: '6.4.2',
      ...{ request: 1, decide: 2, grant: 3, stop: 5, detach: 11, quiesce: 17, compute: 23, volume: 29, save: 35 },
      ...{ unquiesce: 36, attach: 42, start: 48, response: 54 },
    },
  },
  revert: {
    direct: {
      clause: '6.4.3',
      ...{ request: 1, decide: 2, grant: 3, stop: 5, detach: 9, compute: 13, volume: 17, attach: 21, start: 25 },
      ...{ response: 29 },
    },
    indirect: {
      clause: '6.4.4',
      ...{ request: 1, decide: 2, grant: 3, stop: 5, detach: 11, compute: 17, volume: 23, attach: 29, start: 35 },
      ...{ response: 41 },
    },
  },
} as const;

export type CreationStep = Exclude<keyof (typeof figures)['create']['direct'], 'clause'>;
export type ReversionStep = Exclude<keyof (typeof figures)['revert']['direct'], 'clause'>;

/** The hops of one exchange with a VIM, in the order of the figures' arrows. */
const hops: Record<Mode, readonly (readonly [from: string, to: string])[]> = {
  direct: [
    ['VNFM', 'VIM'],
    ['VIM', 'NFVI'],
    ['NFVI', 'VIM'],
    ['VIM', 'VNFM'],
  ],
  indirect: [
    ['VNFM', 'NFVO'],
    ['NFVO', 'VIM'],
    ['VIM', 'NFVI'],
    ['NFVI', 'VIM'],
    ['VIM', 'NFVO'],
    ['NFVO', 'VNFM'],
  ],
};

export interface ProcedureContext {
  readonly mode: Mode;
  readonly access: VimAccess;
  readonly trace: Trace | undefined;
  readonly deadlines: Deadlines;
  readonly warn: ((text: string) => void) | undefined;
}

/**
 * One VNFC's run through a figure of clause 6.4. It asks the VIM, directly or through the NFVO, and tells each message
 * of the exchange with the figure's own number. What happens between VIM and NFVI is known from the VIM's answer.
 */
export class VnfcProcedure<Step extends string> {
  readonly overdue = new Overdue();

  private constructor(
    readonly context: ProcedureContext,
    readonly vnfc: string,
    readonly vim: string,
    readonly clause: string,
    readonly numbers: Readonly<Record<Step, number>>,
  ) {}

  static creation(context: ProcedureContext, vnfc: string, vim: string): VnfcProcedure<CreationStep> {
    const { clause, ...numbers } = figures.create[context.mode];
    return new VnfcProcedure<CreationStep>(context, vnfc, vim, clause, numbers);
  }

  static reversion(context: ProcedureContext, vnfc: string, vim: string): VnfcProcedure<ReversionStep> {
    const { clause, ...numbers } = figures.revert[context.mode];
    return new VnfcProcedure<ReversionStep>(context, vnfc, vim, clause, numbers);
  }

  #emit(step: number, from: string, to: string, what: string, outcome: 'done' | 'skipped' | 'failed', note?: string) {
    this.context.trace?.({
      clause: this.clause,
      step,
      from,
      to,
      what,
      subject: this.vnfc,
      outcome,
      ...(note === undefined ? {} : { note }),
    });
  }

  /** A message that does not go to the VIM. */
  tell(step: Step, from: string, to: string, what: string, note?: string): void {
    this.#emit(this.numbers[step], from, to, what, 'done', note);
  }

  skip(step: Step, what: string, why: string): void {
    const [from, to] = step === 'grant' ? ['VNFM', 'NFVO'] : ['VNFM', this.context.mode === 'direct' ? 'VIM' : 'NFVO'];
    this.#emit(this.numbers[step], from, to, what, 'skipped', why);
  }

  /**
   * An exchange with the VIM.
   * @param what in the imperative, without the VNFC: `stop the compute resource`
   * @throws OrdealError of kind timeout after vimMs, or what the VIM threw
   */
  async ask<T>(step: Step, what: string, work: (vim: Vim) => Promise<T>, note?: string): Promise<T> {
    const { mode, access, deadlines } = this.context;
    const first = this.numbers[step];
    const path = hops[mode];
    const [from, to] = path[0] ?? ['VNFM', 'VIM'];
    this.#emit(first, from, to, what, 'done', note);
    try {
      const answer = await withDeadline(
        deadlines.vimMs,
        `VIM "${this.vim}": to ${what} of ${this.vnfc}`,
        () => this.overdue.watch(access.call(this.vim, `${what} of ${this.vnfc}`, work)),
        'Look after that VIM; what was done until then is undone.',
      );
      this.#answer(first, what, path);
      return answer;
    } catch (e) {
      const [last, home] = path.at(-1) ?? ['VIM', 'VNFM'];
      this.#emit(first + path.length - 1, last, home, what, 'failed', reasonOf(e));
      throw e;
    }
  }

  /** An exchange that another one carried along: one request of ours did the work of two of the figure's. */
  carried(step: Step, what: string, note: string): void {
    const path = hops[this.context.mode];
    const first = this.numbers[step];
    const [from, to] = path[0] ?? ['VNFM', 'VIM'];
    this.#emit(first, from, to, what, 'done', note);
    this.#answer(first, what, path);
  }

  /** Runs now, and once more when a request that is overdue has been answered at last. */
  cleanUp(work: () => Promise<void>): Promise<void> {
    const { deadlines, warn } = this.context;
    return this.overdue.cleanUp(deadlines.overdueMs, work, (e) => warn?.(`${this.vnfc}: ${reasonOf(e)}`));
  }

  #answer(first: number, what: string, path: readonly (readonly [string, string])[]): void {
    for (const [i, [from, to]] of path.entries()) {
      if (i === 0) continue;
      const answering = i >= path.length / 2;
      this.#emit(first + i, from, to, answering ? `${what}: done` : what, 'done');
    }
  }
}
