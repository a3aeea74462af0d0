import { createHash } from 'node:crypto';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from '../../util/atomic-file.js';
import { asError, classifyIo, OrdealError } from '../../util/errors.js';
import { type Codec, compressBlock } from './codec.js';
import { blockBytes, blockPages, hashBytes, pageBytes } from './layout.js';

/**
 * A pack: blocks of pages one after the other, then the index (per block: codec u8, length u32; per page: its hash),
 * then the trailer. All numbers are little-endian. A pack has its name when it is whole.
 *
 *     "ORDEALP1" block* index trailer
 *     trailer: indexOffset u64, blocks u32, pages u32, SHA-256 of the index, "ORDEALPE"
 */
const head = Buffer.from('ORDEALP1');
const tail = Buffer.from('ORDEALPE');
const trailerBytes = 8 + 4 + 4 + hashBytes + tail.length;
const blockEntryBytes = 5;
const maxIndexBytes = 256 * 2 ** 20;
const blocksInFlight = 8;

export const packPath = (folder: string, name: string): string => join(folder, 'packs', `${name}.pack`);
/** What is being written; garbage when its process is dead. */
export const unfinishedSuffix = '.writing';

export interface PackIndex {
  readonly name: string;
  readonly path: string;
  readonly pages: number;
  readonly fileBytes: number;
  /** Of page n at n × 32. */
  readonly hashes: Buffer;
  block(n: number): { offset: number; length: number; codec: number; pages: number };
}

const corrupt = (path: string, why: string): OrdealError =>
  new OrdealError('snapshot-corrupt', 'The pack is damaged', {
    where: path,
    got: why,
    remedy: 'The snapshots that use it cannot be restored from here; take them from a package or a copy of the store.',
  });

/** @throws OrdealError of kind snapshot-corrupt, naming the file */
export async function readPackIndex(folder: string, name: string): Promise<PackIndex> {
  const path = packPath(folder, name);
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (e) {
    throw corrupt(path, `it cannot be opened (${asError(e).message})`);
  }
  try {
    const { size } = await file.stat();
    if (size < head.length + trailerBytes) throw corrupt(path, `it is cut off at ${size} bytes`);
    const trailer = Buffer.alloc(trailerBytes);
    await file.read(trailer, 0, trailerBytes, size - trailerBytes);
    const magic = Buffer.alloc(head.length);
    await file.read(magic, 0, head.length, 0);
    if (!magic.equals(head) || !trailer.subarray(-tail.length).equals(tail)) throw corrupt(path, 'it is not a pack');
    const indexOffset = Number(trailer.readBigUInt64LE(0));
    const blocks = trailer.readUInt32LE(8);
    const pages = trailer.readUInt32LE(12);
    const indexBytes = blocks * blockEntryBytes + pages * hashBytes;
    const isPossible = indexBytes <= maxIndexBytes && indexOffset + indexBytes + trailerBytes === size;
    if (!isPossible || blocks !== Math.ceil(pages / blockPages))
      throw corrupt(path, 'its index is not where it should be');
    const index = Buffer.alloc(indexBytes);
    await file.read(index, 0, indexBytes, indexOffset);
    if (
      !createHash('sha256')
        .update(index)
        .digest()
        .equals(trailer.subarray(16, 16 + hashBytes))
    ) {
      throw corrupt(path, 'its index has another checksum');
    }
    return indexOf(name, path, size, pages, blocks, index);
  } finally {
    await file.close();
  }
}

function indexOf(
  name: string,
  path: string,
  fileBytes: number,
  pages: number,
  blocks: number,
  index: Buffer,
): PackIndex {
  const offsets = new Float64Array(blocks);
  let offset = head.length;
  for (let n = 0; n < blocks; n++) {
    offsets[n] = offset;
    offset += index.readUInt32LE(n * blockEntryBytes + 1);
  }
  return {
    name,
    path,
    pages,
    fileBytes,
    hashes: index.subarray(blocks * blockEntryBytes),
    block: (n) => ({
      offset: offsets[n] ?? 0,
      codec: index[n * blockEntryBytes] ?? 0,
      length: index.readUInt32LE(n * blockEntryBytes + 1),
      pages: Math.min(blockPages, pages - n * blockPages),
    }),
  };
}

