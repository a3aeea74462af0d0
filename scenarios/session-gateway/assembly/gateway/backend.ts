import { View, viewOf } from '../lib/bytes';
import * as host from '../lib/ordeal';

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

/** What a worker asks besides the stores, such as a subscriber database of another site: it takes its time, always the same. */
export class Backend {
  /** In the order in which they are due, as all take as long. */
  private waiting: Held[] = [];

  constructor(
    private readonly tookMs: f64,
    private readonly timer: i32,
  ) {}

  /** @returns false when there is no backend: the answer goes out at once */
  hold(to: i32, question: u32, status: i32, body: View): bool {
    if (this.tookMs <= 0) return false;
    if (this.waiting.length == 0) host.timer_set(this.timer, this.tookMs);
    this.waiting.push(new Held(host.monotonic() + this.tookMs, to, question, status, body.copy()));
    return true;
  }

  /** @returns the next answer that is due, or null */
  take(): Held | null {
    if (this.waiting.length == 0) return null;
    if (this.waiting[0].due <= host.monotonic()) return this.waiting.shift();
    host.timer_set(this.timer, this.waiting[0].due - host.monotonic());
    return null;
  }
}
