import { createHash, randomBytes } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { classifyIo } from '../../util/errors.js';
import { hashBytes, packBytes, pageBytes, segmentBytes } from './layout.js';
import { PackWriter } from './pack-file.js';
import type { PageIndex } from './page-index.js';
import { type Recipe, RunBuilder } from './recipe.js';
import type { Segments, WorkerPool } from './worker-pool.js';

/** Bytes as they come, or a file that is read where it lies. */
export type ImageSource = AsyncIterable<Uint8Array> | { readonly file: string };

/** What the store knows of its packs while it writes. */
export interface KnownPacks {
  readonly index: PageIndex;
  readonly names: string[];
}

interface Filled {
  readonly segment: number;
  readonly bytes: number;
  readonly hashed: Promise<void>;
}

const zeroHash = createHash('sha256').update(Buffer.alloc(pageBytes)).digest();

/** Puts one image into the store: pages that are there already are referred to, new ones go into packs. */
export class ImageWriter {
  readonly #segments: Segments;
  readonly #root = createHash('sha256');
  readonly #runs = new RunBuilder();
  readonly #packsUsed = new Map<number, number>();
  readonly #packNames: string[] = [];
  #pack: PackWriter | undefined;
  #packNumber = -1;
  #sizeBytes = 0;
  #pages = 0;
  #addedBytes = 0;

  constructor(
    readonly folder: string,
    pool: WorkerPool,
    readonly known: KnownPacks,
  ) {
    this.#segments = pool.segments();
  }

  /** Everything is durable when it returns, apart from the recipe itself. */
  async write(source: ImageSource): Promise<Omit<Recipe, 'id' | 'createdAt' | 'attributes'>> {
    const queue: Filled[] = [];
    try {
      for await (const filled of this.#fill(source)) {
        queue.push(filled);
        // One segment is kept free, so that the next one can be read while these are being hashed.
        if (queue.length >= this.#segments.count - 1) await this.#takeIn(queue.shift());
      }
      while (queue.length > 0) await this.#takeIn(queue.shift());
      await this.#finishPack();
    } catch (e) {
      await Promise.allSettled(queue.map((q) => q.hashed));
      for (const { segment } of queue) this.#segments.giveBack(segment);
      await this.#pack?.abandon();
      throw e;
    }
    return {
      sizeBytes: this.#sizeBytes,
      pages: this.#pages,
      root: this.#root.digest('hex'),
      addedBytes: this.#addedBytes,
      packs: this.#packNames,
      runs: this.#runs.runs,
    };
  }

  async *#fill(source: ImageSource): AsyncGenerator<Filled> {
    if ('file' in source) yield* this.#fillFromFile(source.file);
    else yield* this.#fillFromStream(source);
  }

  async *#fillFromFile(path: string): AsyncGenerator<Filled> {
    let file: FileHandle;
    try {
      file = await open(path, 'r');
    } catch (e) {
      throw classifyIo(e, path);
    }
    try {
      for (let at = 0; ; ) {
        const segment = this.#segments.borrow();
        const { data } = this.#segments.views(segment);
        let bytes = 0;
        while (bytes < segmentBytes) {
          const { bytesRead } = await file.read(data, bytes, segmentBytes - bytes, at + bytes);
          if (bytesRead === 0) break;
          bytes += bytesRead;
        }
        at += bytes;
        if (bytes === 0) this.#segments.giveBack(segment);
        else yield this.#hash(segment, bytes);
        if (bytes < segmentBytes) return;
      }
    } finally {
      await file.close();
    }
  }

  async *#fillFromStream(source: AsyncIterable<Uint8Array>): AsyncGenerator<Filled> {
    let segment: number | undefined;
    let bytes = 0;
    try {
      for await (const part of source) {
        for (let at = 0; at < part.length; ) {
          segment ??= this.#segments.borrow();
          const count = Math.min(segmentBytes - bytes, part.length - at);
          this.#segments.views(segment).data.set(part.subarray(at, at + count), bytes);
          at += count;
          bytes += count;
          if (bytes < segmentBytes) continue;
          const filled = this.#hash(segment, bytes);
          segment = undefined;
          bytes = 0;
          yield filled;
        }
      }
      if (segment !== undefined && bytes > 0) {
        const filled = this.#hash(segment, bytes);
        segment = undefined;
        yield filled;
      }
    } finally {
      if (segment !== undefined) this.#segments.giveBack(segment);
    }
  }

  /** The last page is filled up with zeros; the size says where it ends. */
  #hash(segment: number, bytes: number): Filled {
    const pages = Math.ceil(bytes / pageBytes);
    this.#segments.views(segment).data.fill(0, bytes, pages * pageBytes);
    const hashed = this.#segments.run(segment, { task: 'hash', pages });
    // It is awaited in its turn; until then a failure is not unhandled.
    hashed.catch(() => undefined);
    return { segment, bytes, hashed };
  }

  async #takeIn(filled: Filled | undefined): Promise<void> {
    if (filled === undefined) return;
    const { segment, bytes, hashed } = filled;
    try {
      await hashed;
      const { data, hashes, zeros } = this.#segments.views(segment);
      const pages = Math.ceil(bytes / pageBytes);
      for (let n = 0; n < pages; n++) {
        if (zeros[n] === 1) {
          hashes.set(zeroHash, n * hashBytes);
          this.#runs.add(-1, 0);
          continue;
        }
        const found = this.known.index.find(hashes, n * hashBytes);
        if (found >= 0) {
          this.#runs.add(this.#localPack(Math.floor(found / 2 ** 32)), found % 2 ** 32);
          continue;
        }
        const hash = hashes.subarray(n * hashBytes, (n + 1) * hashBytes);
        await this.#addPage(data.subarray(n * pageBytes, (n + 1) * pageBytes), hash);
      }
      this.#root.update(hashes.subarray(0, pages * hashBytes));
      this.#pages += pages;
      this.#sizeBytes += bytes;
    } finally {
      this.#segments.giveBack(segment);
    }
  }

  async #addPage(page: Uint8Array, hash: Uint8Array): Promise<void> {
    if (this.#pack !== undefined && this.#pack.bytes >= packBytes) await this.#finishPack();
    if (this.#pack === undefined) {
      const name = randomBytes(12).toString('hex');
      this.#pack = await PackWriter.create(this.folder, name);
      this.#packNumber = this.known.names.push(name) - 1;
    }
    const number = await this.#pack.add(page, hash);
    this.known.index.add(hash, 0, this.#packNumber, number);
    this.#runs.add(this.#localPack(this.#packNumber), number);
  }

  #localPack(number: number): number {
    const known = this.#packsUsed.get(number);
    if (known !== undefined) return known;
    const local = this.#packNames.push(this.known.names[number] ?? '') - 1;
    this.#packsUsed.set(number, local);
    return local;
  }

  async #finishPack(): Promise<void> {
    if (this.#pack === undefined) return;
    const { fileBytes } = await this.#pack.finish();
    this.#addedBytes += fileBytes;
    this.#pack = undefined;
  }
}
