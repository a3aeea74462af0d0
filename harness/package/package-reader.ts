import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { z } from 'zod';
import { OrdealError } from '../util/errors.js';
import { validate } from '../util/validate.js';
import { ArchiveReader } from './archive-reader.js';
import type { ArchiveEntry } from './archive-structure.js';
import { caps, layout } from './layout.js';
import { digestName, type Manifest, type ManifestSource, parseManifest } from './manifest.js';
import type { PackageLocation } from './package-source.js';

export interface OpenOptions {
  /** Uncompressed bytes of all entries together; more is refused. Default: 256 GiB. */
  readonly totalBytes?: number;
}

/** An opened package: its directory and its manifest are read and agree; contents are hashed as they are read. */
export class PackageReader implements AsyncDisposable {
  private constructor(
    readonly archive: ArchiveReader,
    readonly manifestPath: string,
    readonly manifest: Manifest,
    /** Our own format's version; undefined for a package of somebody else. */
    readonly version: number | undefined,
  ) {}

  get file(): string {
    return this.archive.file;
  }

  /** @throws OrdealError of kind `file-missing`, `package-truncated`, `package-tampered` or `package-invalid` */
  static async open(location: PackageLocation, options: OpenOptions = {}): Promise<PackageReader> {
    const archive = await ArchiveReader.open(location, options);
    const { file } = archive;
    try {
      const path = manifestPath(archive);
      const entry = archive.entries.get(path) as ArchiveEntry;
      const manifest = parseManifest(await contentOf(archive, entry), `${file}#${path}`);
      checkListed(archive, path, manifest);
      return new PackageReader(archive, path, manifest, formatVersion(manifest, file));
    } catch (e) {
      await archive[Symbol.asyncDispose]();
      throw e;
    }
  }

  entry(path: string): ArchiveEntry | undefined {
    return this.archive.entries.get(path);
  }

  /** A JSON record, checked against its hash and its schema. */
  async record<S extends z.ZodType>(path: string, schema: S): Promise<z.output<S>> {
    const entry = this.entry(path);
    const source = this.manifest.sources.find((s) => s.path === path);
    const where = `${this.file}#${path}`;
    if (entry === undefined || source === undefined) {
      throw new OrdealError('package-invalid', `The package has no "${path}"`, {
        where: this.file,
        remedy: 'It is not a VNF Snapshot Package that Ordeal can show; `ordeal package verify` checks its hashes.',
      });
    }
    const bytes = await contentOf(this.archive, entry);
    const got = createHash(digestName(source.algorithm)).update(bytes).digest('hex');
    if (got !== source.hash) throw wrongHash(this.file, source, got);
    let data: unknown;
    try {
      data = JSON.parse(bytes.toString('utf8'));
    } catch (e) {
      throw new OrdealError('package-invalid', 'The record is not JSON', { where, cause: e });
    }
    return validate(data, where, schema, 'package-invalid');
  }

  /** Reads one entry to its end. @throws OrdealError of kind `package-tampered` with the expected and the found hash */
  async check(source: ManifestSource): Promise<number> {
    let bytes = 0;
    for await (const chunk of this.readChecked(source.path)) bytes += (chunk as Buffer).length;
    return bytes;
  }

  /**
   * The content of an entry, hashed as it passes; it ends with an error instead of an end when it is not what the
   * manifest says. Whoever uses it before its end must be able to take back what was done with it.
   */
  readChecked(path: string): Readable {
    return Readable.from(this.#checked(path), { objectMode: false });
  }

  async *#checked(path: string): AsyncGenerator<Buffer> {
    const entry = this.entry(path);
    if (entry === undefined)
      throw new OrdealError('package-invalid', `The package has no "${path}"`, { where: this.file });
    const source = this.manifest.sources.find((s) => s.path === path);
    const hash = createHash(source === undefined ? 'sha256' : digestName(source.algorithm));
    try {
      for await (const chunk of this.archive.read(entry)) {
        hash.update(chunk as Buffer);
        yield chunk as Buffer;
      }
    } catch (e) {
      if (!(e instanceof OrdealError) || e.kind !== 'package-tampered' || source === undefined) throw e;
      throw wrongHash(this.file, source, `${e.parts.got} instead of ${e.parts.expected}`, e);
    }
    const got = hash.digest('hex');
    // The manifest is not listed in itself.
    if (source !== undefined && got !== source.hash) throw wrongHash(this.file, source, got);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.archive[Symbol.asyncDispose]();
  }
}

const wrongHash = (file: string, source: ManifestSource, got: string, cause?: unknown): OrdealError =>
  new OrdealError('package-tampered', `Entry "${source.path}" is not what the manifest says`, {
    where: file,
    expected: `${source.algorithm} ${source.hash}`,
    got,
    remedy: 'Do not trust this copy; fetch the package again.',
    ...(cause === undefined ? {} : { cause }),
  });

/** Ours has a fixed name; SOL004 lets others name it after their main file, at the root. */
function manifestPath(archive: ArchiveReader): string {
  if (archive.entries.has(layout.manifest)) return layout.manifest;
  const candidates = [...archive.entries.keys()].filter((path) => /^[^/]+\.mf$/i.test(path));
  if (candidates.length === 1) return candidates[0] as string;
  throw new OrdealError('package-invalid', 'The package has no manifest', {
    where: archive.file,
    expected: `${layout.manifest}, or one other .mf file beside the first level`,
    got: candidates.length === 0 ? 'none' : candidates.join(', '),
  });
}

async function contentOf(archive: ArchiveReader, entry: ArchiveEntry): Promise<Buffer> {
  if (entry.sizeBytes > caps.recordBytes) {
    throw new OrdealError('package-invalid', `Entry "${entry.path}" is too large for a record`, {
      where: archive.file,
      expected: `at most ${caps.recordBytes} bytes`,
      got: `${entry.sizeBytes} bytes`,
    });
  }
  const chunks: Buffer[] = [];
  for await (const chunk of archive.read(entry)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** No entry without a hash, no hash without an entry. */
function checkListed(archive: ArchiveReader, manifest: string, { sources }: Manifest): void {
  const listed = new Set(sources.map((s) => s.path));
  const extra = [...archive.entries.keys()].filter((path) => path !== manifest && !listed.has(path));
  const lost = [...listed].filter((path) => path !== manifest && !archive.entries.has(path));
  const tell = (paths: readonly string[]): string => paths.slice(0, 5).join(', ') + (paths.length > 5 ? ', …' : '');
  const remedy = 'Do not trust this copy; fetch the package again.';
  if (extra.length > 0) {
    throw new OrdealError('package-tampered', 'The package holds what its manifest does not list', {
      where: archive.file,
      expected: `${listed.size} entries`,
      got: `beside them ${tell(extra)}`,
      remedy,
    });
  }
  if (lost.length > 0) {
    throw new OrdealError('package-tampered', 'The package lacks what its manifest lists', {
      where: archive.file,
      expected: tell(lost),
      got: 'no such entry',
      remedy,
    });
  }
}

function formatVersion({ metadata }: Manifest, where: string): number | undefined {
  if (metadata.get('ordeal_package_format') !== layout.format) return undefined;
  const text = metadata.get('ordeal_package_version') ?? '';
  if (!/^\d+$/.test(text) || Number(text) < 1 || Number(text) > layout.version) {
    throw new OrdealError('package-invalid', 'The package has a version that this Ordeal does not read', {
      where,
      expected: `version 1 to ${layout.version}`,
      got: text === '' ? 'none' : text,
      remedy: 'Use the version of Ordeal that wrote it, or a later one.',
    });
  }
  return Number(text);
}
