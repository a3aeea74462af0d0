import type { Vnf } from '../model/network-service.js';
import type { VnfInfo } from '../model/vnf-info.js';

/** Something that runs otherwise than it is described. */
export interface VnfDifference {
  /** `store-1.disks.data.sizeBytes` */
  readonly path: string;
  readonly described: string;
  readonly running: string;
}

/**
 * Lays the VnfInfo beside the descriptor: both are in a VNF Snapshot so that settings can be compared with the values at
 * run time (clause 6.1.1). @returns empty when all runs as described
 */
export function compareVnfdWithInfo(vnf: Vnf, info: VnfInfo): VnfDifference[] {
  const differences: VnfDifference[] = [];
  const compare = (path: string, described: unknown, running: unknown) => {
    if (described === running) return;
    const shown = (value: unknown) => (value === undefined ? 'none' : String(value));
    differences.push({ path, described: shown(described), running: shown(running) });
  };
  compare('vnfdId', vnf.vnfdId, info.vnfdId);
  const { vnfcResourceInfo, vnfVirtualLinkResourceInfo } = info.instantiatedVnfInfo;
  for (const vnfc of vnf.vnfcs) {
    const running = vnfcResourceInfo.find((r) => r.id === vnfc.id);
    compare(vnfc.id, 'there', running === undefined ? undefined : 'there');
    if (running === undefined) continue;
    compare(`${vnfc.id}.vim`, vnfc.vim, running.computeResource.vimConnectionId);
    compare(`${vnfc.id}.powerState`, 'on', running.metadata.powerState);
    const disks = disksOf(running.metadata.disks);
    for (const disk of vnfc.disks) {
      const found = disks.find((d) => d.id === disk.id);
      compare(`${vnfc.id}.disks.${disk.id}.sizeBytes`, disk.sizeBytes, found?.sizeBytes);
      if (found !== undefined) compare(`${vnfc.id}.disks.${disk.id}.attached`, true, found.attached);
    }
    for (const cp of vnfc.connectionPoints) {
      const found = running.vnfcCpInfo.find((c) => c.cpdId === cp.id);
      compare(`${vnfc.id}.connectionPoints.${cp.id}`, 'there', found === undefined ? undefined : 'there');
      if (found !== undefined && cp.link !== undefined) {
        compare(`${vnfc.id}.connectionPoints.${cp.id}.link`, cp.link, found.vnfLinkPortId?.split('/')[0]);
      }
    }
  }
  for (const { id } of vnfcResourceInfo) {
    if (!vnf.vnfcs.some((c) => c.id === id)) compare(id, undefined, 'there');
  }
  for (const link of vnfVirtualLinkResourceInfo) {
    compare(`${link.id}.state`, 'up', link.state);
    for (const port of link.ports) {
      if (vnf.vnfcs.some((c) => c.id === port.vnfcId))
        compare(`${link.id}.${port.vnfcId}.${port.cpId}`, 'up', port.state);
    }
  }
  return differences;
}

/** What readRunningVnf has put there. */
function disksOf(value: unknown): { id: unknown; sizeBytes: unknown; attached: unknown }[] {
  if (!Array.isArray(value)) return [];
  return value.map((disk: { id?: unknown; sizeBytes?: unknown; attached?: unknown }) => ({
    id: disk.id,
    sizeBytes: disk.sizeBytes,
    attached: disk.attached,
  }));
}
