import { createReadStream, createWriteStream } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { InstanceSnapshot } from '../../model/snapshot.js';
import type {
  CapturedSnapshot,
  ComputeId,
  CreateSnapshotRequest,
  RevertOptions,
  SnapshotImage,
  Snapshots,
} from '../../model/vim.js';
import { OrdealError } from '../../util/errors.js';
import { newId } from '../../util/ids.js';
import { Undo } from '../../util/undo.js';
import { validate } from '../../util/validate.js';
import { RecordedSnapshots } from '../snapshot-records.js';
import type { Capture } from './capture.js';
import type { CheckpointArchives } from './checkpoint-archive.js';
import type { Containers } from './containers.js';
import { type OciFolder, type StoredSnapshot, storedSnapshot } from './folder.js';
import type { Reversion } from './reversion.js';
import type { Trees } from './trees.js';

const STATE = 'state.json';
/** The name that the kubelet gives such an archive ends like this. */
const CHECKPOINT = 'checkpoint.tar';

type Turn = <T>(compute: ComputeId, work: () => Promise<T>) => Promise<T>;

/** The snapshots of containers. Calls for one container wait for each other. */
export class OciSnapshots extends RecordedSnapshots<StoredSnapshot, OciFolder> implements Snapshots {
  constructor(
    readonly containers: Containers,
    folder: OciFolder,
    readonly trees: Trees,
    readonly archives: CheckpointArchives,
    readonly captures: Capture,
    readonly reversion: Reversion,
    readonly turn: Turn,
  ) {
    super(folder);
  }

  async capture(compute: ComputeId, request: CreateSnapshotRequest): Promise<CapturedSnapshot> {
    const captured = await this.turn(compute, () => this.captures.take(compute, request));
    return {
      ...captured,
      store: () => this.turn(compute, () => captured.store()),
      discard: () => this.turn(compute, () => captured.discard()),
    };
  }

  revert(compute: ComputeId, snapshotId: string, options: RevertOptions = {}): Promise<void> {
    return this.turn(compute, () => this.reversion.revert(compute, snapshotId, options));
  }

  /** All or none. Each snapshot stands by itself: there is nothing to consolidate. */
  async delete(snapshotIds: readonly string[]): Promise<void> {
    const found = await Promise.all(snapshotIds.map((id) => this.folder.read(id)));
    const seen = await this.containers.all();
    for (const { record } of found) {
      const user = seen.find((s) => s.marks.pending?.snapshot === record.id);
      if (user === undefined) continue;
      throw new OrdealError('snapshot-in-use', `"${user.container.name}" waits for the memory of "${record.id}"`, {
        remedy: 'Resume or stop it first.',
      });
    }
    for (const stored of found) await this.folder.remove(stored);
  }

  /** Memory and writable layer in the archive of a checkpoint, a tar each of the volumes, and what the driver needs to know. */
  async exportImages(snapshotId: string): Promise<readonly SnapshotImage[]> {
    const stored = await this.folder.read(snapshotId);
    const { location } = stored.record;
    const images: SnapshotImage[] = [];
    const add = async (name: string, role: SnapshotImage['role'], write: (file: string) => Promise<void>) => {
      const file = join(location, `export-${name}`);
      await rm(file, { force: true });
      await write(file);
      images.push({ name, role, sizeBytes: (await stat(file)).size, open: async () => createReadStream(file) });
    };
    if (stored.hasMemory) await add(CHECKPOINT, 'memory', (file) => this.archives.pack(stored, file));
    for (const tree of treesOf(stored)) {
      await add(`${tree}.tar`, 'disk', (file) => this.trees.pack(join(location, tree), file));
    }
    const state = Buffer.from(JSON.stringify(stored));
    images.push({ name: STATE, role: 'state', sizeBytes: state.length, open: async () => Readable.from([state]) });
    return images;
  }

  async importImages(record: InstanceSnapshot, images: readonly SnapshotImage[]): Promise<InstanceSnapshot> {
    const id = newId('snap');
    const folder = this.folder.folderOf(id);
    await using undo = new Undo();
    undo.defer('remove the unfinished import', () => rm(folder, { recursive: true, force: true }));
    await this.folder.begin(id, folder);
    for (const image of images) {
      if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(image.name)) {
        throw new OrdealError('package-invalid', `"${image.name}" cannot be the name of an image`);
      }
      await pipeline(await image.open(), createWriteStream(join(folder, image.name), { flags: 'wx', mode: 0o600 }));
    }
    const text = await readFile(join(folder, STATE), 'utf8').catch((e: unknown) => {
      throw new OrdealError('package-invalid', `The images lack ${STATE}`, { cause: e, where: record.id });
    });
    const stored = validate(JSON.parse(text), `${record.id}: ${STATE}`, storedSnapshot, 'package-invalid');
    const take = async (name: string, read: (file: string) => Promise<void>) => {
      if (!images.some((i) => i.name === name)) {
        throw new OrdealError('package-invalid', `The image ${name} is missing`, { where: record.id });
      }
      await read(join(folder, name));
      await rm(join(folder, name));
    };
    if (stored.hasMemory) await take(CHECKPOINT, (file) => this.archives.unpack(file, folder));
    for (const tree of treesOf(stored)) {
      await take(`${tree}.tar`, (file) => this.trees.unpack(file, join(folder, tree)));
    }
    const bytesStored = await this.trees.bytes(folder);
    const imported: InstanceSnapshot = { ...record, id, location: folder, bytesStored };
    await this.folder.write({ ...stored, record: imported });
    undo.keep();
    return imported;
  }
}

/** Beside the archive of the checkpoint, which holds memory and layer. */
const treesOf = ({ hasMemory, volumes }: StoredSnapshot): string[] => [
  ...(hasMemory ? [] : ['layer']),
  ...volumes.map(({ id }) => `disk-${id}`),
];
