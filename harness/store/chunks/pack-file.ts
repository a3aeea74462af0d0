import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { asError, OrdealError } from '../../util/errors.js';
import { blockPages, hashBytes } from './layout.js';

/**
 * A pack: blocks of pages one after the other, then the index (per block: codec u8, length u32, SHA-256 of the block as it
 * lies here; per page: its hash), then the trailer. All numbers are little-endian. A pack has its name when it is whole.
 *
 *     "ORDEALP2" block* index trailer
 *     trailer: indexOffset u64, blocks u32, pages u32, SHA-256 of the index, "ORDEALPE"
 */
export const packHead = Buffer.from('ORDEALP2');
const tail = Buffer.from('ORDEALPE');
export const blockEntryBytes = 1 + 4 + hashBytes;
const trailerBytes = 8 + 4 + 4 + hashBytes + tail.length;
const maxIndexBytes = 256 * 2 ** 20;

export const packPath = (folder: string, name: string): string => join(folder, 'packs', `${name}.pack`);
/** What is being written; garbage when its process is dead. */
export const unfinishedSuffix = '.writing';

export interface PackIndex {
  readonly name: string;
  readonly path: string;
  readonly pages: number;
  readonly fileBytes: number;
  /** Of page n at n × 32. */
  readonly hashes: Uint8Array;
  /** Where they begin in the file. */
  readonly hashesAt: number;
  /** `checksum`: a copy. */
  block(n: number): { offset: number; length: number; codec: number; checksum: Uint8Array; pages: number };
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
    if (size < packHead.length + trailerBytes) throw corrupt(path, `it is cut off at ${size} bytes`);
    const trailer = Buffer.alloc(trailerBytes);
    await file.read(trailer, 0, trailerBytes, size - trailerBytes);
    const magic = Buffer.alloc(packHead.length);
    await file.read(magic, 0, packHead.length, 0);
    if (!magic.equals(packHead) || !trailer.subarray(-tail.length).equals(tail))
      throw corrupt(path, 'it is not a pack');
    const indexOffset = Number(trailer.readBigUInt64LE(0));
    const blocks = trailer.readUInt32LE(8);
    const pages = trailer.readUInt32LE(12);
    const indexBytes = blocks * blockEntryBytes + pages * hashBytes;
    const isPossible = indexBytes <= maxIndexBytes && indexOffset + indexBytes + trailerBytes === size;
    if (!isPossible || blocks !== Math.ceil(pages / blockPages))
      throw corrupt(path, 'its index is not where it should be');
    const index = Buffer.alloc(indexBytes);
    await file.read(index, 0, indexBytes, indexOffset);
    const sum = createHash('sha256').update(index).digest();
    if (!sum.equals(trailer.subarray(16, 16 + hashBytes))) throw corrupt(path, 'its index has another checksum');
    return indexOf(name, path, size, pages, blocks, index, indexOffset);
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
  indexOffset: number,
): PackIndex {
  const offsets = new Float64Array(blocks);
  let offset = packHead.length;
  for (let n = 0; n < blocks; n++) {
    offsets[n] = offset;
    offset += index.readUInt32LE(n * blockEntryBytes + 1);
  }
  return {
    name,
    path,
    pages,
    fileBytes,
    // In memory of its own, where it is aligned.
    hashes: new Uint8Array(index.subarray(blocks * blockEntryBytes)),
    hashesAt: indexOffset + blocks * blockEntryBytes,
    block: (n) => ({
      offset: offsets[n] ?? 0,
      codec: index[n * blockEntryBytes] ?? 0,
      length: index.readUInt32LE(n * blockEntryBytes + 1),
      checksum: new Uint8Array(index.subarray(n * blockEntryBytes + 5, (n + 1) * blockEntryBytes)),
      pages: Math.min(blockPages, pages - n * blockPages),
    }),
  };
}

/** What comes after the blocks of a pack. */
export function packEnding(indexOffset: number, blocks: number, pages: number, index: Buffer): Buffer {
  const trailer = Buffer.alloc(16);
  trailer.writeBigUInt64LE(BigInt(indexOffset), 0);
  trailer.writeUInt32LE(blocks, 8);
  trailer.writeUInt32LE(pages, 12);
  return Buffer.concat([index, trailer, createHash('sha256').update(index).digest(), tail]);
}
