import type { WallClock } from '../../harness/schedule/scheduler.js';

/** A clock that stands still until everybody waits, and then goes to the earliest moment that somebody waits for. */
export class FakeClock implements WallClock {
  #waiters: { at: Date; resolve: () => void }[] = [];

  constructor(
    public time: Date,
    readonly end: Date,
    readonly ended: AbortController,
  ) {}

  now(): Date {
    return this.time;
  }

  until(at: Date, signal: AbortSignal): Promise<void> {
    if (signal.aborted || at <= this.time) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#waiters.push({ at, resolve: done });
      signal.addEventListener('abort', done, { once: true });
      setImmediate(() => this.#advance());
    });
  }

  #advance(): void {
    this.#waiters.sort((a, b) => a.at.getTime() - b.at.getTime());
    const next = this.#waiters.shift();
    if (next === undefined) return;
    if (next.at > this.end) {
      this.time = this.end;
      this.ended.abort();
      return;
    }
    if (next.at > this.time) this.time = next.at;
    next.resolve();
  }
}
