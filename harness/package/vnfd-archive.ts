import { createReadStream } from 'node:fs';
import { lstat, open, readdir } from 'node:fs/promises';
import { join, posix } from 'node:path';
import type { Readable } from 'node:stream';
import yazl from 'yazl';
import { classifyIo, OrdealError } from '../util/errors.js';

/** Fixed, so that the same VNFD gives the same archive, byte for byte, in every package. */
const epoch = new Date(1980, 0, 1);

/**
 * The VNFD as the ZIP archive that the package contains: a ZIP as it is, any other file or a folder archived.
 * @throws OrdealError of kind `file-missing` or `file-invalid`, before anything is written
 */
export async function vnfdArchive(path: string): Promise<Readable> {
  let stats: Awaited<ReturnType<typeof lstat>>;
  try {
    stats = await lstat(path);
  } catch (e) {
    throw classifyIo(e, path);
  }
  if (stats.isFile() && (await isZip(path))) return createReadStream(path);
  const files = stats.isDirectory() ? await filesIn(path) : [{ name: posix.basename(path), path }];
  const zip = new yazl.ZipFile();
  const output = zip.outputStream as Readable;
  zip.on('error', (e: Error) => output.destroy(e));
  for (const file of files) {
    zip.addFile(file.path, file.name, { mtime: epoch, mode: 0o100644, forceDosTimestamp: true });
  }
  zip.end();
  return output;
}

async function filesIn(folder: string, prefix = ''): Promise<{ name: string; path: string }[]> {
  const found: { name: string; path: string }[] = [];
  const children = await readdir(folder, { withFileTypes: true });
  for (const child of children.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, child.name);
    const name = prefix + child.name;
    if (child.isDirectory()) found.push(...(await filesIn(path, `${name}/`)));
    else if (child.isFile()) found.push({ name, path });
    else {
      throw new OrdealError('file-invalid', 'The VNFD cannot be packaged', {
        where: path,
        expected: 'only files and folders',
        got: child.isSymbolicLink() ? 'a symbolic link' : 'a special file',
        remedy: 'Replace it by the file itself.',
      });
    }
  }
  return found;
}

async function isZip(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
    return bytesRead === 4 && buffer.readUInt32LE(0) === 0x04034b50;
  } finally {
    await file.close();
  }
}
