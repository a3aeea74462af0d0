import { createHash, type Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { PassThrough, Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import yazl from 'yazl';
import { asError, OrdealError } from '../util/errors.js';

export interface WrittenEntry {
  readonly path: string;
  /** Hex, of the entry's content before it is compressed: what the manifest says. */
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** How an entry is compressed. Memory is mostly zeros and text: level 1 takes most of it at a third of the time. */
export type Compression = 'store' | 'fast' | 'small';
const levels: Readonly<Record<Compression, number>> = { store: 0, fast: 1, small: 6 };

const flushBytes = 1024 * 1024;

/**
 * A ZIP that is written entry after entry into an open file; nothing is held but the chunks in flight. Once a write has
 * failed, every later call says that first failure.
 */
export class ArchiveWriter {
  readonly #zip = new yazl.ZipFile();
  readonly #abort = new AbortController();
  readonly #paths = new Set<string>();
  readonly #drained: Promise<void>;
  readonly #hash = createHash('sha256');
  #bytes = 0;
  #failure: Error | undefined;

  constructor(
    file: FileHandle,
    readonly createdAt: Date,
    signal?: AbortSignal,
  ) {
    const cancel = () => {
      const { reason } = signal ?? {};
      this.#fail(
        reason instanceof OrdealError
          ? reason
          : new OrdealError('interrupted', 'Writing the package was stopped', { cause: reason }),
      );
    };
    if (signal?.aborted) cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    this.#zip.on('error', (e: unknown) => this.#fail(asError(e)));
    this.#drained = pipeline(this.#zip.outputStream, (chunks) => this.#drain(chunks as AsyncIterable<Buffer>, file), {
      signal: this.#abort.signal,
    })
      .catch((e: unknown) => void this.#fail(asError(e)))
      .finally(() => signal?.removeEventListener('abort', cancel));
  }

  get entries(): number {
    return this.#paths.size;
  }

  /** Writes the entry whole before it returns. @throws what broke the archive first */
  async add(path: string, source: Readable | Uint8Array | string, compression: Compression): Promise<WrittenEntry> {
    const input = source instanceof Readable ? source : Readable.from([Buffer.from(source)]);
    if (this.#paths.has(path)) {
      this.#fail(new OrdealError('package-invalid', `Entry "${path}" would be in the package twice`));
    }
    if (this.#failure !== undefined) {
      // Only the first failure is told: what closing this source may fail with is a consequence of it.
      input.on('error', () => undefined).destroy();
      throw this.#failure;
    }
    this.#paths.add(path);
    const tap = new HashTap();
    const feed = new PassThrough({ highWaterMark: 256 * 1024 });
    this.#zip.addReadStreamLazy(
      path,
      { compressionLevel: levels[compression], mtime: this.createdAt, mode: 0o100600 },
      (give) => give(null, feed),
    );
    try {
      await pipeline(input, tap, feed, { signal: this.#abort.signal });
    } catch (e) {
      throw this.#fail(asError(e));
    }
    return { path, sha256: tap.digest(), sizeBytes: tap.bytes };
  }

  /** @returns the SHA-256 and the size of the whole file */
  async finish(): Promise<{ sha256: string; bytes: number }> {
    this.#rethrow();
    this.#zip.end();
    await this.#drained;
    this.#rethrow();
    return { sha256: this.#hash.digest('hex'), bytes: this.#bytes };
  }

  /** Gives the file up; the file handle is free when this returns. @returns the root cause */
  async abandon(cause: unknown): Promise<Error> {
    const failure = this.#fail(asError(cause));
    await this.#drained;
    return failure;
  }

  #fail(e: Error): Error {
    this.#failure ??= e;
    if (!this.#abort.signal.aborted) this.#abort.abort(this.#failure);
    return this.#failure;
  }

  #rethrow(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #drain(chunks: AsyncIterable<Buffer>, file: FileHandle): Promise<void> {
    let held: Buffer[] = [];
    let heldBytes = 0;
    const flush = async () => {
      await writeAll(file, held);
      this.#bytes += heldBytes;
      held = [];
      heldBytes = 0;
    };
    for await (const chunk of chunks) {
      this.#hash.update(chunk);
      held.push(chunk);
      heldBytes += chunk.length;
      if (heldBytes >= flushBytes) await flush();
    }
    await flush();
  }
}

/** Gathered, not copied: one large buffer after the other would keep the garbage collector busy. */
async function writeAll(file: FileHandle, chunks: readonly Buffer[]): Promise<void> {
  for (let left = [...chunks]; left.length > 0; ) {
    let { bytesWritten } = await file.writev(left.slice(0, 512));
    while (left[0] !== undefined && bytesWritten >= left[0].length) {
      bytesWritten -= left[0].length;
      left = left.slice(1);
    }
    if (left[0] !== undefined && bytesWritten > 0) left[0] = left[0].subarray(bytesWritten);
  }
}

/** Passes everything on, and knows afterwards what it was. */
export class HashTap extends Transform {
  readonly #hash: Hash;
  bytes = 0;

  constructor(algorithm = 'sha256') {
    super();
    this.#hash = createHash(algorithm);
  }

  override _transform(chunk: Buffer, _encoding: string, done: (e: null, chunk: Buffer) => void): void {
    this.#hash.update(chunk);
    this.bytes += chunk.length;
    done(null, chunk);
  }

  /** Once only, after the end. */
  digest(): string {
    return this.#hash.digest('hex');
  }
}
