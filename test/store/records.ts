import type { VnfSnapshot } from '../../harness/model/snapshot.js';
import type { State } from '../../harness/store/state.js';

/** The n-th of a long history: 50 VNFs of three VNFCs, a run of its own for each, one a minute. */
export function aSnapshot(n: number): VnfSnapshot {
  const at = new Date(Date.UTC(2026, 0, 1) + n * 60_000).toISOString();
  const vnf = `vnf-${n % 50}`;
  const vnfcs = ['a', 'b', 'c'].map((c) => `${vnf}-${c}`);
  return {
    id: `snapshot-${n}`,
    vnfInstanceId: vnf,
    vnfdId: `vnfd-${n % 5}`,
    creationStartedAt: at,
    creationFinishedAt: at,
    vnfInstance: {
      id: vnf,
      vnfdId: `vnfd-${n % 5}`,
      instantiationState: 'INSTANTIATED',
      instantiatedVnfInfo: {
        vnfState: 'STARTED',
        vnfcResourceInfo: vnfcs.map((id) => ({
          id,
          vduId: id,
          computeResource: { vimConnectionId: 'embedded', resourceId: `${id}@1` },
          storageResourceIds: [`${id}/root`],
          vnfcCpInfo: [{ cpdId: 'lan', address: '1', vnfLinkPortId: 'lan/1' }],
          metadata: { powerState: 'on' },
        })),
        vnfVirtualLinkResourceInfo: [],
      },
      vnfConfigurableProperties: {},
    },
    vnfcSnapshots: vnfcs.map((id) => ({
      id: `${id}-of-${n}`,
      vnfcInstanceId: id,
      vnfcResourceInfoId: id,
      creationStartedAt: at,
      computeSnapshotResource: { vimConnectionId: 'embedded', resourceId: `instance-${n}-${id}` },
      storageSnapshotResources: [
        { storageResourceId: `${id}/root`, storageSnapshotResource: `instance-${n}-${id}/root` },
      ],
      userDefinedData: { type: 'warm', powerState: 'on', bytesStored: 1_000_000 + n, location: `/images/${n}/${id}` },
    })),
    userDefinedData: {
      name: `nightly ${Math.floor(n / 50)}`,
      service: 'gateway',
      runId: `run-${n}`,
      purpose: n % 3 === 0 ? 'restore' : 'lifecycle',
      excluded: [],
    },
  };
}

/** A long history. */
export function fill({ database, vnfSnapshots }: State, count: number): void {
  const many = 500;
  for (let from = 0; from < count; from += many) {
    const some = Array.from({ length: Math.min(many, count - from) }, (_, i) => aSnapshot(from + i));
    database.transaction(() => {
      for (const s of some) vnfSnapshots.begin(s, { id: s.vnfInstanceId });
    });
    vnfSnapshots.complete(some);
  }
}

export const timed = <T>(work: () => T): [ms: number, result: T] => {
  const from = performance.now();
  const result = work();
  return [performance.now() - from, result];
};
