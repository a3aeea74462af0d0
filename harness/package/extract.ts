import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, open, readdir, rename, rm, statfs } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { syncFolder } from '../util/atomic-file.js';
import { classifyIo, errnoOf, OrdealError } from '../util/errors.js';
import type { ArchiveEntry } from './archive-structure.js';
import type { Identity } from './keys.js';
import { type OpenOptions, PackageReader } from './package-reader.js';
import { PlainContent } from './plain-content.js';

export interface ExtractOptions extends OpenOptions {
  /** Which entries; absent: all, the manifest included. */
  readonly only?: (path: string) => boolean;
  /** Certificates with keys: what is encrypted to one of them is decrypted. Absent: it stays as it is. */
  readonly identities?: readonly Identity[];
  readonly signal?: AbortSignal;
}

export interface ExtractedPackage {
  readonly folder: string;
  /** Sizes as they are in the package. */
  readonly files: readonly { readonly path: string; readonly sizeBytes: number }[];
}

/**
 * Extracts a package into a folder that does not exist yet or is empty. Every entry is checked against its hash while
 * it is written, and the folder gets its name only when all of them were right: a tampered package leaves nothing.
 * Paths cannot leave the folder, links are not followed or made, and what is declared must fit on the disk beforehand.
 * Files and folders are readable by the owner only.
 * @throws OrdealError of kind `usage` (folder not empty), `no-space`, and those of `verifyPackage`
 */
export async function extractPackage(
  file: string,
  folder: string,
  options: ExtractOptions = {},
): Promise<ExtractedPackage> {
  await using reader = await PackageReader.open(file, options);
  const content = await PlainContent.of(reader, options.identities);
  const target = resolve(folder);
  await mustBeEmpty(target);
  const wanted = [...reader.archive.entries.values()].filter((e) => options.only?.(e.path) ?? true);
  await mkdir(dirname(target), { recursive: true });
  await mustFit(wanted, dirname(target));
  const temporary = await mkdtemp(join(dirname(target), `.${basename(target)}.`));
  try {
    for (const entry of wanted) {
      options.signal?.throwIfAborted();
      await extractEntry(content, entry, temporary);
    }
    await rename(temporary, target);
    await syncFolder(dirname(target));
  } catch (e) {
    await rm(temporary, { recursive: true, force: true });
    if (options.signal?.aborted)
      throw new OrdealError('interrupted', 'Extracting the package was stopped', { cause: e });
    throw classifyIo(e, target);
  }
  return { folder: target, files: wanted.map(({ path, sizeBytes }) => ({ path: content.nameOf(path), sizeBytes })) };
}

async function extractEntry(content: PlainContent, entry: ArchiveEntry, folder: string): Promise<void> {
  const path = join(folder, ...content.nameOf(entry.path).split('/'));
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  // 'wx': two names that are one file here (letter case, Unicode forms) fail instead of overwriting each other.
  const out = createWriteStream(path, { flags: 'wx', mode: 0o600 });
  try {
    await pipeline(content.open(entry.path), out);
  } catch (e) {
    if (errnoOf(e) !== 'EEXIST') throw e;
    throw new OrdealError('package-invalid', `Entry "${entry.path}" has the name of another on this file system`, {
      where: content.reader.file,
      cause: e,
      remedy: 'Extract it on a file system that tells letter case apart.',
    });
  }
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function mustBeEmpty(folder: string): Promise<void> {
  try {
    if ((await readdir(folder)).length === 0) return;
  } catch (e) {
    if (errnoOf(e) === 'ENOENT') return;
    if (errnoOf(e) !== 'ENOTDIR') throw classifyIo(e, folder);
  }
  throw new OrdealError('usage', 'The package cannot be extracted here', {
    where: folder,
    expected: 'a folder that is empty or not there yet',
    got: 'something else',
    remedy: 'Name another folder.',
  });
}

async function mustFit(entries: readonly ArchiveEntry[], folder: string): Promise<void> {
  const needed = entries.reduce((sum, e) => sum + e.sizeBytes, 0);
  const { bavail, bsize } = await statfs(folder);
  if (needed <= bavail * bsize) return;
  throw new OrdealError('no-space', 'The package does not fit here', {
    where: folder,
    expected: `${needed} bytes free`,
    got: `${bavail * bsize} bytes`,
    remedy: 'Free space or choose another folder; nothing was extracted.',
  });
}
