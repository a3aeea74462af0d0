import { instanceSnapshot, type VnfSnapshot, vnfSnapshot } from '../model/snapshot.js';
import { pausedMsOf } from '../snapshot/vnfc-snapshot-info.js';
import { imagePath, layout } from './layout.js';
import { type VnfSnapshotPkgInfo, vnfSnapshotPkgInfo } from './package-info.js';
import { type OpenOptions, PackageReader } from './package-reader.js';
import type { PackageLocation } from './package-source.js';

/** What a person or a script wants to know of a package; plain data. Sizes in bytes. */
export interface PackageSummary {
  readonly file: string;
  readonly bytes: number;
  readonly format: string;
  readonly version: number;
  readonly createdAt: string | undefined;
  readonly signed: boolean;
  readonly info: VnfSnapshotPkgInfo;
  readonly vnfSnapshot: VnfSnapshot;
  readonly vnfcs: readonly VnfcSummary[];
  readonly artifacts: readonly { readonly path: string; readonly sizeBytes: number }[];
  readonly vnfd: { readonly path: string; readonly sizeBytes: number } | undefined;
}

export interface VnfcSummary {
  readonly id: string;
  readonly snapshotId: string;
  readonly type: 'cold' | 'warm';
  readonly powerState: string;
  readonly createdAt: string;
  readonly pausedMs: number;
  readonly images: readonly {
    readonly name: string;
    readonly role: string;
    readonly sizeBytes: number;
    readonly compressedBytes: number;
    readonly isEncrypted: boolean;
  }[];
}

/**
 * Tells what is in a package from its manifest and its records, which are checked against their hashes. Images are not
 * read, so it takes no longer for a large one; `verifyPackage` checks those.
 * @throws OrdealError of kind `file-missing`, `package-truncated`, `package-tampered` or `package-invalid`
 */
export async function showPackage(location: PackageLocation, options: OpenOptions = {}): Promise<PackageSummary> {
  await using reader = await PackageReader.open(location, options);
  const { file } = reader;
  const record = await reader.record(layout.record, vnfSnapshot);
  const info = await reader.record(layout.info, vnfSnapshotPkgInfo);
  const vnfcIds = [...reader.archive.entries.keys()]
    .map((path) => path.split('/'))
    .filter((parts) => parts.length === 3 && `${parts[0]}/` === layout.images && parts[2] === layout.vnfcRecord)
    .map((parts) => parts[1] as string);
  const vnfcs: VnfcSummary[] = [];
  for (const vnfcId of vnfcIds) {
    const vim = await reader.record(imagePath(vnfcId, layout.vnfcRecord), instanceSnapshot);
    const told = record.vnfcSnapshots.find((it) => it.vnfcInstanceId === vnfcId);
    vnfcs.push({
      id: vnfcId,
      snapshotId: vim.id,
      type: vim.type,
      powerState: vim.powerState,
      createdAt: vim.createdAt,
      pausedMs: (told && pausedMsOf(told)) ?? vim.pausedMs,
      images: (info.vnfcSnapshotImages ?? [])
        .filter((image) => image.vnfcInstanceId === vnfcId)
        .map((image) => ({
          name: image.name,
          role: String(image.userMetadata?.role ?? 'image'),
          sizeBytes: image.size,
          compressedBytes: reader.entry(image.imagePath ?? '')?.compressedBytes ?? 0,
          isEncrypted: image.isEncrypted,
        })),
    });
  }
  const vnfd = reader.entry(layout.vnfd);
  return {
    file,
    bytes: reader.archive.bytes,
    format: layout.format,
    version: reader.version ?? 0,
    createdAt: info.createdAt,
    signed: reader.manifest.signature !== undefined,
    info,
    vnfSnapshot: record,
    vnfcs,
    artifacts: [...reader.archive.entries.values()]
      .filter((entry) => entry.path.startsWith(layout.artifacts))
      .map(({ path, sizeBytes }) => ({ path, sizeBytes })),
    vnfd: vnfd && { path: vnfd.path, sizeBytes: vnfd.sizeBytes },
  };
}
