import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { crc32, createInflateRaw } from 'node:zlib';
import yauzl from 'yauzl';
import { classifyIo, OrdealError, reasonOf } from '../util/errors.js';
import { type ArchiveEntry, checkStructure } from './archive-structure.js';
import { caps, checkedPath } from './layout.js';

/**
 * A ZIP that is opened strictly: every byte of the file belongs to exactly one entry or to the directory, each name
 * stands once and is harmless, and both descriptions of an entry agree. Nothing is decompressed before it is asked for.
 */
export class ArchiveReader implements AsyncDisposable {
  private constructor(
    readonly file: string,
    readonly bytes: number,
    readonly entries: ReadonlyMap<string, ArchiveEntry>,
    readonly handle: FileHandle,
  ) {}

  /** @throws OrdealError of kind `file-missing`, `package-truncated`, `package-tampered` or `package-invalid` */
  static async open(
    file: string,
    { totalBytes = caps.totalBytes }: { totalBytes?: number } = {},
  ): Promise<ArchiveReader> {
    let handle: FileHandle;
    try {
      handle = await open(file, 'r');
    } catch (e) {
      throw classifyIo(e, file);
    }
    try {
      const stats = await handle.stat();
      if (!stats.isFile()) {
        throw new OrdealError('package-invalid', 'This is not a package', {
          where: file,
          expected: 'a file',
          got: 'none',
        });
      }
      const directory = await checkStructure(handle, stats.size, file);
      const entries = await readDirectory(handle, file, stats.size, totalBytes);
      const located = await directory.locate(entries);
      return new ArchiveReader(file, stats.size, located, handle);
    } catch (e) {
      await handle.close();
      throw e;
    }
  }

  /**
   * The content of an entry; it ends with an error when it is not as long as the directory says, when bytes are left
   * over, or when its CRC-32 differs.
   */
  read(entry: ArchiveEntry): Readable {
    return Readable.from(this.#content(entry), { objectMode: false });
  }

  async *#content(entry: ArchiveEntry): AsyncGenerator<Buffer> {
    let size = 0;
    let crc = 0;
    for await (const chunk of this.#decoded(entry)) {
      size += chunk.length;
      if (size > entry.sizeBytes) break;
      crc = crc32(chunk, crc);
      yield chunk;
    }
    if (size !== entry.sizeBytes) {
      throw this.#damaged(entry, `${entry.sizeBytes} bytes`, size > entry.sizeBytes ? 'more' : `${size} bytes`);
    }
    if (crc !== entry.crc32) throw this.#damaged(entry, `CRC-32 ${hex(entry.crc32)}`, hex(crc));
  }

  async *#decoded(entry: ArchiveEntry): AsyncGenerator<Buffer> {
    const raw = Readable.from(this.#raw(entry), { objectMode: false });
    if (!entry.deflated) {
      yield* raw as AsyncIterable<Buffer>;
      return;
    }
    const inflate = createInflateRaw({ chunkSize: 256 * 1024 });
    raw.on('error', (e) => inflate.destroy(e));
    try {
      yield* raw.pipe(inflate) as AsyncIterable<Buffer>;
    } catch (e) {
      if (e instanceof OrdealError) throw e;
      throw this.#damaged(entry, 'deflated data', reasonOf(e));
    } finally {
      raw.destroy();
      inflate.destroy();
    }
    const left = entry.compressedBytes - inflate.bytesWritten;
    if (left > 0) throw this.#damaged(entry, 'deflated data to the end', `${left} bytes after it`);
  }

  async *#raw({ dataStart, compressedBytes }: ArchiveEntry): AsyncGenerator<Buffer> {
    const end = dataStart + compressedBytes;
    for (let at = dataStart; at < end; ) {
      const wanted = Math.min(256 * 1024, end - at);
      const { buffer, bytesRead } = await this.handle.read(Buffer.allocUnsafe(wanted), 0, wanted, at);
      if (bytesRead === 0) throw new OrdealError('package-truncated', 'The file became shorter', { where: this.file });
      yield buffer.subarray(0, bytesRead);
      at += bytesRead;
    }
  }

  #damaged(entry: ArchiveEntry, expected: string, got: string): OrdealError {
    return new OrdealError('package-tampered', `Entry "${entry.path}" is damaged`, {
      where: this.file,
      expected,
      got,
      remedy: 'Do not trust this copy; fetch the package again.',
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.handle.close();
  }
}

const hex = (n: number): string => n.toString(16).padStart(8, '0');

async function readDirectory(
  handle: FileHandle,
  file: string,
  fileBytes: number,
  totalBytes: number,
): Promise<yauzl.Entry[]> {
  const refuse = (what: string, expected: string, got: string) =>
    new OrdealError('package-invalid', what, { where: file, expected, got });
  const entries: yauzl.Entry[] = [];
  const names = new Set<string>();
  let total = 0;
  try {
    const zip = await yauzl.fromFdPromise(handle.fd, { lazyEntries: true, autoClose: false, strictFileNames: true });
    if (zip.entryCount > caps.entries) {
      throw refuse('The package is too large', `at most ${caps.entries} entries`, `${zip.entryCount}`);
    }
    for await (const entry of zip.eachEntry()) {
      const name = entry.fileName;
      if (name.endsWith('/') && entry.uncompressedSize === 0) checkedPath(name.slice(0, -1), file);
      else checkedPath(name, file);
      if (names.has(name)) throw refuse(`Entry "${name}" is in the package twice`, 'every name once', 'two');
      names.add(name);
      const type = entry.versionMadeBy >>> 8 === 3 ? (entry.externalFileAttributes >>> 16) & 0o170000 : 0;
      if (![0, 0o100000, 0o040000].includes(type)) {
        const got = type === 0o120000 ? 'a symbolic link' : `a special file (type ${type.toString(8)})`;
        throw refuse(`Entry "${name}" is refused`, 'a file', got);
      }
      if (!entry.canDecodeFileData()) {
        throw refuse(`Entry "${name}" cannot be read`, 'stored or deflated, not encrypted by ZIP', 'something else');
      }
      total += entry.uncompressedSize;
      if (total > totalBytes) {
        throw refuse('The package is too large', `at most ${totalBytes} bytes when extracted`, `${total} or more`);
      }
      const most = entry.compressionMethod === 0 ? entry.compressedSize : (entry.compressedSize + 16) * caps.inflation;
      if (entry.uncompressedSize > most || entry.compressedSize > fileBytes) {
        throw refuse(`Entry "${name}" lies about its size`, `at most ${most} bytes`, `${entry.uncompressedSize} bytes`);
      }
      entries.push(entry);
    }
  } catch (e) {
    if (e instanceof OrdealError) throw e;
    if (/^(invalid relative path|absolute path|invalid characters in fileName)/.test(reasonOf(e))) {
      throw refuse('An entry is refused', 'a relative path that stays inside the package', reasonOf(e));
    }
    throw new OrdealError('package-tampered', 'The directory of the package is damaged', {
      where: file,
      cause: e,
      remedy: 'Do not trust this copy; fetch the package again.',
    });
  }
  return entries;
}
