import type { FaultReading, Injection } from '../model/fault.js';
import type { NativeFaults, Vim } from '../model/vim.js';
import type { Journal } from '../store/journal.js';
import { sleep, withDeadline } from '../util/deadline.js';
import { asError, OrdealError, reasonOf } from '../util/errors.js';
import { newId } from '../util/ids.js';
import type { CheckedFault, Dose } from './catalogue.js';

/** One fault that is on, or was. */
export interface InjectedFault {
  readonly fault: CheckedFault;
  readonly injection: Injection;
  /** Milliseconds of the run's clock. */
  readonly injectedMs: number;
  dose: Dose | 'not-injected';
  reading?: FaultReading;
  healedMs?: number;
  /** Why a heal failed, once for each that did; a later one may have worked. */
  readonly healFailures: string[];
}

export interface InjectorContext {
  readonly runId: string;
  readonly journal: Pick<Journal, 'intend' | 'done' | 'settle'>;
  readonly nowMs: () => number;
  readonly seed: number;
  /** The VIM of a VNFC or of a link, by resource or link name. */
  readonly vimOf: (fault: CheckedFault) => Pick<Vim, 'kind' | 'faults'>;
  /** How long a VIM may leave a fault on beyond its duration; it heals by itself then. */
  readonly expiresAfterMs: number;
  /** The same, counted from our last word, where the VIM takes one: see `renew`. Absent: as above. */
  readonly renewedAfterMs?: number;
}

interface On {
  readonly entry: number;
  readonly native: NativeFaults;
  readonly injected: InjectedFault;
  /** Settles when the VIM has answered, whatever it said. */
  answered: Promise<unknown>;
}

/** How long a heal waits for the injection before it, and how long it may take itself, in milliseconds. */
const answerMs = 2000;
const healMs = 15_000;
/** How long the heal of one fault keeps those of the faults before it waiting, in milliseconds. */
const patienceMs = 500;
/** A heal is idempotent, so one that fails is tried once more at once; then it is recovery's. */
const tries = 2;

/** Injects, proves the dose, heals. The journal knows each fault before the target does. */
export class Injector {
  readonly #on = new Map<string, On>();
  readonly all: InjectedFault[] = [];

  constructor(readonly context: InjectorContext) {}

  /** On failure the fault is healed again before the error is thrown. */
  async inject(fault: CheckedFault): Promise<InjectedFault> {
    const { runId, journal, nowMs, seed, vimOf } = this.context;
    const vim = vimOf(fault);
    if (vim.faults === undefined) throw new OrdealError('capability-missing', `VIM "${vim.kind}" injects no faults`);
    const injection: Injection = {
      id: newId('fault'),
      runId,
      kind: fault.kind,
      vim: vim.kind,
      target: fault.target,
      params: fault.params,
      seed: seed + this.all.length,
      expiresAfterMs: this.#expiresAfterMs(fault, vim.faults),
    };
    const entry = journal.intend(runId, { type: 'fault', injection });
    const injected: InjectedFault = { fault, injection, injectedMs: nowMs(), dose: 'not-injected', healFailures: [] };
    const on: On = { entry, native: vim.faults, injected, answered: Promise.resolve() };
    this.#on.set(injection.id, on);
    this.all.push(injected);
    try {
      const injecting = vim.faults.inject(injection);
      on.answered = Promise.allSettled([injecting]);
      await injecting;
      journal.done(entry);
    } catch (e) {
      // A heal that fails here leaves the fault in the books: healAll tries again, and tells.
      await Promise.allSettled([this.heal(injected)]);
      throw e;
    }
    return injected;
  }

