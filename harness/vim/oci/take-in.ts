import { createWriteStream } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { InstanceSnapshot } from '../../model/snapshot.js';
import type { SnapshotImage } from '../../model/vim.js';
import { OrdealError } from '../../util/errors.js';
import { newId } from '../../util/ids.js';
import { Undo } from '../../util/undo.js';
import { validate } from '../../util/validate.js';
import { type OciFolder, type StoredSnapshot, storedSnapshot } from './folder.js';

const STATE = 'state.json';

/** What the driver needs to know of a snapshot that is moved. */
export function stateImage(stored: StoredSnapshot): SnapshotImage {
  const state = Buffer.from(JSON.stringify(stored));
  return { name: STATE, role: 'state', sizeBytes: state.length, open: async () => Readable.from([state]) };
}

/** What came in; `take` hands one image over by its name, and the file that it lies in. */
export interface Arrived {
  readonly location: string;
  readonly stored: StoredSnapshot;
  take(name: string, read: (file: string) => Promise<void>): Promise<void>;
}

/**
 * Images that another driver gave, on this machine or another, become a snapshot of this one; on failure nothing is left.
 * @param unpack puts them where they belong @returns how many bytes that are
 * @throws OrdealError of kind package-invalid
 */
export async function takeIn(
  folder: OciFolder,
  record: InstanceSnapshot,
  images: readonly SnapshotImage[],
  unpack: (arrived: Arrived) => Promise<number>,
): Promise<InstanceSnapshot> {
  const id = newId('snap');
  const location = folder.folderOf(id);
  await using undo = new Undo();
  undo.defer('remove the unfinished import', () => rm(location, { recursive: true, force: true }));
  await folder.begin(id, location);
  for (const image of images) {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(image.name)) {
      throw new OrdealError('package-invalid', `"${image.name}" cannot be the name of an image`);
    }
    await pipeline(await image.open(), createWriteStream(join(location, image.name), { flags: 'wx', mode: 0o600 }));
  }
  const text = await readFile(join(location, STATE), 'utf8').catch((e: unknown) => {
    throw new OrdealError('package-invalid', `The images lack ${STATE}`, { cause: e, where: record.id });
  });
  const stored = validate(JSON.parse(text), `${record.id}: ${STATE}`, storedSnapshot, 'package-invalid');
  const take = async (name: string, read: (file: string) => Promise<void>) => {
    if (!images.some((i) => i.name === name)) {
      throw new OrdealError('package-invalid', `The image ${name} is missing`, { where: record.id });
    }
    await read(join(location, name));
    await rm(join(location, name), { force: true });
  };
  const bytesStored = await unpack({ location, stored, take });
  const imported: InstanceSnapshot = { ...record, id, location, bytesStored };
  await folder.write({ ...stored, record: imported });
  undo.keep();
  return imported;
}
