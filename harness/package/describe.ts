import type { SnapshotImage } from '../model/vim.js';
import type { WrittenEntry } from './archive-writer.js';
import type { PackageContent, VnfcImages } from './content.js';
import { type Checksum, packageLink, type SnapshotImageInfo, type VnfSnapshotPkgInfo } from './package-info.js';

export interface DescribedContent {
  readonly content: PackageContent;
  readonly createdAt: Date;
  readonly vnfd: WrittenEntry | undefined;
  readonly images: readonly {
    readonly vnfc: VnfcImages;
    readonly image: SnapshotImage;
    readonly entry: WrittenEntry;
  }[];
  readonly artifacts: readonly WrittenEntry[];
  readonly record: WrittenEntry;
}

/** The package's own description of itself: SOL005 VnfSnapshotPkgInfo, without the checksum of the whole. */
export function describeContent(it: DescribedContent): VnfSnapshotPkgInfo {
  const snapshot = it.content.vnfSnapshot;
  const id = `pkg-${snapshot.id}`;
  const plain = { isEncrypted: false };
  return {
    id,
    vnfSnapshotPkgUniqueId: id,
    name: snapshot.userDefinedData.name,
    createdAt: it.createdAt.toISOString(),
    vnfSnapshotId: snapshot.id,
    vnfcSnapshotInfoIds: snapshot.vnfcSnapshots.map((s) => s.id),
    isFullSnapshot: isFull(it.content),
    ...(it.vnfd === undefined
      ? {}
      : { vnfdInfo: { vnfdId: snapshot.vnfdId, vnfdPath: it.vnfd.path, checksum: sum(it.vnfd), ...plain } }),
    vnfsr: { vnfSnapshotId: snapshot.id, recordPath: it.record.path, checksum: sum(it.record), ...plain },
    vnfcSnapshotImages: it.images.map(({ vnfc, image, entry }) => imageInfo(vnfc, image, entry)),
    additionalArtifacts: it.artifacts.map((entry) => ({ artifactPath: entry.path, checksum: sum(entry), ...plain })),
    state: 'AVAILABLE',
    isCancelPending: false,
    ...(it.content.userDefinedData === undefined ? {} : { userDefinedData: { ...it.content.userDefinedData } }),
    _links: { self: packageLink(id) },
  };
}

function imageInfo(vnfc: VnfcImages, image: SnapshotImage, entry: WrittenEntry): SnapshotImageInfo {
  return {
    id: `${vnfc.record.id}/${image.name}`,
    name: image.name,
    checksum: sum(entry),
    isEncrypted: false,
    vnfcInstanceId: vnfc.vnfcId,
    containerFormat: 'BARE',
    diskFormat: /\.qcow2$/i.test(image.name) ? 'QCOW2' : 'RAW',
    createdAt: vnfc.record.createdAt,
    minDisk: image.role === 'disk' ? image.sizeBytes : 0,
    minRam: image.role === 'memory' ? (vnfc.record.memory?.bytes ?? image.sizeBytes) : 0,
    size: image.sizeBytes,
    userMetadata: { role: image.role, vimSnapshotId: vnfc.record.id },
    imagePath: entry.path,
  };
}

/** Every VNFC of the VNF is in it, with all its disks. */
function isFull({ vnfSnapshot, images }: PackageContent): boolean {
  const packed = new Set(images.map((i) => i.vnfcId));
  const { vnfcResourceInfo } = vnfSnapshot.vnfInstance.instantiatedVnfInfo;
  return (
    vnfSnapshot.userDefinedData.excluded.length === 0 &&
    vnfcResourceInfo.every((vnfc) => packed.has(vnfc.id) || packed.has(vnfc.vduId))
  );
}

const sum = (entry: WrittenEntry): Checksum => ({ algorithm: 'SHA-256', hash: entry.sha256 });
