/** How long room for a copy is kept for the next snapshot. */
const keepMs = 30_000;
/** How soon after memory was given up it is collected. */
const collectMs = 1000;

/**
 * Room for the copies of memories, used again. Shared memory is invisible to the garbage collector's sense of
 * pressure: without this, and without asking it to collect, a host that takes many snapshots would grow and grow.
 */
export class Rooms {
  #free: SharedArrayBuffer[] = [];
  #keep: NodeJS.Timeout | undefined;
  #collect: NodeJS.Timeout | undefined;

  /** @param collectElsewhere asks the other threads, which may have seen what was given up, to collect as well */
  constructor(readonly collectElsewhere: () => void) {}

  /** The smallest that fits, and is not far too large. */
  take(bytes: number): SharedArrayBuffer | undefined {
    let best = -1;
    this.#free.forEach((room, i) => {
      const smallest = this.#free[best]?.byteLength ?? Number.POSITIVE_INFINITY;
      if (room.byteLength >= bytes && room.byteLength <= bytes * 2 && room.byteLength < smallest) best = i;
    });
    return best < 0 ? undefined : this.#free.splice(best, 1)[0];
  }

  giveBack(room: SharedArrayBuffer): void {
    if (!this.#free.includes(room)) this.#free.push(room);
    clearTimeout(this.#keep);
    this.#keep = setTimeout(() => {
      this.#free = [];
      this.collectSoon();
    }, keepMs);
  }

  /** Something large was given up. */
  collectSoon(): void {
    this.#collect ??= setTimeout(() => {
      this.#collect = undefined;
      this.collectElsewhere();
      collectGarbage();
    }, collectMs);
  }

  close(): void {
    clearTimeout(this.#keep);
    clearTimeout(this.#collect);
    this.#free = [];
  }
}

/** The host is started with --expose-gc, which holds for all of its threads. */
export function collectGarbage(): void {
  globalThis.gc?.();
}
