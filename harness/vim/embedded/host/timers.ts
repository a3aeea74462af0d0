import { MinHeap } from '../../link/min-heap.js';

interface Entry {
  readonly id: number;
  readonly due: number;
  readonly version: number;
}

/** The one-shot timers of a VNFC, on its own monotonic clock. */
export class Timers {
  readonly #heap = new MinHeap<Entry>((a, b) => a.due - b.due || a.version - b.version);
  readonly #current = new Map<number, Entry>();
  #version = 0;

  set(id: number, due: number): void {
    const entry = { id, due, version: this.#version++ };
    this.#current.set(id, entry);
    this.#heap.push(entry);
  }

  cancel(id: number): void {
    this.#current.delete(id);
  }

  /** When the next one is due; undefined when there is none. */
  get nextDue(): number | undefined {
    return this.#first()?.due;
  }

  /** Takes the next one out when it is due. */
  takeDue(now: number): number | undefined {
    const first = this.#first();
    if (first === undefined || first.due > now) return undefined;
    this.#heap.pop();
    this.#current.delete(first.id);
    return first.id;
  }

  /** In the order in which they will run. */
  pending(now: number): { id: number; leftMs: number }[] {
    return [...this.#current.values()]
      .sort((a, b) => a.due - b.due || a.version - b.version)
      .map(({ id, due }) => ({ id, leftMs: Math.max(0, due - now) }));
  }

  #first(): Entry | undefined {
    for (let first = this.#heap.peek(); first !== undefined; first = this.#heap.peek()) {
      if (this.#current.get(first.id) === first) return first;
      this.#heap.pop();
    }
    return undefined;
  }
}
