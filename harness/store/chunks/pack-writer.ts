import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from '../../util/atomic-file.js';
import { classifyIo, OrdealError } from '../../util/errors.js';
import { blockPages, hashBytes, packPages, pageBytes, segmentPages } from './layout.js';
import { blockEntryBytes, packEnding, packHead, packPath, unfinishedSuffix } from './pack-file.js';
import { SharedPieces, type WorkerPool } from './worker-pool.js';
import { type BatchViews, batchMemory, batchViews } from './worker-protocol.js';

export type Batches = SharedPieces<BatchViews>;

/** Memory for what is on its way into packs, however much it is: one batch being filled, one more for each thread and one that is written. */
export const batchesOf = (pool: WorkerPool, most = Number.POSITIVE_INFINITY): Batches =>
  new SharedPieces(pool, Math.min(pool.size + 2, most), batchMemory, batchViews);

/** So much is written before it is sent to the disk, while more is packed: else all of it would be waited for in the end. */
const flushBytes = 8 * 2 ** 20;

/** Writes one pack. A writer whose write has failed says so at every later call: the pack never gets its name. */
export class PackWriter {
  readonly #hashes: Buffer[] = [];
  readonly #entries: Buffer[] = [];
  #batch: number | undefined;
  #data: Uint8Array | undefined;
  #pageHashes = Buffer.alloc(0);
  #fill = 0;
  #pages = 0;
  #offset = packHead.length;
  #tail: Promise<void> = Promise.resolve();
  #flushedTo = 0;
  #flush: Promise<void> | undefined;
  #failure: Error | undefined;

  private constructor(
    readonly folder: string,
    readonly name: string,
    readonly path: string,
    readonly file: FileHandle,
    readonly batches: Batches,
  ) {}

  static async create(folder: string, batches: Batches): Promise<PackWriter> {
    const name = randomBytes(12).toString('hex');
    const path = `${packPath(folder, name)}${unfinishedSuffix}`;
    try {
      const file = await open(path, 'wx', 0o600);
      await file.write(packHead, 0, packHead.length, 0);
      return new PackWriter(folder, name, path, file, batches);
    } catch (e) {
      throw classifyIo(e, path);
    }
  }

  get isFull(): boolean {
    return this.#pages + this.#fill >= packPages;
  }

  /** No page can be added before the next `makeRoom`. */
  get needsRoom(): boolean {
    return this.#batch === undefined || this.#fill === segmentPages;
  }

  /** Hands over what is there to be packed. Waits as long as too much is on its way. @throws what a write has failed with */
  async makeRoom(): Promise<void> {
    this.#handOver();
    this.#batch = await this.batches.borrow();
    this.#data = this.batches.views(this.#batch).data;
    this.#pageHashes = Buffer.allocUnsafe(segmentPages * hashBytes);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Copies the page. Prerequisite: it has room. @returns its number in this pack */
  add(page: Uint8Array, hash: Uint8Array): number {
    this.#data?.set(page, this.#fill * pageBytes);
    this.#pageHashes.set(hash, this.#fill * hashBytes);
    return this.#pages + this.#fill++;
  }

  /** @param page one that was added */
  hashOf(page: number): Uint8Array {
    const hashes = this.#hashes[Math.floor(page / segmentPages)] ?? this.#pageHashes;
    return hashes.subarray((page % segmentPages) * hashBytes, ((page % segmentPages) + 1) * hashBytes);
  }

  /** Batches are packed side by side and written in their order. */
  #handOver(): void {
    const batch = this.#batch;
    const pages = this.#fill;
    if (batch === undefined) return;
    this.#batch = undefined;
    this.#fill = 0;
    if (pages === 0) {
      this.batches.giveBack(batch);
      return;
    }
    this.#pages += pages;
    this.#hashes.push(this.#pageHashes.subarray(0, pages * hashBytes));
    const packing = this.batches.pool.run({ task: 'pack', ...this.batches.at(batch), pages });
    this.#tail = this.#write(this.#tail, packing, batch, pages);
  }

  /** Never rejects: the failure is kept and thrown by the next call. */
  async #write(
    before: Promise<void>,
    packing: Promise<Error | undefined>,
    batch: number,
    pages: number,
  ): Promise<void> {
    try {
      const failure = await packing;
      await before;
      if (failure !== undefined) throw failure;
      if (this.#failure !== undefined) return;
      const { packed, entries } = this.batches.views(batch);
      const kept = Buffer.from(entries.subarray(0, Math.ceil(pages / blockPages) * blockEntryBytes));
      let bytes = 0;
      for (let at = 1; at < kept.length; at += blockEntryBytes) bytes += kept.readUInt32LE(at);
      await this.#writeAt(packed.subarray(0, bytes), this.#offset);
      this.#entries.push(kept);
      this.#offset += bytes;
      if (this.#offset - this.#flushedTo >= flushBytes) this.#flush ??= this.#flushNow();
    } catch (e) {
      this.#failure ??= classifyIo(e, this.path);
    } finally {
      this.batches.giveBack(batch);
    }
  }

  /** Never rejects. A failure is kept: the system tells it once, and a later call would succeed. */
  async #flushNow(): Promise<void> {
    const to = this.#offset;
    try {
      await this.file.datasync();
      this.#flushedTo = to;
    } catch (e) {
      this.#failure ??= classifyIo(e, this.path);
    } finally {
      this.#flush = undefined;
    }
  }

  /** Durable and under its name when it returns. @returns its bytes, and where in it the hashes of its pages begin */
  async finish(): Promise<{ bytes: number; hashesAt: number }> {
    this.#handOver();
    await this.#tail;
    await this.#flush;
    if (this.#failure !== undefined) throw this.#failure;
    try {
      const entries = Buffer.concat(this.#entries);
      const index = Buffer.concat([entries, ...this.#hashes]);
      const ending = packEnding(this.#offset, entries.length / blockEntryBytes, this.#pages, index);
      await this.#writeAt(ending, this.#offset);
      await this.file.sync();
      await this.file.close();
      await rename(this.path, packPath(this.folder, this.name));
      await syncFolder(join(this.folder, 'packs'));
      return { bytes: this.#offset + ending.length, hashesAt: this.#offset + entries.length };
    } catch (e) {
      throw classifyIo(e, this.path);
    }
  }

  /** The file stays for the garbage collection. */
  async abandon(): Promise<void> {
    this.#failure ??= new OrdealError('internal', 'The pack was abandoned', { where: this.path });
    if (this.#batch !== undefined) this.batches.giveBack(this.#batch);
    this.#batch = undefined;
    await this.#tail;
    await this.#flush;
    await this.file.close();
  }

  async #writeAt(data: Uint8Array, at: number): Promise<void> {
    for (let done = 0; done < data.length; ) {
      const { bytesWritten } = await this.file.write(data, done, data.length - done, at + done);
      done += bytesWritten;
    }
  }
}
