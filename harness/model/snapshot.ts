import { z } from 'zod';
import { snapshotType } from './snapshot-descriptor.js';
import { powerState, vnfInfo } from './vnf-info.js';

/** What a VIM keeps of one VNFC at one moment: the VIM's own record, its data wherever the VIM puts it. */
export const instanceSnapshot = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string().default(''),
  createdAt: z.string().describe('ISO 8601'),
  resource: z.string().describe('The name under which the VIM knew the VNFC.'),
  computeId: z.string(),
  type: snapshotType,
  powerState,
  parent: z.string().optional(),
  memory: z.object({ bytes: z.number(), technique: z.enum(['internal', 'external']) }).optional(),
  disks: z.array(
    z.object({
      id: z.string(),
      bytes: z.number(),
      included: z.boolean(),
      reason: z.string().optional().describe('Why it was left out.'),
    }),
  ),
  infrastructure: z.record(z.string(), z.unknown()).describe('Allocated resources and device settings.'),
  metadata: z.record(z.string(), z.string()),
  pausedMs: z.number().describe('How long the VNFC did not run because of this snapshot.'),
  bytesStored: z.number(),
  location: z.string(),
});
export type InstanceSnapshot = z.output<typeof instanceSnapshot>;

/** What an update may change of a snapshot's record (OP-update); metadata is added to what is there. */
export interface SnapshotChange {
  readonly name?: string;
  readonly description?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The record with the change; what the change does not name stays. */
export function changed(record: InstanceSnapshot, { name, description, metadata }: SnapshotChange): InstanceSnapshot {
  return {
    ...record,
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    metadata: { ...record.metadata, ...metadata },
  };
}

/** SOL003 clause 5.5 VnfcSnapshotInfo, with the VIM's record beside it. */
export const vnfcSnapshotInfo = z.object({
  id: z.string(),
  vnfcInstanceId: z.string(),
  vnfcResourceInfoId: z.string(),
  creationStartedAt: z.string(),
  creationFinishedAt: z.string().optional(),
  computeSnapshotResource: z.object({ vimConnectionId: z.string(), resourceId: z.string() }).optional(),
  storageSnapshotResources: z.array(
    z.object({ storageResourceId: z.string(), storageSnapshotResource: z.string().optional() }),
  ),
  userDefinedData: z.record(z.string(), z.unknown()),
});
export type VnfcSnapshotInfo = z.output<typeof vnfcSnapshotInfo>;

/** SOL003 clause 5.5 VnfSnapshot; `excluded` and `cut` are ours, in userDefinedData when it is serialised. */
export const vnfSnapshot = z.object({
  id: z.string(),
  vnfInstanceId: z.string(),
  vnfdId: z.string(),
  creationStartedAt: z.string(),
  creationFinishedAt: z.string().optional(),
  vnfInstance: vnfInfo,
  vnfcSnapshots: z.array(vnfcSnapshotInfo),
  userDefinedData: z.object({
    name: z.string(),
    description: z.string().optional(),
    /** The network service; VNF ids are unique within one. */
    service: z.string().optional(),
    runId: z.string().optional(),
    purpose: z.enum(['restore', 'forensic', 'manual', 'lifecycle']),
    /** Selective snapshots say what they left out (clause 6.1.1). */
    excluded: z.array(z.object({ vnfcId: z.string(), diskId: z.string().optional(), reason: z.string() })),
    /** The consistent cut over all VNFCs: skew is the time between the first and the last freeze. */
    cut: z.object({ consistent: z.boolean(), skewMs: z.number(), pausedMs: z.number() }).optional(),
  }),
});
export type VnfSnapshot = z.output<typeof vnfSnapshot>;