/** Writes one pack. A writer whose write has failed says so at every later call: the pack never gets its name. */
export class PackWriter {
  readonly #hashes: Buffer[] = [];
  readonly #blocks: { codec: Codec; length: number }[] = [];
  #block = Buffer.allocUnsafe(blockBytes);
  #blockFill = 0;
  #pages = 0;
  #offset = head.length;
  #inFlight = 0;
  #tail: Promise<void> = Promise.resolve();
  #failure: Error | undefined;

  private constructor(
    readonly folder: string,
    readonly name: string,
    readonly file: FileHandle,
    readonly path: string,
  ) {}

  static async create(folder: string, name: string): Promise<PackWriter> {
    const path = `${packPath(folder, name)}${unfinishedSuffix}`;
    try {
      const file = await open(path, 'wx', 0o600);
      await file.write(head, 0, head.length, 0);
      return new PackWriter(folder, name, file, path);
    } catch (e) {
      throw classifyIo(e, path);
    }
  }

  /** Bytes written so far, without the index. */
  get bytes(): number {
    return this.#offset;
  }

  /** Copies the page. @returns its number in this pack */
  async add(page: Uint8Array, hash: Uint8Array): Promise<number> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#block.set(page, this.#blockFill);
    this.#hashes.push(Buffer.from(hash));
    this.#blockFill += pageBytes;
    if (this.#blockFill === blockBytes) await this.#flush();
    return this.#pages++;
  }

  /** Blocks are compressed side by side and written in their order. */
  async #flush(): Promise<void> {
    if (this.#blockFill === 0) return;
    const compressing = compressBlock(this.#block.subarray(0, this.#blockFill));
    this.#block = Buffer.allocUnsafe(blockBytes);
    this.#blockFill = 0;
    this.#inFlight++;
    const before = this.#tail;
    this.#tail = before.then(() => this.#write(compressing));
    // The failure is kept and thrown by the next call.
    this.#tail = this.#tail.catch((e: unknown) => {
      this.#failure ??= classifyIo(e, this.path);
    });
    if (this.#inFlight > blocksInFlight) await before;
  }

  async #write(compressing: ReturnType<typeof compressBlock>): Promise<void> {
    const { codec, data } = await compressing;
    this.#inFlight--;
    if (this.#failure !== undefined) return;
    await writeFully(this.file, data, this.#offset);
    this.#blocks.push({ codec, length: data.length });
    this.#offset += data.length;
  }

  /** Durable and under its name when it returns. @returns its index */
  async finish(): Promise<PackIndex> {
    await this.#flush();
    await this.#tail;
    if (this.#failure !== undefined) throw this.#failure;
    try {
      const entries = Buffer.alloc(this.#blocks.length * blockEntryBytes);
      for (const [n, { codec, length }] of this.#blocks.entries()) {
        entries.writeUInt8(codec, n * blockEntryBytes);
        entries.writeUInt32LE(length, n * blockEntryBytes + 1);
      }
      const index = Buffer.concat([entries, ...this.#hashes]);
      const trailer = Buffer.alloc(16);
      trailer.writeBigUInt64LE(BigInt(this.#offset), 0);
      trailer.writeUInt32LE(this.#blocks.length, 8);
      trailer.writeUInt32LE(this.#pages, 12);
      const all = Buffer.concat([index, trailer, createHash('sha256').update(index).digest(), tail]);
      await writeFully(this.file, all, this.#offset);
      await this.file.sync();
      await this.file.close();
      const path = packPath(this.folder, this.name);
      await rename(this.path, path);
      await syncFolder(join(this.folder, 'packs'));
      return indexOf(this.name, path, this.#offset + all.length, this.#pages, this.#blocks.length, index);
    } catch (e) {
      throw classifyIo(e, this.path);
    }
  }

  /** The file stays for the garbage collection when even its removal fails. */
  async abandon(): Promise<void> {
    this.#failure ??= new OrdealError('internal', 'The pack was abandoned', { where: this.path });
    await this.#tail;
    await this.file.close();
  }
}

async function writeFully(file: FileHandle, data: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < data.length; ) {
    const { bytesWritten } = await file.write(data, done, data.length - done, at + done);
    done += bytesWritten;
  }
}
