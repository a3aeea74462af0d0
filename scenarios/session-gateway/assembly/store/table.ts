import { crc32, Reader, View, Writer } from '../lib/bytes';
import { longestId, longestState } from '../lib/messages';

/**
 * The sessions: fixed slots in one block of memory, found through a hash index with linear probing. A slot looks the
 * same in memory, on the disk and in a record to the standby:
 *
 *     0  checksum of the rest (u32)      16  hits (u32)           64  state (128 bytes)
 *     4  length of the id (u8)           20  reserved (u32)
 *     5  length of the state (u8)        24  id (40 bytes)
 *     6  1 live, 0 deleted (u16)
 *     8  number of its record (u64)
 */
export const slotLength: i32 = 192;
const idAt: usize = 24;
const stateAt: usize = 64;

export class Slot {
  constructor(readonly at: usize) {}

  get live(): bool {
    return load<u16>(this.at, 6) == 1;
  }
  get sequence(): u64 {
    return load<u64>(this.at, 8);
  }
  get hits(): u32 {
    return load<u32>(this.at, 16);
  }
  get id(): View {
    return new View(this.at + idAt, min(<i32>load<u8>(this.at, 4), longestId));
  }
  get state(): View {
    return new View(this.at + stateAt, min(<i32>load<u8>(this.at, 5), longestState));
  }
  get intact(): bool {
    return load<u32>(this.at) == crc32(this.at + 4, slotLength - 4);
  }

  fill(id: View, state: View, hits: u32, sequence: u64): void {
    memory.fill(this.at, 0, slotLength);
    store<u8>(this.at, <u8>id.length, 4);
    store<u8>(this.at, <u8>state.length, 5);
    store<u32>(this.at, hits, 16);
    memory.copy(this.at + idAt, id.at, id.length);
    memory.copy(this.at + stateAt, state.at, state.length);
    this.seal(true, sequence);
  }

  hit(sequence: u64): u32 {
    store<u32>(this.at, this.hits + 1, 16);
    this.seal(true, sequence);
    return this.hits;
  }

  seal(live: bool, sequence: u64): void {
    store<u16>(this.at, live ? 1 : 0, 6);
    store<u64>(this.at, sequence, 8);
    store<u32>(this.at, crc32(this.at + 4, slotLength - 4));
  }
}

export class Table {
  readonly slots: usize;
  size: i32 = 0;
  private readonly index: StaticArray<i32>;
  private readonly mask: u32;
  private readonly free: StaticArray<i32>;
  private freeCount: i32 = 0;

  constructor(readonly capacity: i32) {
    this.slots = heap.alloc(<usize>capacity * slotLength);
    let places = 16;
    while (places < 2 * capacity) places <<= 1;
    this.index = new StaticArray<i32>(places);
    this.mask = <u32>places - 1;
    this.free = new StaticArray<i32>(capacity);
    this.clear();
  }

  get full(): bool {
    return this.freeCount == 0;
  }

  slot(number: i32): Slot {
    return new Slot(this.slots + <usize>number * slotLength);
  }

  /** @returns the number of the slot, or -1 */
  find(id: View): i32 {
    const place = this.placeOf(id);
    return unchecked(this.index[place]) - 1;
  }

  /** Prerequisite: the id is not in the table, and the table is not full. @returns the number of a slot to fill */
  add(id: View): i32 {
    const number = unchecked(this.free[--this.freeCount]);
    unchecked((this.index[this.placeOf(id)] = number + 1));
    this.size++;
    return number;
  }

  /** Takes a slot as another store or the disk holds it. @returns its number, or -1 when there is no room */
  take(record: Slot): i32 {
    let number = this.find(record.id);
    if (number < 0) {
      if (this.full) return -1;
      number = this.add(record.id);
    }
    memory.copy(this.slots + <usize>number * slotLength, record.at, slotLength);
    return number;
  }

  /** The slot keeps its bytes until it is used again. */
  remove(number: i32): void {
    let hole = this.placeOf(this.slot(number).id);
    // Close the gap, so that no probe ends early.
    let place = hole;
    while (true) {
      place = (place + 1) & this.mask;
      const next = unchecked(this.index[place]);
      if (next == 0) break;
      const home = hashOf(this.slot(next - 1).id) & this.mask;
      if (((place - home) & this.mask) < ((place - hole) & this.mask)) continue;
      unchecked((this.index[hole] = next));
      hole = place;
    }
    unchecked((this.index[hole] = 0));
    unchecked((this.free[this.freeCount++] = number));
    this.size--;
  }

  clear(): void {
    memory.fill(this.slots, 0, <usize>this.capacity * slotLength);
    this.rebuild();
  }

  /** Finds anew which slots are live, after all of them were written. @returns how many are damaged, and left out */
  rebuild(): i32 {
    memory.fill(changetype<usize>(this.index), 0, (<usize>this.index.length) << 2);
    this.freeCount = 0;
    this.size = 0;
    let damaged = 0;
    for (let number = this.capacity - 1; number >= 0; number--) {
      const slot = this.slot(number);
      if (slot.sequence != 0 && !slot.intact) {
        slot.seal(false, 0);
        damaged++;
      }
      if (!slot.live) {
        this.free[this.freeCount++] = number;
      } else {
        unchecked((this.index[this.placeOf(slot.id)] = number + 1));
        this.size++;
      }
    }
    return damaged;
  }

  /** Writes up to `limit` live slots, from slot `cursor` on. @returns the slot to go on with */
  writeSome(to: Writer, cursor: i32, limit: i32): i32 {
    let written = 0;
    while (cursor < this.capacity && written < limit) {
      const slot = this.slot(cursor++);
      if (!slot.live) continue;
      to.raw(slot.at, slotLength);
      written++;
    }
    return cursor;
  }

  /** @returns false when something was damaged or did not fit */
  takeSome(from: Reader): bool {
    const records = from.rest();
    if (records.length % slotLength != 0) return false;
    let all = true;
    for (let at = 0; at < records.length; at += slotLength) {
      const record = new Slot(records.at + at);
      all = record.intact && record.live && this.take(record) >= 0 && all;
    }
    return all;
  }

  private placeOf(id: View): u32 {
    let place = hashOf(id) & this.mask;
    while (true) {
      const entry = unchecked(this.index[place]);
      if (entry == 0) return place;
      const other = this.slot(entry - 1).id;
      if (other.length == id.length && memory.compare(other.at, id.at, id.length) == 0) return place;
      place = (place + 1) & this.mask;
    }
  }
}

/** FNV-1a, with its high bits folded in. */
function hashOf(id: View): u32 {
  let h: u32 = 0x811c9dc5;
  for (let i = 0; i < id.length; i++) h = (h ^ load<u8>(id.at + i)) * 0x01000193;
  return h ^ (h >>> 15);
}
