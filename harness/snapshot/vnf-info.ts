import type { Vnf } from '../model/network-service.js';
import type { ComputeId, ComputeState } from '../model/vim.js';
import type { VirtualLinkInfo, VnfInfo } from '../model/vnf-info.js';
import { OrdealError } from '../util/errors.js';
import { resourceOf } from './context.js';
import type { VimAccess } from './nfvo-relay.js';

export interface RunningVnf {
  readonly info: VnfInfo;
  /** By VNFC id; a VNFC that the VIM does not know is not there. */
  readonly computes: ReadonlyMap<string, ComputeState>;
}

/**
 * Reads the VNF's record off what runs. A VNFC that its VIM does not know is left out of it.
 * @param computeIds which compute resource to look at instead of the one in place, by VNFC id
 */
export async function readRunningVnf(
  vnf: Vnf,
  access: VimAccess,
  computeIds: Readonly<Record<string, ComputeId>> = {},
): Promise<RunningVnf> {
  const computes = new Map<string, ComputeState>();
  for (const vnfc of vnf.vnfcs) {
    const state = await access.call(vnfc.vim, `inspect ${vnfc.id}`, async (vim) => {
      try {
        return await vim.inspect(computeIds[vnfc.id] ?? (await vim.locate(resourceOf(vnfc))));
      } catch (e) {
        if (e instanceof OrdealError && e.kind === 'unknown-target' && computeIds[vnfc.id] === undefined)
          return undefined;
        throw e;
      }
    });
    if (state !== undefined) computes.set(vnfc.id, state);
  }
  const links: VirtualLinkInfo[] = [];
  for (const name of new Set(vnf.vnfcs.map((c) => c.vim))) {
    const found = await access.call(name, 'query virtual links', (vim) => vim.links());
    links.push(...found.filter((l) => l.ports.some((p) => computes.has(p.vnfcId))));
  }
  return { computes, info: vnfInfoOf(vnf, computes, links) };
}

function vnfInfoOf(vnf: Vnf, computes: RunningVnf['computes'], links: VirtualLinkInfo[]): VnfInfo {
  const vnfcResourceInfo = vnf.vnfcs.flatMap((vnfc) => {
    const state = computes.get(vnfc.id);
    if (state === undefined) return [];
    return [
      {
        id: vnfc.id,
        vduId: vnfc.redundancyGroup ?? vnfc.id,
        computeResource: { vimConnectionId: vnfc.vim, resourceId: state.computeId },
        storageResourceIds: state.disks.map((d) => storageResourceId(vnfc.id, d.id)),
        vnfcCpInfo: state.connectionPoints.map((cp) => ({
          cpdId: cp.id,
          address: cp.address,
          ...(cp.link === undefined ? {} : { vnfLinkPortId: `${cp.link}/${vnfc.id}.${cp.id}` }),
        })),
        metadata: {
          resource: state.resource,
          powerState: state.powerState,
          condition: state.condition,
          resources: state.resources,
          disks: state.disks,
          quarantined: state.quarantined,
        },
      },
    ];
  });
  const isStarted = [...computes.values()].some((s) => s.powerState === 'on');
  return {
    id: vnf.id,
    vnfdId: vnf.vnfdId,
    instantiationState: computes.size === 0 ? 'NOT_INSTANTIATED' : 'INSTANTIATED',
    instantiatedVnfInfo: {
      vnfState: isStarted ? 'STARTED' : 'STOPPED',
      vnfcResourceInfo,
      vnfVirtualLinkResourceInfo: links,
    },
    vnfConfigurableProperties: {},
  };
}

export const storageResourceId = (vnfcId: string, diskId: string): string => `${vnfcId}/${diskId}`;
