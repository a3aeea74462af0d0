import type { FileCursor } from './file-cursor.js';

/**
 * QEMU's migration stream as far as the guest's RAM goes (docs/devel/migration.rst, migration/savevm.c and ram.c of QEMU
 * 2.8 to 9): a section of RAM is started, goes on in parts, and ends; the state of the devices follows.
 */
export const pageBytes = 4096;
const MAGIC = 0x5145564d;
const VERSION = 3;
const Section = { start: 1, part: 2, end: 3, configuration: 7, footer: 0x7e } as const;
const Flag = { zero: 2, memorySize: 4, page: 8, endOfSection: 0x10, sameBlock: 0x20 } as const;

/** Something that is not read here: compression, several channels, a later version. */
export class UnknownStream extends Error {
  override readonly name = 'UnknownStream';
}

export interface RamBlock {
  readonly name: string;
  readonly sizeBytes: number;
  /** In an image that holds all blocks one after the other. */
  readonly offset: number;
}

export interface RamSetup {
  readonly section: number;
  readonly blocks: readonly RamBlock[];
  readonly sizeBytes: number;
}

/** Of a page with its header and the name of its block; the setup is read in steps of it too. */
const AHEAD_BYTES = 2 * pageBytes;

export class RamStream {
  constructor(readonly cursor: FileCursor) {}

  /** From the beginning of the stream to the end of the section that lists the blocks. */
  async setup(): Promise<RamSetup> {
    await this.cursor.fill(AHEAD_BYTES);
    if (this.#u32() !== MAGIC) throw new UnknownStream('it does not begin as a migration stream');
    if (this.#u32() !== VERSION) throw new UnknownStream('its version is another one');
    let type = this.#u8();
    if (type === Section.configuration) {
      this.#bytes(this.#u32());
      type = this.#u8();
    }
    if (type !== Section.start) throw new UnknownStream(`it begins with a section of type ${type}`);
    const section = this.#u32();
    const name = this.#name();
    // Instance and version of the section.
    this.#bytes(8);
    if (name !== 'ram') throw new UnknownStream(`its first section is "${name}"`);
    const { address: sizeBytes, flags } = this.#record();
    if (flags !== Flag.memorySize) throw new UnknownStream('it does not begin with the size of the memory');
    const blocks: RamBlock[] = [];
    for (let offset = 0; offset < sizeBytes; ) {
      await this.cursor.fill(AHEAD_BYTES);
      const block = { name: this.#name(), sizeBytes: this.#u64(), offset };
      if (block.sizeBytes === 0 || block.sizeBytes % pageBytes !== 0) throw new UnknownStream('a block has no pages');
      blocks.push(block);
      offset += block.sizeBytes;
    }
    await this.cursor.fill(AHEAD_BYTES);
    if (this.#record().flags !== Flag.endOfSection) throw new UnknownStream('its setup does not end');
    this.#footer(section);
    return { section, blocks, sizeBytes };
  }

  /**
   * Each page in the order of the stream; the last one of an address counts.
   * @param take is given no data for a page of zeros; the data is valid until it answers
   */
  async pages(setup: RamSetup, take: (offset: number, data?: Buffer) => Promise<void> | undefined): Promise<void> {
    const byName = new Map(setup.blocks.map((b) => [b.name, b]));
    let block: RamBlock | undefined;
    for (let type = 0; type !== Section.end; ) {
      await this.cursor.fill(AHEAD_BYTES);
      type = this.#u8();
      if (type !== Section.part && type !== Section.end) throw new UnknownStream(`RAM has a section of type ${type}`);
      if (this.#u32() !== setup.section) throw new UnknownStream('something else is among RAM');
      for (;;) {
        if (this.cursor.ready < AHEAD_BYTES) await this.cursor.fill(AHEAD_BYTES);
        const { address, flags } = this.#record();
        if (flags === Flag.endOfSection) break;
        const kind = flags & ~Flag.sameBlock;
        if (kind !== Flag.page && kind !== Flag.zero) throw new UnknownStream(`a page has the flags ${flags}`);
        if ((flags & Flag.sameBlock) === 0) block = byName.get(this.#name());
        if (block === undefined || address >= block.sizeBytes) throw new UnknownStream('a page is in no block');
        const data = kind === Flag.page ? this.#bytes(pageBytes) : undefined;
        if (data === undefined && this.#u8() !== 0) throw new UnknownStream('a page is filled with something');
        const taken = take(block.offset + address, data);
        if (taken !== undefined) await taken;
      }
      this.#footer(setup.section);
    }
  }

  /** An address of a page, and what follows. */
  #record(): { address: number; flags: number } {
    const word = this.#u64();
    const flags = word % pageBytes;
    return { address: word - flags, flags };
  }

  #footer(section: number): void {
    if (this.#u8() !== Section.footer || this.#u32() !== section) throw new UnknownStream('a section has no footer');
  }

  #name(): string {
    return this.#bytes(this.#u8()).toString('latin1');
  }

  #u8(): number {
    return this.#bytes(1).readUInt8();
  }

  #u32(): number {
    return this.#bytes(4).readUInt32BE();
  }

  #u64(): number {
    const value = this.#bytes(8).readBigUInt64BE();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new UnknownStream('an address is too large');
    return Number(value);
  }

  #bytes(count: number): Buffer {
    const found = this.cursor.take(count);
    if (found === undefined) throw new UnknownStream('it ends in the middle');
    return found;
  }
}

/** Writes all of the RAM as the one section that ends it: QEMU takes pages in any number of parts. */
export class RamSection {
  readonly #section: number;
  #block: RamBlock | undefined;

  constructor(readonly setup: RamSetup) {
    this.#section = setup.section;
  }

  get head(): Buffer {
    const head = Buffer.alloc(5);
    head.writeUInt8(Section.end, 0);
    head.writeUInt32BE(this.#section, 1);
    return head;
  }

  /** What goes before a page. @param offset in the image of all blocks */
  page(offset: number, isZero: boolean): Buffer {
    const block = this.#blockAt(offset);
    const isSame = block === this.#block;
    this.#block = block;
    const name = Buffer.from(isSame ? '' : block.name, 'latin1');
    const record = Buffer.alloc(8 + (isSame ? 0 : 1 + name.length) + (isZero ? 1 : 0));
    const flags = (isZero ? Flag.zero : Flag.page) | (isSame ? Flag.sameBlock : 0);
    record.writeBigUInt64BE(BigInt(offset - block.offset + flags), 0);
    if (!isSame) {
      record.writeUInt8(name.length, 8);
      name.copy(record, 9);
    }
    return record;
  }

  get foot(): Buffer {
    const foot = Buffer.alloc(13);
    foot.writeBigUInt64BE(BigInt(Flag.endOfSection), 0);
    foot.writeUInt8(Section.footer, 8);
    foot.writeUInt32BE(this.#section, 9);
    return foot;
  }

  #blockAt(offset: number): RamBlock {
    const at = this.#block;
    if (at !== undefined && offset >= at.offset && offset < at.offset + at.sizeBytes) return at;
    const found = this.setup.blocks.find((b) => offset >= b.offset && offset < b.offset + b.sizeBytes);
    if (found === undefined) throw new UnknownStream('a page is in no block');
    return found;
  }
}
