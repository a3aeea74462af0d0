import { chaosKindOf } from './chaos-mesh/from-catalogue.js';
import type { ChaosKind } from './chaos-mesh/kinds.js';
import { group as chaosGroup, pluralOf } from './chaos-mesh/kinds.js';
import type { Cluster } from './cluster.js';
import { resourceOfKind, serviceKinds } from './manifests.js';
import { snapshotGroup } from './volumes.js';

/** One thing that Ordeal does to the API: what its roles must allow. */
export interface Permission {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  /** Of the whole cluster, not of the namespace. */
  readonly clusterWide?: boolean;
}

const may = (group: string, resource: string, verbs: readonly string[], subresource?: string): Permission[] =>
  verbs.map((verb) => ({ verb, group, resource, ...(subresource === undefined ? {} : { subresource }) }));
const node = (verb: string, subresource?: string): Permission => ({
  verb,
  group: '',
  resource: 'nodes',
  clusterWide: true,
  ...(subresource === undefined ? {} : { subresource }),
});

const observe = [
  ...may('', 'pods', ['get', 'list', 'watch']),
  ...may('', 'pods', ['get'], 'log'),
  ...may('apps', 'deployments', ['get']),
  ...may('', 'services', ['list']),
  ...may('', 'configmaps', ['get', 'list']),
  ...may('', 'persistentvolumeclaims', ['get']),
];
const ask = may('', 'pods', ['get'], 'proxy');
const record = may('', 'configmaps', ['create', 'delete']);
/** Chaos Mesh asks for "update" of who changes an object of its, also by a patch: pkg/webhook/validate_auth.go. */
const chaos = (kind: ChaosKind): Permission[] =>
  may(chaosGroup, pluralOf(kind), ['create', 'get', 'list', 'watch', 'delete', 'patch', 'update']);

/** What each ability needs; the roles in deploy/ grant exactly this, one by one. */
export const needs = {
  observe,
  power: may('apps', 'deployments', ['patch']),
  volumes: may(snapshotGroup, 'volumesnapshots', ['create', 'get', 'list', 'watch', 'delete']),
  checkpoint: [node('create', 'proxy'), ...may('', 'pods', ['create', 'delete']), ...ask],
  replacement: [
    ...may('', 'pods', ['patch', 'delete']),
    ...may('apps', 'deployments', ['patch']),
    ...record,
    ...may('', 'persistentvolumeclaims', ['create', 'delete', 'patch']),
    ...may('networking.k8s.io', 'networkpolicies', ['create', 'delete']),
    ...may('coordination.k8s.io', 'leases', ['create', 'delete', 'list', 'patch']),
  ],
  instantiation: [
    ...serviceKinds.flatMap((kind) => {
      const { group, plural } = resourceOfKind(kind);
      return may(group, plural, ['create', 'get', 'list', 'delete']);
    }),
    ...may('discovery.k8s.io', 'endpointslices', ['list']),
  ],
  hosting: [
    ...may('', 'configmaps', ['create', 'patch']),
    ...may('', 'secrets', ['create']),
    ...may('batch', 'jobs', ['create', 'delete', 'patch']),
    ...may('batch', 'cronjobs', ['create', 'patch']),
    ...may('', 'pods', ['delete', 'get', 'list']),
    ...may('', 'pods', ['get'], 'log'),
    ...may('', 'pods', ['delete', 'get'], 'proxy'),
  ],
} as const;

export function needsOfFault(kind: string): readonly Permission[] {
  const chaosKind = chaosKindOf[kind];
  if (chaosKind !== undefined) return [...record, ...chaos(chaosKind), ...(kind === 'crash' ? [] : ask)];
  if (kind === 'restart') return [...record, ...may('', 'pods', ['delete'])];
  if (kind === 'scale') return [...record, ...may('apps', 'deployments', ['patch'])];
  if (kind === 'evict') return [...record, ...may('', 'pods', ['create'], 'eviction')];
  const cordon = [...record, node('get'), node('patch')];
  return kind === 'drain' ? [...cordon, ...may('', 'pods', ['create'], 'eviction')] : cordon;
}

export const roleOf = (ability: string): string => `ordeal-${ability}`;

/** Asks the API server what we may do, before anything is touched (SelfSubjectAccessReview). Each is asked once. */
export class Access {
  readonly #answers = new Map<string, Promise<boolean>>();

  constructor(
    readonly cluster: Cluster,
    readonly namespace: string,
  ) {}

  /** @returns what is not allowed, as a person says it: `create networkchaos.chaos-mesh.org` */
  async denied(permissions: readonly Permission[]): Promise<string[]> {
    const answers = await Promise.all(permissions.map(async (p) => ((await this.#allowed(p)) ? [] : [describe(p)])));
    return answers.flat();
  }

  #allowed(permission: Permission): Promise<boolean> {
    const key = JSON.stringify(permission);
    const known = this.#answers.get(key);
    if (known !== undefined) return known;
    const asked = this.#ask(permission);
    this.#answers.set(key, asked);
    return asked;
  }

  async #ask({ verb, group, resource, subresource, clusterWide }: Permission): Promise<boolean> {
    const { status } = await this.cluster.call<{ status?: { allowed?: boolean } }>(
      '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      {
        method: 'POST',
        what: 'The API server does not say what Ordeal may do',
        body: {
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SelfSubjectAccessReview',
          spec: {
            resourceAttributes: {
              verb,
              group,
              resource,
              ...(subresource === undefined ? {} : { subresource }),
              ...(clusterWide === true ? {} : { namespace: this.namespace }),
            },
          },
        },
      },
    );
    return status?.allowed === true;
  }
}

const describe = ({ verb, group, resource, subresource }: Permission): string =>
  `${verb} ${resource}${subresource === undefined ? '' : `/${subresource}`}${group === '' ? '' : `.${group}`}`;
