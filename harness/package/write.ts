import { readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { writeAtomically } from '../util/atomic-file.js';
import { classifyIo, errnoOf, OrdealError } from '../util/errors.js';
import { ArchiveWriter } from './archive-writer.js';
import type { PackageContent } from './content.js';
import { describeContent } from './describe.js';
import type { Identity } from './keys.js';
import { checkedPath, imagePath, layout } from './layout.js';
import { manifestText } from './manifest.js';
import { Packer, type PackOptions } from './packer.js';
import { vnfdArchive } from './vnfd-archive.js';

/**
 * With recipients, images, artifacts and VNFD are encrypted to each of them (CMS, AES-256); the records stay readable.
 * Artifacts that are text are redacted, unless told not to.
 */
export interface WriteOptions extends PackOptions {
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

/**
 * After a crash: removes what a writer of this file left beside it. Only for a writer that is known to be dead.
 * @returns the names of what was removed
 */
export async function removeUnfinished(file: string): Promise<string[]> {
  const folder = dirname(file);
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (e) {
    if (errnoOf(e) === 'ENOENT') return [];
    throw classifyIo(e, folder);
  }
  const left = names.filter((name) => name.startsWith(`.${basename(file)}.`) && name.endsWith('.tmp'));
  for (const name of left) await rm(join(folder, name), { force: true });
  return left;
}

/** The manifest comes last: the hashes are known once everything has passed by. */
async function fill(archive: ArchiveWriter, content: PackageContent, options: WriteOptions): Promise<void> {
  const packer = new Packer(archive, options);
  const { vnfd } = content;
  const vnfdEntry =
    vnfd && (await packer.add(layout.vnfd, await opened({ open: () => vnfdArchive(vnfd.file) }, vnfd.file), 'image'));
  const images = [];
  for (const vnfc of content.images) {
    await packer.addRecord(imagePath(vnfc.vnfcId, layout.vnfcRecord), vnfc.record);
    for (const image of vnfc.images) {
      const path = imagePath(vnfc.vnfcId, image.name);
      const entry = await packer.add(path, await opened(image, path), 'image');
      if (entry.plainBytes !== image.sizeBytes) {
        throw new OrdealError('snapshot-corrupt', `Image "${image.name}" of VNFC "${vnfc.vnfcId}" is not whole`, {
          expected: `${image.sizeBytes} bytes`,
          got: `${entry.plainBytes} bytes`,
          remedy: 'Check the VIM’s snapshot; no package was written.',
        });
      }
      images.push({ vnfc, image, entry });
    }
  }
  const artifacts = [];
  for (const artifact of content.artifacts) {
    const path = artifactPath(artifact.path);
    artifacts.push(await packer.add(path, await opened(artifact, path), 'artifact'));
  }
  const record = await packer.addRecord(layout.record, content.vnfSnapshot);
  const info = describeContent({ content, createdAt: archive.createdAt, vnfd: vnfdEntry, images, artifacts, record });
  await packer.addRecord(layout.info, info);

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
    packer.written.map((e) => ({ path: e.path, algorithm: 'SHA-256', hash: e.sha256 })),
  );
  const { signer } = options;
  const signature = signer === undefined ? '' : await signed(text, signer);
  await archive.add(layout.manifest, text + signature, 'small');
}

/** What signs is loaded for those who do. */
async function signed(text: string, signer: Identity): Promise<string> {
  const { signDetached } = await import('./cms-signature.js');
  return signDetached(Buffer.from(text), signer);
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
