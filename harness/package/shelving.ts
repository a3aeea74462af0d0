import { rm } from 'node:fs/promises';
import { layout } from './layout.js';
import type { PackageContext } from './package-context.js';
import { type VnfSnapshotPkgInfo, vnfSnapshotPkgInfo } from './package-info.js';
import { PackageReader } from './package-reader.js';
import { Shelf } from './shelf.js';

type Repository = Pick<PackageContext, 'records' | 'shelf'>;

/**
 * A whole and sound package comes into the repository: its file onto the shelf, and what it says of itself into the
 * record, under the repository's id. The file is gone when this returns.
 */
export async function shelve(
  { records, shelf }: Repository,
  id: string,
  file: string,
  sha256: string,
): Promise<VnfSnapshotPkgInfo> {
  const { _links, createdAt, ...own } = await infoOf(file);
  await shelf.put(id, file);
  await rm(file);
  const before = records.show(id).info;
  const change = {
    ...own,
    name: before.userDefinedData?.imported === true ? own.name : before.name,
    isCancelPending: false,
    checksum: { algorithm: 'SHA-256' as const, hash: sha256 },
    userDefinedData: { ...own.userDefinedData, ...before.userDefinedData },
  };
  return records.enter(id, 'AVAILABLE', change, Shelf.locationOf(id));
}

async function infoOf(file: string): Promise<VnfSnapshotPkgInfo> {
  await using reader = await PackageReader.open(file);
  return await reader.record(layout.info, vnfSnapshotPkgInfo);
}

/** The record says why; nothing of the content stays. What cannot be removed now is swept by the next recovery. */
export async function giveUp({ records, shelf }: Repository, id: string, file: string, reason: unknown): Promise<void> {
  records.fail(id, reason);
  await Promise.allSettled([rm(file, { force: true }), shelf.remove(id)]);
}
