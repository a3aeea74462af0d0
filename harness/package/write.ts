import { Readable } from 'node:stream';
import { writeAtomically } from '../util/atomic-file.js';
import { classifyIo, OrdealError } from '../util/errors.js';
import { ArchiveWriter, type Compression, type WrittenEntry } from './archive-writer.js';
import { signDetached } from './cms-signature.js';
import type { PackageContent } from './content.js';
import { describeContent } from './describe.js';
import type { Identity } from './keys.js';
import { checkedPath, imagePath, layout } from './layout.js';
import { manifestText } from './manifest.js';
import { vnfdArchive } from './vnfd-archive.js';

export interface WriteOptions {
  readonly signal?: AbortSignal;
  /** Signs the manifest (SOL004 option 1): RSA or EC. */
  readonly signer?: Identity;
}

export interface PackageFile {
  readonly file: string;
  /** Of the whole file, hex. */
  readonly sha256: string;
  readonly bytes: number;
  readonly entries: number;
}

/**
 * Writes a VNF Snapshot Package as a stream. The file appears whole under its name, readable by its owner only, or not
 * at all: on any failure the previous file is untouched and nothing is left beside it.
 * @throws OrdealError of kind `no-space`, `interrupted`, `snapshot-corrupt` (an image ended early), `package-invalid`
 * (a path is refused), `file-missing` (VNFD)
 * Source: GR NFV-TST 005, 6.7.1 steps 6 and 7.
 */
export async function writePackage(
  file: string,
  content: PackageContent,
  options: WriteOptions = {},
): Promise<PackageFile> {
  checkPaths(file, content);
  let result: PackageFile | undefined;
  await writeAtomically(file, async (handle) => {
    const archive = new ArchiveWriter(handle, new Date(), options.signal);
    try {
      await fill(archive, content, options);
      const { sha256, bytes } = await archive.finish();
      result = { file, sha256, bytes, entries: archive.entries };
    } catch (e) {
      throw classifyIo(await archive.abandon(e), file);
    }
  });
  if (result === undefined) throw new OrdealError('internal', 'The package was not written', { where: file });
  return result;
}

/** The manifest comes last: the hashes are known once everything has passed by. */
async function fill(archive: ArchiveWriter, content: PackageContent, { signer }: WriteOptions): Promise<void> {
  const written: WrittenEntry[] = [];
  const add = async (path: string, source: Readable | string, compression: Compression): Promise<WrittenEntry> => {
    const entry = await archive.add(path, source, compression);
    written.push(entry);
    return entry;
  };

  const { vnfd } = content;
  const vnfdEntry =
    vnfd && (await add(layout.vnfd, await opened({ open: () => vnfdArchive(vnfd.file) }, vnfd.file), 'store'));
  const images = [];
  for (const vnfc of content.images) {
    await add(imagePath(vnfc.vnfcId, layout.vnfcRecord), json(vnfc.record), 'small');
    for (const image of vnfc.images) {
      const path = imagePath(vnfc.vnfcId, image.name);
      const entry = await add(path, await opened(image, path), isCompressed(path) ? 'store' : 'fast');
      if (entry.sizeBytes !== image.sizeBytes) {
        throw new OrdealError('snapshot-corrupt', `Image "${image.name}" of VNFC "${vnfc.vnfcId}" is not whole`, {
          expected: `${image.sizeBytes} bytes`,
          got: `${entry.sizeBytes} bytes`,
          remedy: 'Check the VIM’s snapshot; no package was written.',
        });
      }
      images.push({ vnfc, image, entry });
    }
  }
  const artifacts = [];
  for (const artifact of content.artifacts) {
    const path = artifactPath(artifact.path);
    artifacts.push(await add(path, await opened(artifact, path), isCompressed(path) ? 'store' : 'small'));
  }
  const record = await add(layout.record, json(content.vnfSnapshot), 'small');
  const info = describeContent({ content, createdAt: archive.createdAt, vnfd: vnfdEntry, images, artifacts, record });
  await add(layout.info, json(info), 'small');

  const text = manifestText(
    new Map([
      ['ordeal_package_format', layout.format],
      ['ordeal_package_version', String(layout.version)],
      ['vnf_snapshot_package_id', info.id],
      ['vnf_snapshot_id', content.vnfSnapshot.id],
      ['vnf_instance_id', content.vnfSnapshot.vnfInstanceId],
      ['vnfd_id', content.vnfSnapshot.vnfdId],
      ['created_at', archive.createdAt.toISOString()],
    ]),
    written.map((e) => ({ path: e.path, algorithm: 'SHA-256', hash: e.sha256 })),
  );
  await archive.add(layout.manifest, signer ? text + signDetached(Buffer.from(text), signer) : text, 'small');
}

/** A source that cannot be read is named by its entry: the target's name would mislead. */
async function opened(
  source: { open(): Promise<NodeJS.ReadableStream> | NodeJS.ReadableStream },
  path: string,
): Promise<Readable> {
  const named = (e: unknown): Error => {
    const error = classifyIo(e, path);
    if (error instanceof OrdealError) return error;
    return new OrdealError('file-invalid', 'The content of the entry cannot be read', { where: path, cause: e });
  };
  async function* chunks(stream: NodeJS.ReadableStream) {
    try {
      yield* stream;
    } catch (e) {
      throw named(e);
    }
  }
  try {
    return Readable.from(chunks(await source.open()), { objectMode: false });
  } catch (e) {
    throw named(e);
  }
}

function checkPaths(file: string, content: PackageContent): void {
  for (const vnfc of content.images) {
    for (const image of vnfc.images) checkedPath(imagePath(vnfc.vnfcId, image.name), file);
  }
  for (const artifact of content.artifacts) checkedPath(artifactPath(artifact.path), file);
}

const artifactPath = (path: string): string => (path.startsWith(layout.artifacts) ? path : layout.artifacts + path);

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** What is compressed already only costs time to compress again. */
const isCompressed = (path: string): boolean =>
  /\.(zip|gz|tgz|bz2|xz|zst|lz4|br|png|jpe?g|webp|mp4|pcapng\.gz|cms|p7m)$/i.test(path);
