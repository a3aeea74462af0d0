import { monotonicMs } from '../../util/monotonic.js';
import { MinHeap } from './min-heap.js';

interface Entry {
  readonly due: number;
  readonly order: number;
  readonly run: () => void;
}

/** Runs things at their time, never early; what is due at the same time runs in the order in which it was put in. */
export class DelayQueue {
  readonly #heap = new MinHeap<Entry>((a, b) => a.due - b.due || a.order - b.order);
  #order = 0;
  #timer: NodeJS.Timeout | undefined;
  #timerDue = Number.POSITIVE_INFINITY;

  get size(): number {
    return this.#heap.size;
  }

  /** @param due on the monotonic clock */
  at(due: number, run: () => void): void {
    this.#heap.push({ due, order: this.#order++, run });
    this.#arm();
  }

  /** Runs everything that waits, now, in order. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timerDue = Number.POSITIVE_INFINITY;
    for (let entry = this.#heap.pop(); entry !== undefined; entry = this.#heap.pop()) entry.run();
  }

  #arm(): void {
    const next = this.#heap.peek();
    if (next === undefined || next.due >= this.#timerDue) return;
    clearTimeout(this.#timer);
    this.#timerDue = next.due;
    this.#timer = setTimeout(() => this.#run(), Math.max(0, Math.ceil(next.due - monotonicMs())));
  }

  #run(): void {
    this.#timerDue = Number.POSITIVE_INFINITY;
    for (let next = this.#heap.peek(); next !== undefined && next.due <= monotonicMs(); next = this.#heap.peek()) {
      this.#heap.pop();
      next.run();
    }
    this.#arm();
  }
}
