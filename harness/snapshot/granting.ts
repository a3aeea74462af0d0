import type { Vnf } from '../model/network-service.js';
import type { GrantedOperation } from '../model/snapshot-descriptor.js';
import { OrdealError } from '../util/errors.js';
import type { EngineContext } from './context.js';

/**
 * Whether the NFVO is to be asked (Vnfsd.015): as the descriptor says, and where it says nothing, when there is an
 * NFVO to ask (Nfvo.001).
 * @throws OrdealError of kind grant-denied when a grant is required and nobody can give it
 */
export function needsGrant({ grant }: Pick<EngineContext, 'grant'>, vnf: Vnf, operation: GrantedOperation): boolean {
  const policy = vnf.snapshot.grants[operation];
  if (policy === 'not-required') return false;
  if (policy === 'required' && grant === undefined) {
    throw new OrdealError(
      'grant-denied',
      `VNF "${vnf.id}" requires a grant for ${operation}, and no NFVO is configured`,
      {
        remedy: 'Configure one, or set grants in the snapshot descriptor to not-required; nothing was touched.',
      },
    );
  }
  return grant !== undefined;
}
