import type { FaultReading, Injection } from '../model/fault.js';
import type { NativeFaults, Vim } from '../model/vim.js';
import type { Journal } from '../store/journal.js';
import { asError, OrdealError } from '../util/errors.js';
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
}

export interface InjectorContext {
  readonly runId: string;
  readonly journal: Journal;
  readonly nowMs: () => number;
  readonly seed: number;
  /** The VIM of a VNFC or of a link, by resource or link name. */
  readonly vimOf: (fault: CheckedFault) => Vim;
  /** How long a VIM may leave a fault on without a word from us; it heals by itself then. */
  readonly expiresAfterMs: number;
}

/** Injects, proves the dose, heals. The journal knows each fault before the target does. */
export class Injector {
  readonly #on = new Map<string, { entry: number; native: NativeFaults; injected: InjectedFault }>();
  readonly all: InjectedFault[] = [];

  constructor(readonly context: InjectorContext) {}

  /** On failure the fault is healed again before the error is thrown. */
  async inject(fault: CheckedFault): Promise<InjectedFault> {
    const { runId, journal, nowMs, seed, vimOf, expiresAfterMs } = this.context;
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
      expiresAfterMs: Math.ceil(Math.max(expiresAfterMs, (fault.durationMs ?? 0) + expiresAfterMs)),
    };
    const entry = journal.intend(runId, { type: 'fault', injection });
    const injected: InjectedFault = { fault, injection, injectedMs: nowMs(), dose: 'not-injected' };
    this.#on.set(injection.id, { entry, native: vim.faults, injected });
    this.all.push(injected);
    try {
      await vim.faults.inject(injection);
      journal.done(entry);
    } catch (e) {
      await this.heal(injected);
      throw e;
    }
    return injected;
  }

  /** Measures at the target. A reading that cannot be taken proves nothing: `no-effect`. */
  async verify(injected: InjectedFault): Promise<void> {
    const native = this.#on.get(injected.injection.id)?.native;
    if (native === undefined) return;
    try {
      injected.reading = await native.verify(injected.injection);
      injected.dose = injected.fault.entry.judgeDose(injected.fault.params, injected.reading);
    } catch (e) {
      injected.reading = { effective: false, measured: {}, how: `could not be measured: ${asError(e).message}` };
      injected.dose = 'no-effect';
    }
  }

  /** Idempotent. The journal entry stays open when the heal fails, so that recovery tries again. */
  async heal(injected: InjectedFault): Promise<void> {
    const on = this.#on.get(injected.injection.id);
    if (on === undefined) return;
    await on.native.heal(injected.injection);
    injected.healedMs = this.context.nowMs();
    this.context.journal.settle(on.entry);
    this.#on.delete(injected.injection.id);
  }

  /** Heals what is still on, the latest first; never stops at the first failure. @returns the failures */
  async healAll(): Promise<Error[]> {
    const failures: Error[] = [];
    for (const { injected } of [...this.#on.values()].reverse()) {
      try {
        await this.heal(injected);
      } catch (e) {
        failures.push(
          new OrdealError('vim-failed', `The fault ${injected.injection.id} (${injected.fault.kind}) is not healed`, {
            cause: e,
            remedy: 'Run `ordeal recover`.',
          }),
        );
      }
    }
    return failures;
  }
}
