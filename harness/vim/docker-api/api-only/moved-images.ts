import { createReadStream } from 'node:fs';
import { mkdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { InstanceSnapshot } from '../../../model/snapshot.js';
import type { SnapshotImage } from '../../../model/vim.js';
import { OrdealError } from '../../../util/errors.js';
import type { OciFolder, StoredSnapshot } from '../../oci/folder.js';
import { stateImage, takeIn } from '../../oci/take-in.js';
import { archiveIn, bytesIn, dumpIn, INDEX, pathsIn } from './fetched-files.js';

/** The name that the kubelet gives such an archive ends like this. */
const CHECKPOINT = 'checkpoint.tar';
const nameOf = (n: number): string => `files-${n}.tar`;

/** @param memoryStays why the daemon does not give the memory away; undefined: it does */
export async function imagesOf(
  stored: StoredSnapshot,
  memoryStays: string | undefined,
): Promise<readonly SnapshotImage[]> {
  const { location, id } = stored.record;
  if (stored.hasMemory && memoryStays !== undefined) {
    throw new OrdealError('capability-missing', `Snapshot "${id}" cannot be moved: ${memoryStays}`, {
      remedy: 'Move a cold one, or run Ordeal on the host of the containers, as root: then there are image files.',
    });
  }
  const image = async (name: string, role: SnapshotImage['role'], file: string): Promise<SnapshotImage> => {
    return { name, role, sizeBytes: (await stat(file)).size, open: async () => createReadStream(file) };
  };
  const paths = await pathsIn(location);
  return [
    ...(stored.hasMemory ? [await image(CHECKPOINT, 'memory', dumpIn(location))] : []),
    ...(await Promise.all(paths.map((_, n) => image(nameOf(n), 'disk', archiveIn(location, n))))),
    await image(INDEX, 'state', join(location, INDEX)),
    stateImage(stored),
  ];
}

export const takeImages = (
  folder: OciFolder,
  record: InstanceSnapshot,
  images: readonly SnapshotImage[],
): Promise<InstanceSnapshot> =>
  takeIn(folder, record, images, async ({ location, stored, take }) => {
    if (!images.some((i) => i.name === INDEX)) {
      throw new OrdealError('package-invalid', `The image ${INDEX} is missing`, { where: record.id });
    }
    await mkdir(join(location, 'files'), { mode: 0o700 });
    if (stored.hasMemory) await take(CHECKPOINT, (file) => rename(file, dumpIn(location)));
    for (const n of (await pathsIn(location)).keys())
      await take(nameOf(n), (file) => rename(file, archiveIn(location, n)));
    return (await bytesIn(location)).all;
  });
