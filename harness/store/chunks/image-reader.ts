import { createHash } from 'node:crypto';
import { OrdealError } from '../../util/errors.js';
import { blockPages, hashBytes, pageBytes, segmentPages } from './layout.js';
import { type PackIndex, readPackIndex } from './pack-file.js';
import { type Recipe, recipePath } from './recipe.js';
import type { Segments, WorkerPool } from './worker-pool.js';
import type { BlockRead } from './worker-protocol.js';

const packsInMemory = 32;
let readers = 0;
const zeroHash = createHash('sha256').update(Buffer.alloc(pageBytes)).digest();

interface Reading {
  readonly segment: number;
  readonly bytes: number;
  readonly pages: number;
  readonly isZero: boolean;
  readonly filled: Promise<void>;
}

/** A segment of the image. Its memory is the reader's: it is valid until the next one is asked for. */
export interface SegmentOfImage {
  readonly offset: number;
  readonly data: Uint8Array;
  /** Nothing but zeros: a sparse file need not hold it. */
  readonly isZero: boolean;
}

/** Reads an image back, every page checked against its hash, and all of them against the image's root. */
export class ImageReader {
  readonly #segments: Segments;
  readonly #number = readers++;
  readonly #packs = new Map<string, PackIndex>();

  constructor(
    readonly folder: string,
    readonly pool: WorkerPool,
    readonly recipe: Recipe,
  ) {
    this.#segments = pool.segments();
  }

  /** @throws OrdealError of kind snapshot-corrupt, naming the file; what came before was good */
  async *segments(): AsyncGenerator<SegmentOfImage> {
    const queue: Reading[] = [];
    const root = createHash('sha256');
    let offset = 0;
    const next = async () => {
      const reading = queue.shift();
      if (reading === undefined) return undefined;
      await reading.filled.catch((e: unknown) => {
        this.#segments.giveBack(reading.segment);
        throw e;
      });
      const { data, hashes } = this.#segments.views(reading.segment);
      root.update(hashes.subarray(0, reading.pages * hashBytes));
      const result = { offset, data: data.subarray(0, reading.bytes), isZero: reading.isZero };
      offset += reading.bytes;
      return { reading, result };
    };
    try {
      const plan = this.#plan();
      for (let planned = await plan.next(); ; planned = await plan.next()) {
        if (!planned.done) queue.push(planned.value);
        if (!planned.done && queue.length < this.#segments.count - 1) continue;
        const ready = await next();
        if (ready === undefined) break;
        try {
          yield ready.result;
        } finally {
          this.#segments.giveBack(ready.reading.segment);
        }
      }
      if (root.digest('hex') !== this.recipe.root || offset !== this.recipe.sizeBytes) {
        throw new OrdealError('snapshot-corrupt', `Image "${this.recipe.id}" does not come out as it went in`, {
          where: recipePath(this.folder, this.recipe.id),
          remedy: 'Take it from a package or a copy of the store.',
        });
      }
    } finally {
      await Promise.allSettled(queue.map((r) => r.filled));
      for (const { segment } of queue) this.#segments.giveBack(segment);
      this.pool.forget(this.#number);
    }
  }

  /** Cuts the runs into segments and has each read. */
  async *#plan(): AsyncGenerator<Reading> {
    const { runs, sizeBytes, pages } = this.recipe;
    let run = 0;
    let within = 0;
    for (let first = 0; first < pages; first += segmentPages) {
      const count = Math.min(segmentPages, pages - first);
      const segment = this.#segments.borrow();
      const { data, hashes } = this.#segments.views(segment);
      const reads = new Map<string, BlockRead & { copies: number[] }>();
      let isZero = true;
      try {
        for (let at = 0; at < count; ) {
          const { pack, start, count: length } = runs[run] ?? { pack: -1, start: 0, count };
          const part = Math.min(length - within, count - at);
          if (pack < 0) {
            data.fill(0, at * pageBytes, (at + part) * pageBytes);
            for (let n = at; n < at + part; n++) hashes.set(zeroHash, n * hashBytes);
          } else {
            isZero = false;
            addReads(reads, await this.#packOf(pack), start + within, at, part, hashes);
          }
          at += part;
          within += part;
          if (within === length) {
            run++;
            within = 0;
          }
        }
      } catch (e) {
        this.#segments.giveBack(segment);
        throw e;
      }
      const filled =
        reads.size === 0
          ? Promise.resolve()
          : this.#segments.run(segment, {
              task: 'read',
              reader: this.#number,
              reads: [...reads.values()],
            });
      filled.catch(() => undefined);
      const bytes = Math.min(count * pageBytes, sizeBytes - first * pageBytes);
      yield { segment, bytes, pages: count, isZero, filled };
    }
  }

  async #packOf(number: number): Promise<PackIndex> {
    const name = this.recipe.packs[number] ?? '';
    const known = this.#packs.get(name);
    if (known !== undefined) return known;
    const pack = await readPackIndex(this.folder, name);
    this.#packs.set(name, pack);
    const [oldest] = this.#packs.keys();
    if (this.#packs.size > packsInMemory && oldest !== undefined) this.#packs.delete(oldest);
    return pack;
  }
}

/** Pages `from` to `from + count` of the pack become those from `to` of the segment, block by block. */
function addReads(
  reads: Map<string, BlockRead & { copies: number[] }>,
  pack: PackIndex,
  from: number,
  to: number,
  count: number,
  hashes: Uint8Array,
): void {
  if (from + count > pack.pages) {
    throw new OrdealError('snapshot-corrupt', 'The pack has fewer pages than an image refers to', {
      where: pack.path,
      expected: `${from + count} pages or more`,
      got: `${pack.pages} pages`,
    });
  }
  hashes.set(pack.hashes.subarray(from * hashBytes, (from + count) * hashBytes), to * hashBytes);
  for (let done = 0; done < count; ) {
    const number = Math.floor((from + done) / blockPages);
    const inBlock = (from + done) % blockPages;
    const part = Math.min(blockPages - inBlock, count - done);
    const key = `${pack.name}:${number}`;
    let read = reads.get(key);
    if (read === undefined) {
      read = { path: pack.path, ...pack.block(number), copies: [] };
      reads.set(key, read);
    }
    read.copies.push(inBlock, to + done, part);
    done += part;
  }
}
