/** VNF and VNFC Snapshot Packages: what the folders above use. */
export type { SignatureInfo, TrustOptions } from './cms-signature.js';
export type { PackageArtifact, PackageContent, VnfcImages } from './content.js';
export { type DiffOptions, diffPackages, type ImageDiff, type PackageDiff, type VnfcDiff } from './diff.js';
export { type ExtractedPackage, type ExtractOptions, extractPackage } from './extract.js';
export { type Identity, readCertificates, readIdentity } from './keys.js';
export { PackageManagement } from './management.js';
export type {
  CreatePackageRequest,
  ExportPackageRequest,
  ExtractPackageRequest,
  ImportPackageRequest,
  PackageManagementOptions,
  QueryPackagesRequest,
} from './package-context.js';
export type { PackageState, VnfSnapshotPkgInfo } from './package-info.js';
export { endReplay, type Replayed, type ReplayRequest, replayPackage } from './replay.js';
export { type PackageSummary, showPackage, type VnfcSummary } from './show.js';
export { type PackageReport, type VerifyOptions, verifyPackage } from './verify.js';
export { type PackageFile, removeUnfinished, type WriteOptions, writePackage } from './write.js';
