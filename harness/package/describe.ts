import type { SnapshotImage } from '../model/vim.js';
import type { WrittenEntry } from './archive-writer.js';
import type { PackageContent, VnfcImages } from './content.js';
import {
  type ArtifactInfo,
  type Checksum,
  packageLink,
  type SnapshotImageInfo,
  type VnfSnapshotPkgInfo,
} from './package-info.js';
import type { PackedEntry } from './packer.js';

export interface DescribedContent {
  readonly content: PackageContent;
  readonly createdAt: Date;
  readonly vnfd: PackedEntry | undefined;
  readonly images: readonly {
    readonly vnfc: VnfcImages;
    readonly image: SnapshotImage;
    readonly entry: PackedEntry;
  }[];
  readonly artifacts: readonly PackedEntry[];
  readonly record: WrittenEntry;
}

/** The package's own description of itself: SOL005 VnfSnapshotPkgInfo, without the checksum of the whole. */
export function describeContent(it: DescribedContent): VnfSnapshotPkgInfo {
  const snapshot = it.content.vnfSnapshot;
  const id = `pkg-${snapshot.id}`;
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
      : {
          vnfdInfo: {
            vnfdId: snapshot.vnfdId,
            vnfdPath: it.vnfd.path,
            checksum: sum(it.vnfd),
            isEncrypted: it.vnfd.isEncrypted,
            size: it.vnfd.plainBytes,
          },
        }),
    vnfsr: { vnfSnapshotId: snapshot.id, recordPath: it.record.path, checksum: sum(it.record), isEncrypted: false },
    vnfcSnapshotImages: it.images.map(({ vnfc, image, entry }) => imageInfo(vnfc, image, entry)),
    additionalArtifacts: it.artifacts.map(artifactInfo),
    state: 'AVAILABLE',
    isCancelPending: false,
    ...(it.content.userDefinedData === undefined ? {} : { userDefinedData: { ...it.content.userDefinedData } }),
    _links: { self: packageLink(id) },
  };
}

function imageInfo(vnfc: VnfcImages, image: SnapshotImage, entry: PackedEntry): SnapshotImageInfo {
  return {
    id: `${vnfc.record.id}/${image.name}`,
    name: image.name,
    checksum: sum(entry),
    isEncrypted: entry.isEncrypted,
    vnfcInstanceId: vnfc.vnfcId,
    containerFormat: 'BARE',
    diskFormat: /\.qcow2$/i.test(image.name) ? 'QCOW2' : 'RAW',
    createdAt: vnfc.record.createdAt,
    minDisk: image.role === 'disk' ? image.sizeBytes : 0,
    minRam: image.role === 'memory' ? (vnfc.record.memory?.bytes ?? image.sizeBytes) : 0,
    size: image.sizeBytes,
    userMetadata: { role: image.role, vimSnapshotId: vnfc.record.id, ...encoding(entry) },
    imagePath: entry.path,
  };
}

const artifactInfo = (entry: PackedEntry): ArtifactInfo => ({
  artifactPath: entry.path,
  checksum: sum(entry),
  isEncrypted: entry.isEncrypted,
  metadata: {
    size: entry.plainBytes,
    ...encoding(entry),
    ...(entry.redactions === undefined ? {} : { redactions: entry.redactions }),
  },
});

const encoding = ({ contentEncoding }: PackedEntry) => (contentEncoding === undefined ? {} : { contentEncoding });

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
