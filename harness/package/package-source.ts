import { type FileHandle, open } from 'node:fs/promises';
import { classifyIo, OrdealError } from '../util/errors.js';

/** Where the bytes of a package lie: a file, or the repository. They may be read in any order. */
export interface PackageSource extends AsyncDisposable {
  /** For messages. */
  readonly name: string;
  readonly bytes: number;
  /** Bytes `from` to `to`, the last one not included. */
  read(from: number, to: number): AsyncIterable<Buffer>;
}

/** What is to be opened, and closed by who opens it. */
export type PackageLocation = string | { open(): Promise<PackageSource> };

const readBytes = 256 * 1024;

/** @throws OrdealError of kind `file-missing`, or `package-invalid`: not a file */
export async function openSource(location: PackageLocation): Promise<PackageSource> {
  return typeof location === 'string' ? openFile(location) : location.open();
}

async function openFile(name: string): Promise<PackageSource> {
  let handle: FileHandle;
  try {
    handle = await open(name, 'r');
  } catch (e) {
    throw classifyIo(e, name);
  }
  const stats = await handle.stat();
  if (!stats.isFile()) {
    await handle.close();
    throw new OrdealError('package-invalid', 'This is not a package', { where: name, expected: 'a file', got: 'none' });
  }
  async function* read(from: number, to: number): AsyncGenerator<Buffer> {
    for (let at = from; at < to; ) {
      const wanted = Math.min(readBytes, to - at);
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(wanted), 0, wanted, at);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
      at += bytesRead;
    }
  }
  return { name, bytes: stats.size, read, [Symbol.asyncDispose]: () => handle.close() };
}

const pieceBytes = 64 * 1024;

/** For who asks for a few bytes at a time, most of them near the last ones. */
export class PieceReader {
  #piece: Buffer = Buffer.alloc(0);
  #pieceAt = 0;

  constructor(readonly source: PackageSource) {}

  /** @returns the bytes there, fewer at the end of the package */
  async bytesAt(at: number, length: number): Promise<Buffer> {
    const from = at - this.#pieceAt;
    if (from < 0 || from + length > this.#piece.length) {
      const parts: Buffer[] = [];
      const end = Math.min(this.source.bytes, at + Math.max(length, pieceBytes));
      for await (const part of this.source.read(at, end)) parts.push(part);
      this.#piece = Buffer.concat(parts);
      this.#pieceAt = at;
    }
    return this.#piece.subarray(at - this.#pieceAt, at - this.#pieceAt + length);
  }
}
