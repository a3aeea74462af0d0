import { createReadStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
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
import { RecordedSnapshots } from '../snapshot-records.js';
import type { Capture } from './capture.js';
import type { CheckpointArchives } from './checkpoint-archive.js';
import type { Containers } from './containers.js';
import type { OciFolder, StoredSnapshot } from './folder.js';
import type { Reversion } from './reversion.js';
import { stateImage, takeIn } from './take-in.js';
import type { Trees } from './trees.js';

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
    return [...images, stateImage(stored)];
  }

  importImages(record: InstanceSnapshot, images: readonly SnapshotImage[]): Promise<InstanceSnapshot> {
    return takeIn(this.folder, record, images, async ({ location, stored, take }) => {
      if (stored.hasMemory) await take(CHECKPOINT, (file) => this.archives.unpack(file, location));
      for (const tree of treesOf(stored)) {
        await take(`${tree}.tar`, (file) => this.trees.unpack(file, join(location, tree)));
      }
      return this.trees.bytes(location);
    });
  }
}

/** Beside the archive of the checkpoint, which holds memory and layer. */
const treesOf = ({ hasMemory, volumes }: StoredSnapshot): string[] => [
  ...(hasMemory ? [] : ['layer']),
  ...volumes.map(({ id }) => `disk-${id}`),
];
