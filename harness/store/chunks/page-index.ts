import { hashBytes } from './layout.js';

const firstCapacity = 2 ** 14;
const hashWords = hashBytes / 4;
const entryWords = hashWords + 2;

/**
 * Where a page lies that is in the store already: a hash table in flat memory, 48 to 96 bytes a page, up to a fixed
 * number of pages. When it is full, further pages are not entered: then less is found twice, and nothing is wrong.
 */
export class PageIndex {
  #capacity = firstCapacity;
  /** Entry number + 1, at the slot that the hash chooses. */
  #slots = new Int32Array(firstCapacity * 2);
  /** The hash, the pack's number, the page's number. */
  #entries = new Int32Array(firstCapacity * entryWords);
  #size = 0;

  constructor(readonly maxPages: number) {}

  get isFull(): boolean {
    return this.#size >= this.maxPages;
  }

  /** @param hashes of many pages @param page which of them @returns an entry for `packOf` and `pageOf`; -1 when it is not known */
  find(hashes: Int32Array, page: number): number {
    return (this.#slots[this.#slotOf(hashes, page * hashWords)] ?? 0) - 1;
  }

  packOf(entry: number): number {
    return this.#entries[entry * entryWords + hashWords] ?? -1;
  }

  pageOf(entry: number): number {
    return this.#entries[entry * entryWords + hashWords + 1] ?? 0;
  }

  add(hashes: Int32Array, page: number, pack: number, pageInPack: number): void {
    if (this.isFull) return;
    if (this.#size === this.#capacity) this.#grow();
    const at = page * hashWords;
    const slot = this.#slotOf(hashes, at);
    if (this.#slots[slot] !== 0) return;
    const base = this.#size * entryWords;
    for (let i = 0; i < hashWords; i++) this.#entries[base + i] = hashes[at + i] ?? 0;
    this.#entries[base + hashWords] = pack;
    this.#entries[base + hashWords + 1] = pageInPack;
    this.#slots[slot] = ++this.#size;
  }

  /** The hash is as good as random: its first word chooses the slot. */
  #slotOf(hashes: Int32Array, at: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = (hashes[at] ?? 0) & mask;
    for (;;) {
      const entry = slots[slot] ?? 0;
      if (entry === 0 || this.#isAt((entry - 1) * entryWords, hashes, at)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #isAt(base: number, hashes: Int32Array, at: number): boolean {
    const entries = this.#entries;
    for (let i = 0; i < hashWords; i++) if (entries[base + i] !== hashes[at + i]) return false;
    return true;
  }

  #grow(): void {
    this.#capacity *= 2;
    const entries = new Int32Array(this.#capacity * entryWords);
    entries.set(this.#entries);
    this.#entries = entries;
    this.#slots = new Int32Array(this.#capacity * 2);
    for (let n = 0; n < this.#size; n++) this.#slots[this.#slotOf(entries, n * entryWords)] = n + 1;
  }
}
