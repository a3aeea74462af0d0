import type { X509Certificate } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { asError } from '../util/errors.js';
import type { ArchiveWriter, Compression, WrittenEntry } from './archive-writer.js';
import { isText, type RedactionRule, redacted } from './redaction.js';

export interface PackedEntry extends WrittenEntry {
  readonly isEncrypted: boolean;
  /** What the content is under the encryption: compressed first, since what is encrypted cannot be. */
  readonly contentEncoding?: 'gzip';
  /** Before encryption and compression. */
  readonly plainBytes: number;
  /** How many secrets were taken out; absent where none were looked for. */
  readonly redactions?: number;
}

export interface PackOptions {
  readonly recipients?: readonly X509Certificate[];
  /** false: text goes in as it is. */
  readonly redaction?: readonly RedactionRule[] | false;
  /** Images go in as they are, so that the chunk store finds their pages again; encrypted ones are compressed all the same. */
  readonly storeImages?: boolean;
}

/** Puts content into an archive as it should travel: redacted, compressed, encrypted. Keeps what the manifest needs. */
export class Packer {
  readonly written: WrittenEntry[] = [];

  constructor(
    readonly archive: ArchiveWriter,
    readonly options: PackOptions,
  ) {}

  /** Records: they say what is in the package, and can be read by anybody who has it. */
  async addRecord(path: string, value: unknown): Promise<WrittenEntry> {
    const entry = await this.archive.add(path, `${JSON.stringify(value, null, 2)}\n`, 'small');
    this.written.push(entry);
    return entry;
  }

  /** Content: encrypted where there are recipients, under a name that says so. */
  async add(path: string, source: Readable, kind: 'image' | 'artifact'): Promise<PackedEntry> {
    const { recipients = [], redaction, storeImages = false } = this.options;
    const isAsItIs = isCompressed(path) || (kind === 'image' && storeImages && recipients.length === 0);
    const compression: Compression = isAsItIs ? 'store' : kind === 'image' ? 'fast' : 'small';
    const looks = kind === 'artifact' && redaction !== false && isText(path);
    const clean = looks ? redacted(source, redaction || undefined) : undefined;
    let plainBytes = 0;
    async function* counted(chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        plainBytes += chunk.length;
        yield chunk;
      }
    }
    const plain = counted(clean?.text ?? source);
    const isEncrypted = recipients.length > 0;
    const isGzip = isEncrypted && compression !== 'store';
    const name = isEncrypted ? `${path}${isGzip ? '.gz' : ''}.cms` : path;
    const body = isEncrypted ? await sealed(isGzip ? gzipped(plain) : plain, recipients) : plain;
    const stream = Readable.from(body, { objectMode: false });
    // A source that is never begun is not closed by the generators around it.
    stream.on('close', () => source.destroy());
    const entry = await this.archive.add(name, stream, isEncrypted ? 'store' : compression);
    this.written.push(entry);
    return {
      ...entry,
      isEncrypted,
      plainBytes,
      ...(isGzip ? { contentEncoding: 'gzip' as const } : {}),
      ...(clean === undefined ? {} : { redactions: clean.count() }),
    };
  }
}

/** Most packages are not encrypted: what reads certificates is loaded for those that are. */
async function sealed(
  content: AsyncIterable<Buffer>,
  recipients: readonly X509Certificate[],
): Promise<AsyncIterable<Buffer>> {
  const { envelope } = await import('./cms-envelope.js');
  return envelope(content, recipients);
}

async function* gzipped(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gzip = createGzip({ level: 1, chunkSize: 256 * 1024 });
  const feeding = pipeline(source, gzip).catch((e: unknown) => {
    gzip.destroy(asError(e));
  });
  yield* gzip as AsyncIterable<Buffer>;
  await feeding;
}

/** What is compressed already only costs time to compress again. */
const isCompressed = (path: string): boolean =>
  /\.(zip|gz|tgz|bz2|xz|zst|lz4|br|png|jpe?g|webp|mp4|cms|p7m)$/i.test(path);
