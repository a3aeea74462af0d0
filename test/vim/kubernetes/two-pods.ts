import { type NetworkService, networkService } from '../../../harness/model/network-service.js';

/** A service of two VNFCs, each a pod: `subject` is what tests work on, `peer` is who shall not notice. */
export function twoPods(id: string, ofEach: Readonly<Record<string, unknown>>): NetworkService {
  const vnfc = (vnfcId: string) => ({
    id: vnfcId,
    vim: 'kubernetes',
    connectionPoints: [{ id: 'lan', link: 'lan' }],
    ...ofEach,
  });
  return networkService.parse({
    schema: 'ordeal.service/1',
    id,
    expectedRecoveryMs: 10_000,
    highAvailability: 'Deployments',
    vims: { kubernetes: {} },
    vnfs: [{ id: 'pods', vnfdId: 'pods', vnfcs: [vnfc('subject'), vnfc('peer')] }],
    virtualLinks: [{ id: 'lan' }],
    probes: [{ id: 'health', kind: 'tcp', port: 1 }],
  });
}
