import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { asError, OrdealError } from '../util/errors.js';
import type { Identity } from './keys.js';
import { caps, layout } from './layout.js';
import { type VnfSnapshotPkgInfo, vnfSnapshotPkgInfo } from './package-info.js';
import type { PackageReader } from './package-reader.js';

interface Sealed {
  readonly isGzip: boolean;
  readonly plainBytes: number;
}

/** The content of a package as it was before it was compressed and encrypted to its recipients. */
export class PlainContent {
  readonly #sealed: ReadonlyMap<string, Sealed>;

  private constructor(
    readonly reader: PackageReader,
    readonly info: VnfSnapshotPkgInfo | undefined,
    readonly identities: readonly Identity[],
  ) {
    this.#sealed = new Map(info === undefined ? [] : sealedEntries(info));
  }

  static async of(reader: PackageReader, identities: readonly Identity[] = []): Promise<PlainContent> {
    const isOurs = reader.version !== undefined;
    return new PlainContent(
      reader,
      isOurs ? await reader.record(layout.info, vnfSnapshotPkgInfo) : undefined,
      identities,
    );
  }

  /** What an entry is called without the endings of encryption; unchanged when it stays encrypted. */
  nameOf(path: string): string {
    const sealed = this.#sealed.get(path);
    if (sealed === undefined || this.identities.length === 0) return path;
    return path.replace(sealed.isGzip ? /\.gz\.cms$/ : /\.cms$/, '');
  }

  /** The entry that has this name in the clear. */
  find(name: string): string | undefined {
    const ending = /(\.gz)?\.cms$/;
    return [...this.reader.archive.entries.keys()].find(
      (path) => path === name || (this.#sealed.has(path) && path.replace(ending, '') === name),
    );
  }

  /** Checked against the manifest while it is read; without identities what is encrypted stays so. */
  open(path: string): Readable {
    const sealed = this.#sealed.get(path);
    const raw = this.reader.readChecked(path);
    if (sealed === undefined || this.identities.length === 0) return raw;
    return Readable.from(this.#unsealed(raw, sealed, `${this.reader.file}#${path}`), { objectMode: false });
  }

  /** As `open`, and an error instead of ciphertext for whoever has no key. */
  openPlain(path: string): Readable {
    if (!this.#sealed.has(path) || this.identities.length > 0) return this.open(path);
    throw new OrdealError('package-invalid', `Entry "${path}" is encrypted`, {
      where: this.reader.file,
      expected: 'the certificate and the key of one of its recipients',
      got: 'none',
    });
  }

  /** The whole of a small entry. */
  async bytesOf(path: string): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of this.openPlain(path)) {
      chunks.push(chunk as Buffer);
      bytes += (chunk as Buffer).length;
      if (bytes <= caps.recordBytes) continue;
      throw new OrdealError('package-invalid', `Entry "${path}" is too large for a record`, {
        where: this.reader.file,
        expected: `at most ${caps.recordBytes} bytes`,
        got: 'more',
      });
    }
    return Buffer.concat(chunks);
  }

  async *#unsealed(raw: Readable, { isGzip, plainBytes }: Sealed, where: string): AsyncGenerator<Buffer> {
    const { opened } = await import('./cms-envelope-reader.js');
    const clear = opened(raw as AsyncIterable<Buffer>, this.identities, where);
    let bytes = 0;
    for await (const chunk of isGzip ? gunzipped(clear, where) : clear) {
      bytes += chunk.length;
      if (bytes > plainBytes) break;
      yield chunk;
    }
    if (bytes === plainBytes) {
      // The end of the envelope, and with it the hash of the whole, may lie behind the last byte of the content.
      for await (const _ of raw);
      return;
    }
    throw new OrdealError('package-tampered', 'The encrypted entry is not as long as the package says', {
      where,
      expected: `${plainBytes} bytes`,
      got: bytes > plainBytes ? 'more' : `${bytes} bytes`,
    });
  }
}

function* sealedEntries(info: VnfSnapshotPkgInfo): Generator<[string, Sealed]> {
  const { vnfdInfo } = info;
  if (vnfdInfo?.isEncrypted && vnfdInfo.vnfdPath !== undefined) {
    yield [vnfdInfo.vnfdPath, { isGzip: false, plainBytes: vnfdInfo.size ?? caps.totalBytes }];
  }
  for (const image of info.vnfcSnapshotImages ?? []) {
    if (!image.isEncrypted || image.imagePath === undefined) continue;
    yield [image.imagePath, { isGzip: image.userMetadata?.contentEncoding === 'gzip', plainBytes: image.size }];
  }
  for (const { isEncrypted, artifactPath, metadata = {} } of info.additionalArtifacts ?? []) {
    if (!isEncrypted || artifactPath === undefined) continue;
    const plainBytes = typeof metadata.size === 'number' ? metadata.size : 0;
    yield [artifactPath, { isGzip: metadata.contentEncoding === 'gzip', plainBytes }];
  }
}

async function* gunzipped(source: AsyncIterable<Buffer>, where: string): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: 256 * 1024 });
  const from = Readable.from(source, { objectMode: false });
  from.on('error', (e) => gunzip.destroy(e));
  try {
    yield* from.pipe(gunzip) as AsyncIterable<Buffer>;
  } catch (e) {
    if (e instanceof OrdealError) throw e;
    throw new OrdealError('package-tampered', 'The encrypted entry cannot be read', { where, cause: asError(e) });
  } finally {
    from.destroy();
    gunzip.destroy();
  }
}
