import { createHash } from 'node:crypto';
import { OrdealError } from '../../util/errors.js';
import { blockPages, hashBytes, pageBytes, segmentPages } from './layout.js';
import { type PackIndex, readPackIndex } from './pack-file.js';
import { type Recipe, recipePath } from './recipe.js';
import type { BlockRead, SegmentPlan } from './worker-protocol.js';

/** At half a MiB each. */
const packsInMemory = 32;
const zeroHash = createHash('sha256').update(Buffer.alloc(pageBytes)).digest();

/** Bytes `from` to `to` of an image, the last one not included. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/** A segment's plan, and the hash of each of its pages, which is valid until the next one is asked for. */
export interface PlannedSegment extends SegmentPlan {
  readonly hashes: Uint8Array;
}

/** Cuts an image into segments, and says from which blocks each is to be read. */
export class SegmentPlanner {
  readonly #packs = new Map<string, PackIndex>();
  readonly #root = createHash('sha256');

  /** @param range bytes of the image; absent: all, and its root is checked in the end */
  constructor(
    readonly folder: string,
    readonly recipe: Recipe,
    readonly range?: ByteRange,
  ) {}

  /**
   * Whole segments: of a range, those that it touches.
   * @throws OrdealError of kind snapshot-corrupt: a pack's index, or in the end the image's root, is not what it was
   */
  async *segments(): AsyncGenerator<PlannedSegment> {
    const { runs, sizeBytes, pages } = this.recipe;
    const hashes = new Uint8Array(segmentPages * hashBytes);
    let run = 0;
    let within = 0;
    const { from, to } = this.range ?? { from: 0, to: sizeBytes };
    for (let first = 0; first < pages && (this.range === undefined || first * pageBytes < to); first += segmentPages) {
      const count = Math.min(segmentPages, pages - first);
      const isWanted = (first + count) * pageBytes > from;
      const reads = new Map<string, BlockRead & { copies: number[] }>();
      for (let at = 0; at < count; ) {
        const part = Math.min(runs.pages(run) - within, count - at);
        const pack = runs.pack(run);
        if (isWanted && pack < 0) for (let n = at; n < at + part; n++) hashes.set(zeroHash, n * hashBytes);
        if (isWanted && pack >= 0)
          addReads(reads, await this.#packOf(pack), runs.start(run) + within, at, part, hashes);
        at += part;
        within += part;
        if (within < runs.pages(run)) continue;
        run++;
        within = 0;
      }
      if (!isWanted) continue;
      const used = hashes.subarray(0, count * hashBytes);
      this.#root.update(used);
      const offset = first * pageBytes;
      const bytes = Math.min(count * pageBytes, sizeBytes - offset);
      yield { offset, bytes, pages: count, reads: [...reads.values()], hashes: used };
    }
    if (this.range !== undefined || this.#root.digest('hex') === this.recipe.root) return;
    throw new OrdealError('snapshot-corrupt', `Image "${this.recipe.id}" does not come out as it went in`, {
      where: recipePath(this.folder, this.recipe.id),
      remedy: 'Take it from a package or a copy of the store.',
    });
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
