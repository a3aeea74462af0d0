import { z } from 'zod';

/** SOL005 clause 11: the package as the package management interface shows it. Sizes in bytes, times in ISO 8601. */

export const packageStates = [
  'CREATED',
  'BUILDING',
  'UPLOADING',
  'PROCESSING',
  'EXTRACTING',
  'AVAILABLE',
  'ERROR',
  'ERROR_EXTRACTING',
] as const;
export const packageState = z.enum(packageStates);
export type PackageState = z.output<typeof packageState>;

export const packageErrorType = z.enum([
  'BUILD_ERROR',
  'UPLOAD_ERROR',
  'PROCESS_ERROR',
  'CANCELLED',
  'EXTRACTION_ERROR',
]);
export type PackageErrorType = z.output<typeof packageErrorType>;

export const checksum = z.object({
  algorithm: z.enum(['SHA-256', 'SHA-512']),
  hash: z.string().regex(/^[0-9a-f]+$/, 'must be lower-case hex'),
});
export type Checksum = z.output<typeof checksum>;

export const problemDetails = z.object({
  type: z.string().optional(),
  title: z.string().optional(),
  status: z.number().int(),
  detail: z.string(),
  instance: z.string().optional(),
});

export const snapshotImageInfo = z.object({
  id: z.string(),
  name: z.string(),
  checksum,
  isEncrypted: z.boolean(),
  vnfcInstanceId: z.string(),
  containerFormat: z.enum(['AKI', 'AMI', 'ARI', 'BARE', 'DOCKER', 'OVA', 'OVF']),
  diskFormat: z.enum(['AKI', 'AMI', 'ARI', 'ISO', 'QCOW2', 'RAW', 'VDI', 'VHD', 'VHDX', 'VMDK']),
  createdAt: z.string(),
  minDisk: z.number(),
  minRam: z.number(),
  size: z.number(),
  userMetadata: z.record(z.string(), z.unknown()).optional(),
  imagePath: z.string().optional(),
  imageUri: z.string().optional(),
});
export type SnapshotImageInfo = z.output<typeof snapshotImageInfo>;

export const artifactInfo = z.object({
  artifactPath: z.string().optional(),
  artifactUri: z.string().optional(),
  checksum,
  isEncrypted: z.boolean(),
  metadata: z.record(z.string(), z.unknown()).optional(),
});
export type ArtifactInfo = z.output<typeof artifactInfo>;

const link = z.object({ href: z.string() });

export const vnfSnapshotPkgInfo = z.object({
  id: z.string(),
  vnfSnapshotPkgUniqueId: z.string().optional(),
  name: z.string(),
  checksum: checksum.optional().describe('Of the package file itself: absent inside it.'),
  createdAt: z.string().optional(),
  vnfSnapshotId: z.string().optional(),
  vnfcSnapshotInfoIds: z.array(z.string()).optional(),
  isFullSnapshot: z.boolean(),
  vnfdInfo: z
    .object({
      vnfdId: z.string(),
      vnfdPath: z.string().optional(),
      checksum,
      isEncrypted: z.boolean(),
      size: z.number().optional().describe('Ours: bytes in the clear.'),
    })
    .optional(),
  vnfsr: z.object({ vnfSnapshotId: z.string(), recordPath: z.string(), checksum, isEncrypted: z.boolean() }).optional(),
  vnfcSnapshotImages: z.array(snapshotImageInfo).optional(),
  additionalArtifacts: z.array(artifactInfo).optional(),
  state: packageState,
  isCancelPending: z.boolean(),
  failureDetails: z.object({ errorType: packageErrorType, details: problemDetails }).optional(),
  userDefinedData: z.record(z.string(), z.unknown()).optional(),
  _links: z.object({ self: link, packageContent: link.optional(), vnfSnapshot: link.optional() }),
});
export type VnfSnapshotPkgInfo = z.output<typeof vnfSnapshotPkgInfo>;

/** Relative to the API root, as SOL005 clause 11.4 has it. */
export const packageLink = (id: string): { href: string } => ({
  href: `/vnfsnapshotpkgm/v1/vnf_snapshot_packages/${encodeURIComponent(id)}`,
});
