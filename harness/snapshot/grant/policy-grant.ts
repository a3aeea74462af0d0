import { type GrantPolicy, grantPolicy } from '../../model/nfvo.js';
import type { Grant, GrantRequest } from '../../model/roles.js';
import { OrdealError } from '../../util/errors.js';

export { type GrantPolicy, grantPolicy } from '../../model/nfvo.js';

/** The NFVO's part as embedded policy (Nfvo.001). It keeps a record of what it decided. */
export class PolicyGrant implements Grant {
  readonly decisions: { readonly request: GrantRequest; readonly granted: boolean }[] = [];

  constructor(readonly policy: GrantPolicy = grantPolicy.parse({})) {}

  async request(request: GrantRequest): Promise<void> {
    const rule = this.policy.rules.find(
      ({ operations, vnfs }) =>
        (operations?.includes(request.operation) ?? true) && (vnfs?.includes(request.vnfInstanceId) ?? true),
    );
    const granted = (rule?.decision ?? this.policy.otherwise) === 'grant';
    this.decisions.push({ request, granted });
    if (granted) return;
    throw new OrdealError(
      'grant-denied',
      `The NFVO does not grant ${request.operation} on VNF "${request.vnfInstanceId}"`,
      {
        cause: rule?.reason ?? 'no rule of its policy allows it',
        remedy: 'Ask for another time or another VNF, or change the policy; nothing was touched.',
      },
    );
  }
}
