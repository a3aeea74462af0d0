const firstCapacity = 2 ** 14;
/** Of the slots at most this share is taken, so that a search stays short. */
const fullest = 0.75;

/**
 * Where a page may lie that is in the store already: a hash table in flat memory, 11 to 22 bytes a page, up to a fixed
 * number of pages. It keeps 32 bits of each hash: whether it is the page, the pack's own index says. When it is full,
 * further pages are not entered: then less is found twice, and nothing is wrong.
 */
export class PageIndex {
  #tags = new Int32Array(firstCapacity);
  /** Location + 1; 0 is free. */
  #locations = new Int32Array(firstCapacity);
  #size = 0;

  constructor(readonly maxPages: number) {}

  get isFull(): boolean {
    return this.#size >= this.maxPages;
  }

  /**
   * @param tag the first 32 bits of the hash @param isIt whether that is the page
   * @returns its location; -1 when it is not known
   */
  find(tag: number, isIt: (location: number) => boolean): number {
    const mask = this.#tags.length - 1;
    for (let slot = tag & mask; ; slot = (slot + 1) & mask) {
      const location = (this.#locations[slot] ?? 0) - 1;
      if (location < 0 || (this.#tags[slot] === tag && isIt(location))) return location;
    }
  }

  /** Prerequisite: it is not known. @param location below 2^31 - 1 */
  add(tag: number, location: number): void {
    if (this.isFull) return;
    if (this.#size >= this.#tags.length * fullest) this.#grow();
    this.#enter(tag, location + 1);
    this.#size++;
  }

  #enter(tag: number, entry: number): void {
    const mask = this.#tags.length - 1;
    let slot = tag & mask;
    while (this.#locations[slot] !== 0) slot = (slot + 1) & mask;
    this.#tags[slot] = tag;
    this.#locations[slot] = entry;
  }

  #grow(): void {
    const tags = this.#tags;
    const locations = this.#locations;
    this.#tags = new Int32Array(tags.length * 2);
    this.#locations = new Int32Array(tags.length * 2);
    for (let slot = 0; slot < tags.length; slot++) {
      const entry = locations[slot] ?? 0;
      if (entry !== 0) this.#enter(tags[slot] ?? 0, entry);
    }
  }
}
