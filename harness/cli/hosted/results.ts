import { createWriteStream } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import yauzl from 'yauzl';
import yazl from 'yazl';
import { classifyIo, OrdealError } from '../../util/errors.js';

/** @returns a ZIP of all files below the folder, as it is written */
export async function packFolder(folder: string): Promise<NodeJS.ReadableStream> {
  const zip = new yazl.ZipFile();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    // Snapshot packages and images are compressed already.
    zip.addFile(file, relative(folder, file).replaceAll('\\', '/'), { compress: !/\.(zip|png)$/.test(file) });
  }
  zip.end();
  return zip.outputStream;
}

/** @throws OrdealError of kinds file-invalid, no-space: an entry that would leave the folder is refused */
export async function unpackInto(archive: string, folder: string): Promise<number> {
  const zip = await yauzl.openPromise(archive, { lazyEntries: true, autoClose: false, strictFileNames: true });
  let count = 0;
  try {
    for await (const entry of zip.eachEntry()) {
      if (entry.fileName.endsWith('/')) continue;
      const file = resolve(folder, entry.fileName);
      if (relative(folder, file).startsWith('..')) {
        throw new OrdealError('file-invalid', 'The results name a file outside of their folder', {
          got: entry.fileName,
        });
      }
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      // They hold evidence: memory, logs.
      await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(file, { mode: 0o600 }));
      count += 1;
    }
  } catch (e) {
    throw classifyIo(e, folder);
  } finally {
    zip.close();
  }
  return count;
}
