import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { classifyIo, errnoOf } from './errors.js';

/**
 * Writes a file so that its name shows either the old content or the whole new one, also after a power cut:
 * temporary file beside the target, fsync, rename, fsync of the folder.
 * @param mode permission bits; snapshots hold memory, so the default lets only the owner read.
 * @throws OrdealError of kind `no-space`; the target is then unchanged and the temporary file is gone.
 */
export async function writeAtomically(
  path: string,
  content: string | Uint8Array | ((file: FileHandle) => Promise<void>),
  mode = 0o600,
): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true });
  const temporary = join(folder, `.${basename(path)}.${randomBytes(4).toString('hex')}.tmp`);
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      if (typeof content === 'function') await content(file);
      else await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(folder);
  } catch (e) {
    await rm(temporary, { force: true });
    throw isOurs(e) ? classifyIo(e, path) : e;
  }
}

/** What the caller reads while it writes fails for its own reasons: only an open, a write or a rename is about `path`. */
const isOurs = (e: unknown): boolean => {
  const path = e instanceof Error && 'path' in e ? e.path : undefined;
  return path === undefined || errnoOf(e) !== 'ENOENT' || String(path).endsWith('.tmp');
};

/** Makes a rename durable. Windows cannot open folders; there the rename is durable by itself. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
