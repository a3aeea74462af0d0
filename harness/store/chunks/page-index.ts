import { hashBytes } from './layout.js';

const firstCapacity = 2 ** 14;
const entryBytes = hashBytes + 8;

/**
 * Where a page lies that is in the store already: a hash table in flat memory, 52 bytes a page, up to a fixed number of
 * pages. When it is full, further pages are not entered: then less is found twice, and nothing is wrong.
 */
export class PageIndex {
  #capacity = firstCapacity;
  /** Entry number + 1, at the slot that the hash chooses. */
  #slots = new Int32Array(firstCapacity * 2);
  #entries = Buffer.alloc(firstCapacity * entryBytes);
  #size = 0;

  constructor(readonly maxPages: number) {}

  get isFull(): boolean {
    return this.#size >= this.maxPages;
  }

  /** @returns pack number and page number packed as pack × 2^32 + page; -1 when it is not known */
  find(hashes: Uint8Array, at: number): number {
    const slot = this.#slotOf(hashes, at);
    const entry = this.#slots[slot] ?? 0;
    if (entry === 0) return -1;
    const base = (entry - 1) * entryBytes + hashBytes;
    return this.#entries.readUInt32LE(base) * 2 ** 32 + this.#entries.readUInt32LE(base + 4);
  }

  add(hashes: Uint8Array, at: number, pack: number, page: number): void {
    if (this.isFull) return;
    if (this.#size === this.#capacity) this.#grow();
    const slot = this.#slotOf(hashes, at);
    if (this.#slots[slot] !== 0) return;
    const base = this.#size * entryBytes;
    this.#entries.set(hashes.subarray(at, at + hashBytes), base);
    this.#entries.writeUInt32LE(pack, base + hashBytes);
    this.#entries.writeUInt32LE(page, base + hashBytes + 4);
    this.#slots[slot] = ++this.#size;
  }

  /** The hash is as good as random, its first bytes choose the slot. */
  #slotOf(hashes: Uint8Array, at: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot =
      ((hashes[at] ?? 0) |
        ((hashes[at + 1] ?? 0) << 8) |
        ((hashes[at + 2] ?? 0) << 16) |
        ((hashes[at + 3] ?? 0) << 24)) &
      mask;
    for (;;) {
      const entry = slots[slot] ?? 0;
      if (entry === 0 || this.#isAt((entry - 1) * entryBytes, hashes, at)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #isAt(base: number, hashes: Uint8Array, at: number): boolean {
    for (let i = 0; i < hashBytes; i++) if (this.#entries[base + i] !== hashes[at + i]) return false;
    return true;
  }

  #grow(): void {
    this.#capacity *= 2;
    const entries = Buffer.alloc(this.#capacity * entryBytes);
    this.#entries.copy(entries);
    this.#entries = entries;
    this.#slots = new Int32Array(this.#capacity * 2);
    for (let n = 0; n < this.#size; n++) this.#slots[this.#slotOf(entries, n * entryBytes)] = n + 1;
  }
}
