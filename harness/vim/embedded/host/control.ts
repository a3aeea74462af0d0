import { monotonicMs } from '../../../util/monotonic.js';

/**
 * What the host and a VNFC's thread share without a message: flags that are seen at the next event boundary, and
 * counters that are true even when the thread is stuck in an event.
 */
const ints = { frozen: 0, events: 1, inEvent: 2, taken: 3, emitted: 4, drained: 5 } as const;
const reals = { eventStartedMs: 0, clockOffsetMs: 1, cpuShare: 2 } as const;

/** One clock for the host and all its threads. */
export { monotonicMs };

/** So many messages wait for a VNFC, or from it for the host, before more are lost. */
export const inboxLimit = 65_536;

export class Control {
  readonly #ints: Int32Array;
  readonly #reals: Float64Array;

  constructor(readonly buffer: SharedArrayBuffer = new SharedArrayBuffer(128)) {
    this.#ints = new Int32Array(buffer, 0, 16);
    this.#reals = new Float64Array(buffer, 64, 8);
  }

  get frozen(): boolean {
    return Atomics.load(this.#ints, ints.frozen) === 1;
  }
  set frozen(on: boolean) {
    Atomics.store(this.#ints, ints.frozen, on ? 1 : 0);
    Atomics.notify(this.#ints, ints.frozen);
  }

  /** Blocks the calling thread until it is to freeze, at most for this time. */
  waitUnlessFrozen(ms: number): void {
    Atomics.wait(this.#ints, ints.frozen, 0, ms);
  }

  eventBegins(): void {
    this.#reals[reals.eventStartedMs] = monotonicMs();
    Atomics.store(this.#ints, ints.inEvent, 1);
  }
  eventEnds(): void {
    Atomics.store(this.#ints, ints.inEvent, 0);
    Atomics.add(this.#ints, ints.events, 1);
  }
  get events(): number {
    return Atomics.load(this.#ints, ints.events);
  }
  /** Milliseconds that the event now running has taken so far; 0 between two events. */
  get eventAgeMs(): number {
    return Atomics.load(this.#ints, ints.inEvent) === 1 ? monotonicMs() - (this.#reals[reals.eventStartedMs] ?? 0) : 0;
  }

  /** The thread took a message out of its inbox. */
  took(n = 1): void {
    Atomics.add(this.#ints, ints.taken, n);
  }
  /** Messages ever taken; wraps at 2^32, so compare differences with `| 0`. */
  get taken(): number {
    return Atomics.load(this.#ints, ints.taken);
  }

  /** Room for one more message towards the host: false when the host is too far behind. */
  emit(): boolean {
    if (((Atomics.load(this.#ints, ints.emitted) - Atomics.load(this.#ints, ints.drained)) | 0) >= inboxLimit)
      return false;
    Atomics.add(this.#ints, ints.emitted, 1);
    return true;
  }
  drained(n: number): void {
    Atomics.add(this.#ints, ints.drained, n);
  }

  get clockOffsetMs(): number {
    return this.#reals[reals.clockOffsetMs] ?? 0;
  }
  set clockOffsetMs(ms: number) {
    this.#reals[reals.clockOffsetMs] = ms;
  }

  /** The share of its time that the VNFC may run; 0 means all of it. */
  get cpuShare(): number {
    return this.#reals[reals.cpuShare] ?? 0;
  }
  set cpuShare(share: number) {
    this.#reals[reals.cpuShare] = share;
  }
}
