import * as crypto from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { asError, OrdealError, reasonOf } from '../../util/errors.js';
import { decompressBlock } from './codec.js';
import { blockBytes, hashBytes, pageBytes } from './layout.js';
import {
  type BlockRead,
  type SegmentViews,
  segmentViews,
  type WorkerAnswer,
  type WorkerRequest,
} from './worker-protocol.js';

const zeroPage = Buffer.alloc(pageBytes);
const cachedBlocks = 64;
const openFiles = 32;

const hashOf = (page: Uint8Array): Uint8Array => crypto.hash('sha256', page, 'buffer');

function hashPages({ data, hashes, zeros }: SegmentViews, pages: number): void {
  for (let n = 0; n < pages; n++) {
    const page = data.subarray(n * pageBytes, (n + 1) * pageBytes);
    const isZero = page[0] === 0 && page[pageBytes - 1] === 0 && zeroPage.equals(page);
    zeros[n] = isZero ? 1 : 0;
    if (!isZero) hashes.set(hashOf(page), n * hashBytes);
  }
}

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

  delete(prefix: string): void {
    for (const [key, found] of this.#items) {
      if (!key.startsWith(prefix)) continue;
      this.#items.delete(key);
      this.drop(found);
    }
  }
}

/**
 * Of one reader each: a later one reads the disk anew, so that damage shows, and files that are gone are let go. Files
 * are used at once when they are asked for, so that none is closed in use.
 */
const blocks = new Cache<Promise<Buffer>>(cachedBlocks);
const files = new Cache<number>(openFiles, closeSync);

function blockOf(reader: number, read: BlockRead): Promise<Buffer> {
  const key = `${reader}:${read.path}:${read.offset}`;
  return blocks.get(key) ?? blocks.set(key, readBlock(`${reader}:`, read));
}

async function readBlock(reader: string, { path, offset, length, codec, pages }: BlockRead): Promise<Buffer> {
  const key = `${reader}${path}`;
  const file = files.get(key) ?? files.set(key, openSync(path, 'r'));
  const data = Buffer.allocUnsafe(length);
  for (let done = 0; done < length; ) {
    const count = readSync(file, data, done, length - done, offset + done);
    if (count === 0) throw new Error(`it is cut off at ${offset + done} bytes`);
    done += count;
  }
  const block = await decompressBlock(codec, data, blockBytes);
  if (block.length !== pages * pageBytes) throw new Error(`a block of ${block.length} bytes where ${pages} pages were`);
  return block;
}

async function copyPages(reader: number, read: BlockRead, { data, hashes }: SegmentViews): Promise<void> {
  const block = await blockOf(reader, read);
  const { copies } = read;
  for (let i = 0; i < copies.length; i += 3) {
    const [from = 0, to = 0, count = 0] = copies.slice(i, i + 3);
    for (let n = 0; n < count; n++) {
      const page = block.subarray((from + n) * pageBytes, (from + n + 1) * pageBytes);
      const expected = hashes.subarray((to + n) * hashBytes, (to + n + 1) * hashBytes);
      if (!Buffer.from(expected.buffer, expected.byteOffset, hashBytes).equals(hashOf(page))) {
        throw new Error(`a page at ${read.offset} bytes has another hash`);
      }
      data.set(page, (to + n) * pageBytes);
    }
  }
}

/** Read twice before it is called damaged: what came wrong from the disk once may come right. */
async function fill(reader: number, read: BlockRead, views: SegmentViews): Promise<void> {
  try {
    await copyPages(reader, read, views);
  } catch {
    blocks.delete(`${reader}:${read.path}:${read.offset}`);
    files.delete(`${reader}:${read.path}`);
    try {
      await copyPages(reader, read, views);
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
}

async function answer(request: Exclude<WorkerRequest, { task: 'forget' }>): Promise<WorkerAnswer> {
  const views = segmentViews(request.shared, request.segment);
  try {
    if (request.task === 'hash') hashPages(views, request.pages);
    else for (const read of request.reads) await fill(request.reader, read, views);
    return { request: request.request };
  } catch (e) {
    const error = asError(e);
    return {
      request: request.request,
      error: error instanceof OrdealError ? error.toJSON() : { message: error.message },
    };
  }
}

parentPort?.on('message', async (request: WorkerRequest) => {
  if (request.task !== 'forget') {
    parentPort?.postMessage(await answer(request));
    return;
  }
  blocks.delete(`${request.reader}:`);
  files.delete(`${request.reader}:`);
});
