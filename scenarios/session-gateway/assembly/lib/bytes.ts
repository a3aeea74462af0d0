/** Bytes in and out of linear memory, little endian. */

/** Where some bytes lie. It does not own them. */
export class View {
  constructor(
    readonly at: usize,
    readonly length: i32,
  ) {}

  equals(text: string): bool {
    if (text.length != this.length) return false;
    for (let i = 0; i < this.length; i++) {
      if (<i32>load<u8>(this.at + i) != text.charCodeAt(i)) return false;
    }
    return true;
  }

  startsWith(text: string): bool {
    return this.length >= text.length && this.slice(0, text.length).equals(text);
  }

  slice(from: i32, to: i32 = this.length): View {
    return new View(this.at + from, to - from);
  }

  /** @returns -1 when it does not occur */
  indexOf(byte: u8, from: i32 = 0): i32 {
    for (let i = from; i < this.length; i++) if (load<u8>(this.at + i) == byte) return i;
    return -1;
  }

  copy(): ArrayBuffer {
    const bytes = new ArrayBuffer(this.length);
    memory.copy(changetype<usize>(bytes), this.at, this.length);
    return bytes;
  }
}

export function viewOf(bytes: ArrayBuffer): View {
  return new View(changetype<usize>(bytes), bytes.byteLength);
}

/** Reading past the end gives zeros and marks the reader as failed; ask once, at the end. */
export class Reader {
  failed: bool = false;

  constructor(
    private cursor: usize = 0,
    private end: usize = 0,
  ) {}

  u8(): u8 {
    const at = this.take(1);
    return at == 0 ? 0 : load<u8>(at);
  }
  u16(): u16 {
    const at = this.take(2);
    return at == 0 ? 0 : load<u16>(at);
  }
  u32(): u32 {
    const at = this.take(4);
    return at == 0 ? 0 : load<u32>(at);
  }
  u64(): u64 {
    const at = this.take(8);
    return at == 0 ? 0 : load<u64>(at);
  }
  f64(): f64 {
    const at = this.take(8);
    return at == 0 ? 0 : load<f64>(at);
  }
  raw(length: i32): View {
    const at = this.take(length);
    return new View(at, at == 0 ? 0 : length);
  }
  /** With its length before it, as `Writer.sized` writes it. */
  sized(): View {
    return this.raw(<i32>this.u16());
  }
  text(): string {
    const bytes = this.sized();
    return String.UTF8.decodeUnsafe(bytes.at, bytes.length);
  }
  rest(): View {
    return this.raw(<i32>(this.end - this.cursor));
  }

  private take(length: i32): usize {
    if (this.failed || <usize>length > this.end - this.cursor) {
      this.failed = true;
      return 0;
    }
    const at = this.cursor;
    this.cursor += length;
    return at;
  }
}

/** Grows as it is written to; made to be used again and again. */
export class Writer {
  at: usize;
  length: i32 = 0;
  private capacity: i32;

  constructor(capacity: i32 = 1024) {
    this.capacity = capacity;
    this.at = heap.alloc(capacity);
  }

  clear(): this {
    this.length = 0;
    return this;
  }
  u8(value: u8): this {
    store<u8>(this.reserve(1), value);
    return this;
  }
  u16(value: u16): this {
    store<u16>(this.reserve(2), value);
    return this;
  }
  u32(value: u32): this {
    store<u32>(this.reserve(4), value);
    return this;
  }
  u64(value: u64): this {
    store<u64>(this.reserve(8), value);
    return this;
  }
  f64(value: f64): this {
    store<f64>(this.reserve(8), value);
    return this;
  }
  raw(from: usize, length: i32): this {
    memory.copy(this.reserve(length), from, length);
    return this;
  }
  view(bytes: View): this {
    return this.raw(bytes.at, bytes.length);
  }
  sized(bytes: View): this {
    return this.u16(<u16>bytes.length).view(bytes);
  }
  text(value: string): this {
    return this.sized(viewOf(String.UTF8.encode(value)));
  }
  /** The text alone, without its length. */
  plain(value: string): this {
    return this.view(viewOf(String.UTF8.encode(value)));
  }
  copy(): ArrayBuffer {
    return new View(this.at, this.length).copy();
  }

  private reserve(length: i32): usize {
    const needed = this.length + length;
    if (needed > this.capacity) {
      this.capacity = max(needed, 2 * this.capacity);
      this.at = heap.realloc(this.at, this.capacity);
    }
    const at = this.at + this.length;
    this.length = needed;
    return at;
  }
}

const crcTable: StaticArray<u32> = makeCrcTable();

function makeCrcTable(): StaticArray<u32> {
  const table = new StaticArray<u32>(256);
  for (let n: u32 = 0; n < 256; n++) {
    let c = n;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
    table[n] = c;
  }
  return table;
}

/** CRC-32 as in ISO 3309, ZIP and Ethernet. */
export function crc32(at: usize, length: i32): u32 {
  const table = crcTable;
  let c: u32 = 0xffffffff;
  for (let i = 0; i < length; i++) c = unchecked(table[(c ^ load<u8>(at + i)) & 0xff]) ^ (c >>> 8);
  return ~c;
}
