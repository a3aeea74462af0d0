import type { X509Certificate } from 'node:crypto';
import type { EngineContext } from '../snapshot/context.js';
import type { VimAccess } from '../snapshot/nfvo-relay.js';
import type { AttributeSelection } from '../store/attribute-filter.js';
import type { PackageFilter } from '../store/package-repository.js';
import type { TrustOptions } from './cms-signature.js';
import type { PackageArtifact } from './content.js';
import type { Identity } from './keys.js';
import type { PackageRecords } from './package-records.js';
import type { Shelf } from './shelf.js';

export interface PackageManagementOptions extends TrustOptions {
  readonly signer?: Identity;
  /** Packages made here are encrypted to these. */
  readonly recipients?: readonly X509Certificate[];
  /** Opens packages that are encrypted to one of these. */
  readonly identities?: readonly Identity[];
}

/** What the procedures of this folder share. */
export interface PackageContext {
  readonly engine: EngineContext;
  readonly access: VimAccess;
  readonly records: PackageRecords;
  readonly shelf: Shelf;
  /** Where a package lies while it comes or is built, before it is put on the shelf. */
  readonly folder: string;
  readonly options: PackageManagementOptions;
}

export interface ImportPackageRequest {
  /** A file or an http(s) URL. */
  readonly from: string;
  readonly sender?: string;
}

export interface ExportPackageRequest {
  readonly packageId: string;
  /** A file or an http(s) URL. */
  readonly to: string;
  readonly sender?: string;
}

export interface QueryPackagesRequest extends AttributeSelection {
  readonly filter?: PackageFilter;
  readonly sender?: string;
}

export interface CreatePackageRequest {
  readonly vnfSnapshotId: string;
  /** Default: the VNF Snapshot's name. */
  readonly name?: string;
  /** Absent: all VNFCs that the snapshot holds. */
  readonly vnfcIds?: readonly string[];
  readonly artifacts?: readonly PackageArtifact[];
  readonly userDefinedData?: Readonly<Record<string, unknown>>;
  readonly sender?: string;
}

export interface ExtractPackageRequest {
  readonly packageId: string;
  /** The id that the VNF Snapshot gets. Default: the one it had where it was taken. */
  readonly vnfSnapshotId?: string;
  /** Absent: all that the package holds. */
  readonly vnfcIds?: readonly string[];
  readonly sender?: string;
}
