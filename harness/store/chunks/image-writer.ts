import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { asError, classifyIo } from '../../util/errors.js';
import type { KnownPacks } from './known-packs.js';
import { hashBytes, pageBytes, segmentBytes } from './layout.js';
import { type Batches, batchesOf, PackWriter } from './pack-writer.js';
import type { Recipe } from './recipe.js';
import { Runs } from './runs.js';
import type { ByteRange } from './segment-planner.js';
import { SharedPieces, succeeded, type WorkerPool } from './worker-pool.js';
import { type SegmentViews, segmentMemory, segmentViews } from './worker-protocol.js';

/** Bytes as they come, or a file, or a part of one, that is read where it lies. */
export type ImageSource = AsyncIterable<Uint8Array> | { readonly file: string; readonly range?: ByteRange };

interface Filled {
  readonly segment: number;
  readonly bytes: number;
  readonly hashed: Promise<Error | undefined>;
}

/** A pack that is full goes to the disk while the next one is filled; so many at most, so that a slow disk is waited for. */
const finishingAtOnce = 2;

const zeroHash = createHash('sha256').update(Buffer.alloc(pageBytes)).digest();

/** Puts one image into the store: pages that are there already are referred to, new ones go into packs. */
export class ImageWriter {
  readonly #segments: SharedPieces<SegmentViews>;
  readonly #batches: Batches;
  readonly #root = createHash('sha256');
  readonly #runs = new Runs();
  readonly #packsUsed = new Map<number, number>();
  readonly #packNames: string[] = [];
  readonly #job: number;
  /** How it ended stands in its result: it is awaited later than it is begun. */
  readonly #finishing: Promise<Error | undefined>[] = [];
  #pack: PackWriter | undefined;
  #packNumber = -1;
  #sizeBytes = 0;
  #pages = 0;
  #addedBytes = 0;

  constructor(
    readonly folder: string,
    readonly pool: WorkerPool,
    readonly known: KnownPacks,
    /** Of a small image not all the memory is needed. */
    sizeBytes = Number.POSITIVE_INFINITY,
  ) {
    const most = Math.ceil(sizeBytes / segmentBytes) + 1;
    // One is filled and one is taken in while each thread hashes another, and has the next one at hand.
    this.#segments = new SharedPieces(pool, Math.min(2 * pool.size + 2, most), segmentMemory, segmentViews);
    this.#batches = batchesOf(pool, most);
    this.#job = pool.beginJob();
  }

