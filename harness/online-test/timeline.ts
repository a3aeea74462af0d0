import type { CheckedFault } from '../fault/catalogue.js';
import type { InjectedFault, Injector } from '../fault/injector.js';
import { sleep } from '../util/deadline.js';

type TimedFault = CheckedFault & { readonly afterMs: number };

/**
 * Each fault at its place in time: injected, verified while it is on, healed after its duration (or left on for the
 * judge to heal). Faults overlap as their times say.
 */
export class Timeline {
  readonly #stopped = new AbortController();
  readonly #signal: AbortSignal;
  #ended: Promise<PromiseSettledResult<unknown>[]> = Promise.resolve([]);

  constructor(
    readonly injector: Injector,
    readonly faults: readonly TimedFault[],
    signal?: AbortSignal,
  ) {
    this.#signal = signal === undefined ? this.#stopped.signal : AbortSignal.any([signal, this.#stopped.signal]);
  }

  /** @returns the first fault, once its dose is known */
  async start(): Promise<InjectedFault> {
    this.#signal.throwIfAborted();
    const parts = [...this.faults]
      .sort((a, b) => a.afterMs - b.afterMs)
      .map((f) => {
        const verified = this.#verified(f);
        return { verified, healed: verified.then((injected) => this.#heal(f, injected)) };
      });
    this.#ended = Promise.allSettled(parts.flatMap((p) => [p.verified, p.healed]));
    const [first] = parts;
    if (first === undefined) throw new RangeError('a timeline needs a fault');
    return first.verified;
  }

  /** Nothing new is injected from here on. @returns what failed on the way, apart from the stop itself */
  async stop(): Promise<unknown[]> {
    this.#stopped.abort(new Error('stopped'));
    const ended = await this.#ended;
    const reasons = ended.flatMap((p) => (p.status === 'rejected' ? [p.reason] : []));
    return [...new Set(reasons)].filter((r) => r !== this.#signal.reason);
  }

  async #verified(fault: TimedFault): Promise<InjectedFault> {
    if (fault.afterMs > 0) await sleep(fault.afterMs, this.#signal);
    const injected = await this.injector.inject(fault);
    await this.injector.verify(injected);
    return injected;
  }

  async #heal(fault: TimedFault, injected: InjectedFault): Promise<void> {
    if (fault.durationMs === undefined) return;
    const on = this.injector.context.nowMs() - injected.injectedMs;
    await sleep(Math.max(0, fault.durationMs - on), this.#signal);
    await this.injector.heal(injected);
  }
}
