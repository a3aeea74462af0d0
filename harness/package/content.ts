import type { InstanceSnapshot, VnfSnapshot } from '../model/snapshot.js';
import type { SnapshotImage } from '../model/vim.js';

/** What a VNF Snapshot Package is made of (GR NFV-TST 005, 6.7.1 step 6). Nothing of it is read before its turn. */
export interface PackageContent {
  readonly vnfSnapshot: VnfSnapshot;
  /** A file or a folder: it becomes the ZIP archive vnfd.zip, since a VNFD is itself a ZIP. */
  readonly vnfd: { readonly file: string } | undefined;
  readonly images: readonly VnfcImages[];
  /** Logs, trace, measurements, verdicts: what root cause analysis needs (clause 4.2.1). */
  readonly artifacts: readonly PackageArtifact[];
  readonly userDefinedData?: Readonly<Record<string, unknown>>;
}

export interface VnfcImages {
  readonly vnfcId: string;
  readonly record: InstanceSnapshot;
  /** Streamed from the VIM, one after the other. */
  readonly images: readonly SnapshotImage[];
}

export interface PackageArtifact {
  /** `artifacts/` is put before it where it is not there. */
  readonly path: string;
  open(): Promise<NodeJS.ReadableStream> | NodeJS.ReadableStream;
  readonly sizeBytes?: number;
}