  /** Everything is durable when it returns, apart from the recipe itself. */
  async write(source: ImageSource): Promise<Omit<Recipe, 'id' | 'createdAt' | 'attributes'>> {
    const queue: Filled[] = [];
    try {
      for await (const filled of this.#fill(source)) {
        queue.push(filled);
        if (queue.length >= this.#segments.count - 1) await this.#takeIn(queue.shift());
      }
      while (queue.length > 0) await this.#takeIn(queue.shift());
      this.#finishPack();
      while (this.#finishing.length > 0) await this.#finished();
    } catch (e) {
      await Promise.all([...queue.map((q) => q.hashed), ...this.#finishing]);
      await this.#pack?.abandon();
      throw e;
    } finally {
      this.pool.endJob(this.#job);
      this.#segments[Symbol.dispose]();
      this.#batches[Symbol.dispose]();
    }
    return {
      sizeBytes: this.#sizeBytes,
      pages: this.#pages,
      root: this.#root.digest('hex'),
      addedBytes: this.#addedBytes,
      packs: this.#packNames,
      runs: this.#runs,
    };
  }

  async *#fill(source: ImageSource): AsyncGenerator<Filled> {
    if (!('file' in source)) {
      yield* this.#fillFromStream(source);
      return;
    }
    const { file } = source;
    try {
      const stats = await stat(file);
      // A device does not say its size.
      if (stats.isFile()) yield* this.#fillFromFile(file, source.range ?? { from: 0, to: stats.size });
      else yield* this.#fillFromStream(createReadStream(file, { highWaterMark: segmentBytes }));
    } catch (e) {
      throw classifyIo(e, file);
    }
  }

  /** The threads read it themselves. */
  async *#fillFromFile(path: string, { from, to }: ByteRange): AsyncGenerator<Filled> {
    for (let offset = from; offset < to; offset += segmentBytes) {
      const segment = await this.#segments.borrow();
      yield this.#hash(segment, Math.min(segmentBytes, to - offset), { path, offset });
    }
  }

  async *#fillFromStream(source: AsyncIterable<Uint8Array>): AsyncGenerator<Filled> {
    let segment: number | undefined;
    let bytes = 0;
    for await (const part of source) {
      for (let at = 0; at < part.length; ) {
        segment ??= await this.#segments.borrow();
        const count = Math.min(segmentBytes - bytes, part.length - at);
        this.#segments.views(segment).data.set(part.subarray(at, at + count), bytes);
        at += count;
        bytes += count;
        if (bytes < segmentBytes) continue;
        yield this.#hash(segment, bytes);
        segment = undefined;
        bytes = 0;
      }
    }
    if (segment !== undefined) yield this.#hash(segment, bytes);
  }

  /** The last page is filled up with zeros; the size says where it ends. */
  #hash(segment: number, bytes: number, from?: { path: string; offset: number }): Filled {
    const hashed = this.pool.run({
      task: 'hash',
      ...this.#segments.at(segment),
      job: this.#job,
      bytes,
      ...(from === undefined ? {} : { from }),
    });
    return { segment, bytes, hashed };
  }

  async #takeIn(filled: Filled | undefined): Promise<void> {
    if (filled === undefined) return;
    const { segment, bytes, hashed } = filled;
    await succeeded(hashed);
    const { data, hashes, hashWords, zeros } = this.#segments.views(segment);
    const pages = Math.ceil(bytes / pageBytes);
    const { known } = this;
    for (let n = 0; n < pages; n++) {
      if (zeros[n] === 1) {
        hashes.set(zeroHash, n * hashBytes);
        this.#runs.add(-1, 0);
        continue;
      }
      const found = known.find(hashWords, n);
      if (found >= 0) {
        this.#runs.add(this.#localPack(known.packOf(found)), known.pageOf(found));
        continue;
      }
      const pack = this.#pack !== undefined && !this.#pack.needsRoom ? this.#pack : await this.#packWithRoom();
      const hash = hashes.subarray(n * hashBytes, (n + 1) * hashBytes);
      const number = pack.add(data.subarray(n * pageBytes, (n + 1) * pageBytes), hash);
      known.enter(hashWords, n, this.#packNumber, number);
      this.#runs.add(this.#localPack(this.#packNumber), number);
    }
    this.#root.update(hashes.subarray(0, pages * hashBytes));
    this.#pages += pages;
    this.#sizeBytes += bytes;
    this.#segments.giveBack(segment);
  }

  async #packWithRoom(): Promise<PackWriter> {
    if (this.#pack?.isFull) this.#finishPack();
    while (this.#finishing.length > finishingAtOnce) await this.#finished();
    if (this.#pack === undefined) {
      this.#pack = await PackWriter.create(this.folder, this.#batches);
      this.#packNumber = this.known.begin(this.#pack);
    }
    await this.#pack.makeRoom();
    return this.#pack;
  }

  #localPack(number: number): number {
    const known = this.#packsUsed.get(number);
    if (known !== undefined) return known;
    const local = this.#packNames.push(this.known.nameOf(number)) - 1;
    this.#packsUsed.set(number, local);
    return local;
  }

  #finishPack(): void {
    if (this.#pack === undefined) return;
    this.#finishing.push(this.#finish(this.#pack, this.#packNumber));
    this.#pack = undefined;
  }

  async #finish(pack: PackWriter, number: number): Promise<Error | undefined> {
    try {
      const { bytes, hashesAt } = await pack.finish();
      this.#addedBytes += bytes;
      this.known.finish(number, hashesAt);
      return undefined;
    } catch (e) {
      // Cleaning up does not hide what went wrong.
      await Promise.allSettled([pack.abandon()]);
      return asError(e);
    }
  }

  /** Waits for the oldest that is on its way to the disk. */
  async #finished(): Promise<void> {
    const [oldest] = this.#finishing;
    if (oldest === undefined) return;
    await succeeded(oldest);
    this.#finishing.shift();
  }
}
