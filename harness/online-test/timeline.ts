import type { CheckedFault } from '../fault/catalogue.js';
import type { InjectedFault, Injector } from '../fault/injector.js';
import { sleep } from '../util/deadline.js';
import { asError } from '../util/errors.js';

type TimedFault = CheckedFault & { readonly afterMs: number };

/**
 * Each fault at its place in time: injected, verified while it is on, healed after its duration (or left on for the
 * judge to heal). Faults overlap as their times say.
 */
export class Timeline {
  readonly #stopped = new AbortController();
  readonly #outside: AbortSignal | undefined;
  readonly #signal: AbortSignal;
  #ended: Promise<PromiseSettledResult<unknown>[]> = Promise.resolve([]);

  constructor(
    readonly injector: Injector,
    readonly faults: readonly TimedFault[],
    signal?: AbortSignal,
  ) {
    this.#outside = signal;
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
    return this.#unlessStopped(first.verified);
  }

  /**
   * Nothing new is injected from here on, and what is on is healed. A fault that has yet to be measured is measured
   * first, unless all is to be healed at once, as it is when the run was stopped from outside.
   * @returns what failed on the way and what could not be healed, apart from the stop itself
   */
  async stop({ atOnce = this.#outside?.aborted === true } = {}): Promise<Error[]> {
    this.#stopped.abort(new Error('stopped'));
    if (atOnce) await this.injector.healAll();
    const ended = await this.#ended;
    const reasons = ended.flatMap((p) => (p.status === 'rejected' ? [p.reason] : []));
    const late = [...new Set(reasons)].filter((r) => r !== this.#signal.reason && r !== this.#outside?.reason);
    return [...late.map(asError), ...(await this.injector.healAll())];
  }

  async #verified(fault: TimedFault): Promise<InjectedFault> {
    await sleep(fault.afterMs, this.#signal);
    const injected = await this.injector.inject(fault);
    await this.#unlessStopped(this.injector.verify(injected));
    return injected;
  }

  /** Rejects at once when the run is stopped from outside, so that no wait for a measurement keeps a fault on. */
  async #unlessStopped<T>(work: Promise<T>): Promise<T> {
    const outside = this.#outside;
    if (outside === undefined) return work;
    outside.throwIfAborted();
    let stop = () => {};
    const stopped = new Promise<never>((_, reject) => {
      stop = () => reject(outside.reason);
      outside.addEventListener('abort', stop);
    });
    try {
      return await Promise.race([work, stopped]);
    } finally {
      outside.removeEventListener('abort', stop);
    }
  }

  async #heal(fault: TimedFault, injected: InjectedFault): Promise<void> {
    if (fault.durationMs === undefined) return;
    const on = this.injector.context.nowMs() - injected.injectedMs;
    await sleep(Math.max(0, fault.durationMs - on), this.#signal);
    await this.injector.heal(injected);
  }
}
