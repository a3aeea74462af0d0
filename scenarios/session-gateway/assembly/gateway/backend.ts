import { View, viewOf } from '../lib/bytes';
import * as host from '../lib/ordeal';
import { randomBelow } from '../lib/reactor';

/** An answer that is known, but not due yet. */
class Held {
  constructor(
    readonly due: f64,
    readonly to: i32,
    readonly question: u32,
    readonly status: i32,
    private readonly bytes: ArrayBuffer,
  ) {}

  get body(): View {
    return viewOf(this.bytes);
  }
}

/** What a worker asks besides the stores, such as a subscriber database of another site: it takes its time. */
export class Backend {
  private readonly waiting: Held[] = [];

  /** @param fromMs and toMs: how long it takes, each time as likely */
  constructor(
    private readonly fromMs: f64,
    private readonly toMs: f64,
    private readonly timer: i32,
  ) {}

  /** @returns false when there is no backend: the answer goes out at once */
  hold(to: i32, question: u32, status: i32, body: View): bool {
    if (this.toMs <= 0) return false;
    const tookMs = this.fromMs + (this.toMs - this.fromMs) * (<f64>randomBelow(1024) / 1024);
    this.waiting.push(new Held(host.monotonic() + tookMs, to, question, status, body.copy()));
    this.wake();
    return true;
  }

  /** @returns the next answer that is due, or null */
  take(): Held | null {
    const next = this.earliest();
    if (next < 0) return null;
    if (this.waiting[next].due <= host.monotonic()) return this.waiting.splice(next, 1)[0];
    this.wake();
    return null;
  }

  private wake(): void {
    const wait = this.waiting[this.earliest()].due - host.monotonic();
    host.timer_set(this.timer, wait > 0 ? wait : 0);
  }

  private earliest(): i32 {
    let found = -1;
    for (let i = 0; i < this.waiting.length; i++)
      if (found < 0 || this.waiting[i].due < this.waiting[found].due) found = i;
    return found;
  }
}
