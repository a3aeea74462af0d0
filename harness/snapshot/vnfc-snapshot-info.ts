import type { InstanceSnapshot, VnfcSnapshotInfo } from '../model/snapshot.js';
import type { SnapshotType } from '../model/snapshot-descriptor.js';
import type { CapturedSnapshot } from '../model/vim.js';
import type { CreationPlan, VnfcCreationPlan } from './creation-plan.js';
import { storageResourceId } from './vnf-info.js';

/** How far the creation has got. */
export interface VnfcCreationResult {
  readonly type: SnapshotType;
  readonly pausedMs: number;
  readonly captured: CapturedSnapshot | undefined;
  readonly stored: InstanceSnapshot | undefined;
}

type Described = Omit<VnfcSnapshotInfo, 'id' | 'creationStartedAt' | 'creationFinishedAt'>;

/** What a VNFC Snapshot holds and refers to (clause 6.1.1), under the attribute names of SOL 003. */
export function describeVnfcSnapshot(vnf: CreationPlan, plan: VnfcCreationPlan, result: VnfcCreationResult): Described {
  const { vnfc, state } = plan;
  const { captured, stored } = result;
  /** As planned, and once it is stored, as the VIM says. */
  const holds = (diskId: string) =>
    stored === undefined ? plan.volumes.includes(diskId) : stored.disks.some((d) => d.id === diskId && d.included);
  return {
    vnfcInstanceId: vnfc.id,
    vnfcResourceInfoId: vnfc.id,
    ...(captured === undefined
      ? {}
      : { computeSnapshotResource: { vimConnectionId: vnfc.vim, resourceId: captured.id } }),
    storageSnapshotResources: state.disks.map((disk) => ({
      storageResourceId: storageResourceId(vnfc.id, disk.id),
      ...(captured !== undefined && holds(disk.id) ? { storageSnapshotResource: `${captured.id}/${disk.id}` } : {}),
    })),
    userDefinedData: {
      vnfInstanceId: vnf.vnf.id,
      resource: state.resource,
      computeId: state.computeId,
      type: result.type,
      powerState: state.powerState,
      quarantined: state.quarantined,
      quiesced: plan.quiesce,
      pausedMs: result.pausedMs,
      detachedDisks: plan.detach,
      ...(stored === undefined
        ? {}
        : {
            location: stored.location,
            bytesStored: stored.bytesStored,
            infrastructure: stored.infrastructure,
            ...(stored.memory === undefined ? {} : { memory: stored.memory }),
            disks: stored.disks,
          }),
    },
  };
}

/**
 * How long the VNFC stood still, in milliseconds: over the whole cut, where the VIM's own record knows no more than what
 * its capture added. Of a record that was made elsewhere it may be missing.
 */
export function pausedMsOf({ userDefinedData }: VnfcSnapshotInfo): number | undefined {
  const { pausedMs } = userDefinedData;
  return typeof pausedMs === 'number' ? pausedMs : undefined;
}