  #expiresAfterMs({ durationMs = 0 }: CheckedFault, native: NativeFaults): number {
    const { expiresAfterMs, renewedAfterMs } = this.context;
    const ms =
      native.renew !== undefined && renewedAfterMs !== undefined ? renewedAfterMs : durationMs + expiresAfterMs;
    return Math.ceil(ms);
  }

  /**
   * Tells the VIMs that we are well, so that they hold what is on; to be called more often than `renewedAfterMs`. A
   * condition that has ended before its time was not the dose that was asked for.
   */
  async renew(): Promise<void> {
    for (const { injected, native } of [...this.#on.values()]) {
      const { injection, fault } = injected;
      if (native.renew === undefined) continue;
      // A VIM that does not answer now is asked again; if it never does, the heal tells.
      const [answer] = await Promise.allSettled([native.renew(injection)]);
      if (answer.status === 'rejected' || answer.value || !this.#on.has(injection.id)) continue;
      const { dose, reading } = injected;
      if (dose !== 'confirmed' || fault.entry.nature === 'event') continue;
      injected.dose = 'wrong-dose';
      injected.reading = {
        effective: true,
        measured: {},
        ...reading,
        how: `${reading?.how ?? ''}; ended before its time`,
      };
    }
  }

  /** Measures at the target. A reading that cannot be taken proves nothing: `no-effect`. */
  async verify(injected: InjectedFault): Promise<void> {
    const { id } = injected.injection;
    const native = this.#on.get(id)?.native;
    if (native === undefined) return;
    let reading: FaultReading;
    try {
      reading = await native.verify(injected.injection);
      // A second witness: a condition that the VIM does not even list is not on, whatever the reading says.
      if (reading.effective && injected.fault.entry.nature === 'condition' && this.#on.has(id)) {
        const listed = (await native.active()).some((i) => i.id === id);
        if (!listed && this.#on.has(id))
          reading = unmeasured(`the VIM does not list it, though it was read: ${reading.how}`);
      }
    } catch (e) {
      reading = unmeasured(`could not be measured: ${asError(e).message}`);
    }
    // What was healed in the meantime was measured without its fault.
    if (!this.#on.has(id)) reading = unmeasured('was healed before it could be measured');
    injected.reading = reading;
    injected.dose = injected.fault.entry.judgeDose(injected.fault.params, reading);
  }

  /**
   * Idempotent. A heal that fails is tried once more; then its journal entry stays open, for recovery to try again.
   * @throws OrdealError of kind `timeout`, or what the VIM says
   */
  async heal(injected: InjectedFault): Promise<void> {
    let failure: unknown;
    for (let i = 0; i < tries; i++) {
      const on = this.#on.get(injected.injection.id);
      if (on === undefined) return;
      try {
        await this.#healOnce(on);
        return;
      } catch (e) {
        injected.healFailures.push(reasonOf(e));
        failure = e;
      }
    }
    throw failure;
  }

  /**
   * Heals what is still on, the latest first; never stops at the first failure, and does not wait long for a heal that
   * hangs before it goes on with the next. @returns the failures, the latest fault's first, once all have ended
   */
  async healAll(): Promise<Error[]> {
    const outcomes: Promise<Error | undefined>[] = [];
    for (const { injected } of [...this.#on.values()].reverse()) {
      const outcome = this.#failureToHeal(injected);
      outcomes.push(outcome);
      const ended = new AbortController();
      await Promise.race([outcome.finally(() => ended.abort()), Promise.allSettled([sleep(patienceMs, ended.signal)])]);
    }
    return (await Promise.all(outcomes)).filter((failure) => failure !== undefined);
  }

  async #failureToHeal(injected: InjectedFault): Promise<Error | undefined> {
    try {
      await this.heal(injected);
      return undefined;
    } catch (e) {
      const what = `The fault ${injected.injection.id} (${injected.fault.kind}) is not healed`;
      return new OrdealError('vim-failed', what, { cause: e, remedy: 'Run `ordeal recover`.' });
    }
  }

  async #healOnce({ injected, answered, native, entry }: On): Promise<void> {
    const { id } = injected.injection;
    // Not before the injection: a heal that overtook it would leave the fault on.
    const early = await withDeadline(answerMs, 'The injection', () => answered).then(
      () => undefined,
      (e: unknown) => e,
    );
    await withDeadline(healMs, `The heal of ${injected.fault.kind}`, () => native.heal(injected.injection));
    if (early !== undefined) throw early;
    injected.healedMs ??= this.context.nowMs();
    this.context.journal.settle(entry);
    this.#on.delete(id);
  }
}

const unmeasured = (how: string): FaultReading => ({ effective: false, measured: {}, how });
