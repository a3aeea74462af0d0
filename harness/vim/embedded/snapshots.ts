import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { InstanceSnapshot } from '../../model/snapshot.js';
import type {
  CapturedSnapshot,
  ComputeId,
  CreateSnapshotRequest,
  RevertOptions,
  SnapshotFilter,
  SnapshotImage,
  Snapshots,
} from '../../model/vim.js';
import type { HostMethod, Params, Result } from './protocol.js';
import type { SnapshotFolder } from './snapshot-folder.js';

/** How long the images of one VNFC may take to or from the disk. */
export const imageDeadlineMs = 300_000;

type Call = <M extends HostMethod>(method: M, params: Params<M>, deadlineMs?: number) => Promise<Result<M>>;

/** Snapshots are made and reverted by the host; what lies on disk is read and tidied without it. */
export class EmbeddedSnapshots implements Snapshots {
  readonly #call: Call;

  constructor(
    readonly folder: SnapshotFolder,
    call: Call,
  ) {
    this.#call = call;
  }

  async capture(compute: ComputeId, request: CreateSnapshotRequest): Promise<CapturedSnapshot> {
    const captured = await this.#call('capture', { compute, request }, (request.deadlineMs || 10_000) + 15_000);
    return {
      ...captured,
      store: () => this.#call('store', { captured: captured.id }, imageDeadlineMs),
      discard: () => this.#call('discard', { captured: captured.id }),
    };
  }

  revert(compute: ComputeId, snapshotId: string, options: RevertOptions = {}): Promise<void> {
    return this.#call('revert', { compute, snapshot: snapshotId, options }, imageDeadlineMs);
  }

  list(filter?: SnapshotFilter): Promise<InstanceSnapshot[]> {
    return this.folder.list(filter);
  }

  async show(snapshotId: string): Promise<InstanceSnapshot> {
    return (await this.folder.read(snapshotId)).record;
  }

  update(
    snapshotId: string,
    change: { name?: string; description?: string; metadata?: Record<string, string> },
  ): Promise<InstanceSnapshot> {
    return this.folder.update(snapshotId, change);
  }

  /** Every image is whole by itself, so that `consolidate` has nothing to merge: a child never needs its parent. */
  async delete(snapshotIds: readonly string[]): Promise<void> {
    // Nothing is deleted when one of them does not exist.
    for (const id of snapshotIds) await this.folder.read(id);
    for (const id of snapshotIds) await this.folder.delete(id);
  }

  exportImages(snapshotId: string): Promise<readonly SnapshotImage[]> {
    return this.folder.images(snapshotId);
  }

  importImages(record: InstanceSnapshot, images: readonly SnapshotImage[]): Promise<InstanceSnapshot> {
    return this.folder.import(record, images, sha256Of);
  }
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}
