import * as crypto from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { OrdealError, reasonOf } from '../../util/errors.js';
import { decompressBlock } from './codec.js';
import { blockBytes, hashBytes, pageBytes } from './layout.js';
import type { BlockRead, SegmentPlan } from './worker-protocol.js';

/** 4 MiB, and room for the blocks of many packs that the pages of a few segments are scattered over. */
const cachedBlocks = 32;
const openFiles = 32;

/** The least recently used leave first. */
class Cache<T> {
  readonly #items = new Map<string, T>();

  constructor(
    readonly limit: number,
    readonly drop: (it: T) => void = () => {},
  ) {}

  get(key: string): T | undefined {
    const found = this.#items.get(key);
    if (found !== undefined) {
      this.#items.delete(key);
      this.#items.set(key, found);
    }
    return found;
  }

  set(key: string, value: T): T {
    this.#items.set(key, value);
    const [oldest] = this.#items;
    if (this.#items.size > this.limit && oldest !== undefined) {
      this.#items.delete(oldest[0]);
      this.drop(oldest[1]);
    }
    return value;
  }

  delete(key: string): void {
    const found = this.#items.get(key);
    if (found === undefined) return;
    this.#items.delete(key);
    this.drop(found);
  }

  clear(): void {
    for (const it of this.#items.values()) this.drop(it);
    this.#items.clear();
  }
}

/**
 * Of one job: a later one reads the disk anew, so that damage shows, and files that are gone are let go. Files are used
 * at once when they are asked for, so that none is closed in use.
 */
export class BlockReader {
  readonly #blocks = new Cache<Buffer>(cachedBlocks);
  readonly #packed = Buffer.alloc(blockBytes);
  readonly #files = new Cache<number>(openFiles, closeSync);

  file(path: string, flags: 'r' | 'r+'): number {
    return this.#files.get(path) ?? this.#files.set(path, openSync(path, flags));
  }

  /**
   * @param hashes of the segment's pages: each is checked; absent: the blocks are checked, as they lie in the pack
   * @param covered gets a 1 for each page that was read; the others are not touched
   * @throws OrdealError of kind snapshot-corrupt, naming the file
   */
  fill(plan: SegmentPlan, data: Uint8Array, covered: Uint8Array, hashes?: Uint8Array): void {
    for (const read of plan.reads) {
      try {
        copyPages(read, this.#block(read), data, covered, hashes);
      } catch (e) {
        if (e instanceof OrdealError) throw e;
        this.#again(read, data, covered, hashes);
      }
    }
  }

  /** Read twice before it is called damaged: what came wrong from the disk once may come right. */
  #again(read: BlockRead, data: Uint8Array, covered: Uint8Array, hashes?: Uint8Array): void {
    this.#blocks.delete(keyOf(read));
    this.#files.delete(read.path);
    try {
      copyPages(read, this.#block(read), data, covered, hashes);
    } catch (e) {
      if (e instanceof OrdealError) throw e;
      throw new OrdealError('snapshot-corrupt', 'The pack is damaged', {
        where: read.path,
        got: reasonOf(e),
        remedy:
          'The snapshots that use it cannot be restored from here; take them from a package or a copy of the store.',
      });
    }
  }

  #block(read: BlockRead): Buffer {
    const key = keyOf(read);
    return this.#blocks.get(key) ?? this.#blocks.set(key, this.#readBlock(read));
  }

  #readBlock({ path, offset, length, codec, checksum, pages }: BlockRead): Buffer {
    const file = this.file(path, 'r');
    if (length > blockBytes) throw new Error(`the index claims a block of ${length} bytes`);
    const data = this.#packed.subarray(0, length);
    readFully(file, data, offset);
    if (!crypto.hash('sha256', data, 'buffer').equals(checksum)) {
      throw new Error(`the block at ${offset} bytes has another checksum`);
    }
    const block = decompressBlock(codec, data, blockBytes);
    if (block.length !== pages * pageBytes)
      throw new Error(`a block of ${block.length} bytes where ${pages} pages were`);
    return block === data ? Buffer.from(block) : block;
  }

  close(): void {
    this.#blocks.clear();
    this.#files.clear();
  }
}

const keyOf = ({ path, offset }: BlockRead): string => `${path}:${offset}`;

function copyPages(read: BlockRead, block: Buffer, data: Uint8Array, covered: Uint8Array, hashes?: Uint8Array): void {
  const { copies } = read;
  for (let i = 0; i < copies.length; i += 3) {
    const from = copies[i] ?? 0;
    const to = copies[i + 1] ?? 0;
    const count = copies[i + 2] ?? 0;
    const pages = block.subarray(from * pageBytes, (from + count) * pageBytes);
    for (let n = 0; hashes !== undefined && n < count; n++) {
      const found = crypto.hash('sha256', pages.subarray(n * pageBytes, (n + 1) * pageBytes), 'buffer');
      if (!found.equals(hashes.subarray((to + n) * hashBytes, (to + n + 1) * hashBytes))) {
        throw new Error(`a page at ${read.offset} bytes has another hash`);
      }
    }
    data.set(pages, to * pageBytes);
    covered.fill(1, to, to + count);
  }
}

/** @throws Error when the file ends before */
export function readFully(file: number, into: Uint8Array, offset: number): void {
  for (let done = 0; done < into.length; ) {
    const count = readSync(file, into, done, into.length - done, offset + done);
    if (count === 0) throw new Error(`it is cut off at ${offset + done} bytes`);
    done += count;
  }
}
