import { Readable } from 'node:stream';
import { crc32, createInflateRaw } from 'node:zlib';
import yauzl from 'yauzl';
import { asError, OrdealError, reasonOf } from '../util/errors.js';
import { type ArchiveEntry, checkStructure } from './archive-structure.js';
import { caps, checkedPath } from './layout.js';
import { openSource, type PackageLocation, type PackageSource, PieceReader } from './package-source.js';

/**
 * A ZIP that is opened strictly: every byte of the file belongs to exactly one entry or to the directory, each name
 * stands once and is harmless, and both descriptions of an entry agree. Nothing is decompressed before it is asked for.
 */
export class ArchiveReader implements AsyncDisposable {
  private constructor(
    readonly source: PackageSource,
    readonly entries: ReadonlyMap<string, ArchiveEntry>,
  ) {}

  /** @throws OrdealError of kind `file-missing`, `package-truncated`, `package-tampered` or `package-invalid` */
  static async open(
    location: PackageLocation,
    { totalBytes = caps.totalBytes }: { totalBytes?: number } = {},
  ): Promise<ArchiveReader> {
    const source = await openSource(location);
    try {
      const pieces = new PieceReader(source);
      const directory = await checkStructure(pieces);
      const entries = await readDirectory(pieces, totalBytes);
      return new ArchiveReader(source, await directory.locate(entries));
    } catch (e) {
      await source[Symbol.asyncDispose]();
      throw e;
    }
  }

  get file(): string {
    return this.source.name;
  }

  get bytes(): number {
    return this.source.bytes;
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
    let bytes = 0;
    for await (const part of this.source.read(dataStart, dataStart + compressedBytes)) {
      yield part;
      bytes += part.length;
    }
    if (bytes === compressedBytes) return;
    throw new OrdealError('package-truncated', 'The file became shorter', { where: this.file });
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
    await this.source[Symbol.asyncDispose]();
  }
}

const hex = (n: number): string => n.toString(16).padStart(8, '0');

/** How the library reads. */
class RandomAccess extends yauzl.RandomAccessReader {
  constructor(readonly pieces: PieceReader) {
    super();
  }

  override read(into: Buffer, offset: number, length: number, at: number, done: (e: Error | null) => void): void {
    this.pieces.bytesAt(at, length).then(
      (bytes) => {
        bytes.copy(into, offset);
        done(bytes.length < length ? new Error('unexpected end of the file') : null);
      },
      (e: unknown) => done(asError(e)),
    );
  }

  override close(done: (e: Error | null) => void): void {
    done(null);
  }
}

async function readDirectory(pieces: PieceReader, totalBytes: number): Promise<yauzl.Entry[]> {
  const { name: file, bytes: fileBytes } = pieces.source;
  const refuse = (what: string, expected: string, got: string) =>
    new OrdealError('package-invalid', what, { where: file, expected, got });
  const entries: yauzl.Entry[] = [];
  const names = new Set<string>();
  let total = 0;
  try {
    const reader = new RandomAccess(pieces);
    const options = { lazyEntries: true, autoClose: false, strictFileNames: true };
    const zip = await yauzl.fromRandomAccessReaderPromise(reader, fileBytes, options);
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
