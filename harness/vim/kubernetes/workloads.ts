import type { V1ConfigMap, V1Deployment, V1PersistentVolumeClaim, V1Pod } from '@kubernetes/client-node';
import type { LocatedService } from '../../model/network-service.js';
import type { ComputeId, ComputeState } from '../../model/vim.js';
import type { PowerState } from '../../model/vnf-info.js';
import { until } from '../../util/deadline.js';
import { OrdealError } from '../../util/errors.js';
import type { Cluster } from './cluster.js';
import { type DeployedVnfc, deployedVnfcs } from './deployment.js';
import { annotation, label, labelValue } from './marks.js';
import { bytesOf, cpusOf } from './quantity.js';

/** What there is of one compute resource: the Deployment that it stands in the place of, and its pod. */
export interface Seen {
  readonly computeId: ComputeId;
  readonly resource: string;
  readonly generation: number;
  readonly deployment: V1Deployment;
  readonly pod?: V1Pod;
  /** It stands in the place of its resource. */
  readonly inPlace: boolean;
  readonly quarantined: boolean;
  /** Made from a snapshot, not switched over to yet. */
  readonly prepared?: V1ConfigMap;
}

const READY_MS = 60_000;
export const computeIdOf = (resource: string, generation: number): ComputeId => `${resource}@${generation}`;

/**
 * VNFCs as Kubernetes has them. A pod comes and goes; what stays is its Deployment, and in its annotations how many
 * times another one was switched in. So a compute resource is called `<Deployment>@<generation>`.
 */
export class Workloads {
  readonly deployed: readonly DeployedVnfc[];

  constructor(
    readonly cluster: Cluster,
    readonly namespace: string,
    readonly service: LocatedService,
  ) {
    this.deployed = deployedVnfcs(service);
  }

  path(kind: 'pods' | 'configmaps' | 'persistentvolumeclaims' | 'services', name?: string): string {
    return `/api/v1/namespaces/${this.namespace}/${kind}${name === undefined ? '' : `/${name}`}`;
  }

  deploymentPath(name: string): string {
    return `/apis/apps/v1/namespaces/${this.namespace}/deployments/${name}`;
  }

  /** @throws OrdealError of kind unknown-target */
  async locate(resource: string): Promise<ComputeId> {
    return computeIdOf(resource, generationOf(await this.deployment(resource)));
  }

  async deployment(resource: string): Promise<V1Deployment> {
    const found = await this.cluster.find<V1Deployment>(
      this.deploymentPath(resource),
      `Deployment "${resource}" cannot be read`,
    );
    if (found !== undefined) return found;
    throw new OrdealError('unknown-target', `There is no Deployment "${resource}"`, {
      where: `namespace ${this.namespace} of ${this.cluster.url}`,
      remedy: 'Check the resource of the VNFC and vims.kubernetes.namespace.',
    });
  }

  async see(compute: ComputeId): Promise<Seen> {
    const [, resource = '', text = ''] = /^(.+)@(\d+)$/.exec(compute) ?? [];
    const generation = Number(text);
    const unknown = new OrdealError('unknown-target', `There is no compute resource "${compute}"`, {
      where: `namespace ${this.namespace} of ${this.cluster.url}`,
    });
    if (resource === '') throw unknown;
    const deployment = await this.deployment(resource);
    const mark = `${label.compute}=${labelValue(`${resource}.${generation}`)}`;
    const [marked] = await this.cluster.list<V1Pod>(this.path('pods'), { labelSelector: mark });
    const inPlace = generation === generationOf(deployment);
    const common = { computeId: compute, resource, generation, deployment, inPlace };
    if (marked !== undefined) return { ...common, pod: marked, quarantined: true };
    if (inPlace) {
      const pod = await this.podOf(deployment);
      return { ...common, quarantined: false, ...(pod === undefined ? {} : { pod }) };
    }
    const [prepared] = await this.cluster.list<V1ConfigMap>(this.path('configmaps'), { labelSelector: mark });
    if (prepared === undefined) throw unknown;
    return { ...common, quarantined: false, prepared };
  }

  /** The youngest that is not on its way out. @throws OrdealError of kind unknown-target when there are several */
  async podOf(deployment: V1Deployment): Promise<V1Pod | undefined> {
    const labelSelector = selectorOf(deployment);
    const pods = await this.cluster.list<V1Pod>(this.path('pods'), { labelSelector });
    const alive = pods.filter((p) => p.metadata?.deletionTimestamp === undefined);
    const replicas = deployment.spec?.replicas ?? 1;
    if (replicas > 1) {
      throw new OrdealError('unknown-target', `Deployment "${deployment.metadata?.name}" has ${replicas} replicas`, {
        expected: 'one: each VNFC is a pod that can be told from the others',
        remedy: 'Give each VNFC a Deployment of its own, in one redundancy group.',
      });
    }
    return alive.sort((a, b) => ageOf(b) - ageOf(a))[0];
  }

  async inspect(compute: ComputeId): Promise<ComputeState> {
    return this.describe(await this.see(compute));
  }

  async describe(seen: Seen): Promise<ComputeState> {
    const { deployment, pod, prepared, quarantined, inPlace, computeId, resource } = seen;
    const known = this.deployed.find((d) => d.resource === resource);
    const spec = pod?.spec ?? deployment.spec?.template.spec;
    const container = spec?.containers.find((c) => c.name === known?.deployment.container) ?? spec?.containers[0];
    const limits = container?.resources?.limits ?? {};
    const requests = container?.resources?.requests ?? {};
    const disks = await Promise.all(
      [...this.claims(seen)].map(async ([id, claim]) => {
        const found = await this.cluster.find<V1PersistentVolumeClaim>(this.path('persistentvolumeclaims', claim));
        const size = found?.status?.capacity?.storage ?? found?.spec?.resources?.requests?.storage;
        return { id, sizeBytes: size === undefined ? 0 : bytesOf(size), attached: pod !== undefined };
      }),
    );
    const { powerState, condition } = stateOf(seen);
    const runId = (pod ?? prepared)?.metadata?.labels?.[label.run];
    const startedAt = pod?.status?.startTime;
    return {
      computeId,
      resource,
      powerState,
      condition,
      ...(runId === undefined ? {} : { runId }),
      quarantined,
      ...(startedAt === undefined ? {} : { startedAt: String(startedAt) }),
      resources: {
        memoryBytes: bytesOf(limits.memory ?? requests.memory ?? '256Mi'),
        vcpus: Math.max(1, Math.ceil(cpusOf(limits.cpu ?? requests.cpu ?? '1'))),
      },
      disks,
      connectionPoints: (known?.vnfc.connectionPoints ?? []).map((cp) => ({
        id: cp.id,
        address: known?.deployment.addresses[cp.id] ?? pod?.status?.podIP ?? '',
        ...(cp.link === undefined ? {} : { link: cp.link }),
        up: powerState === 'on' && inPlace && !quarantined,
      })),
    };
  }

  /** The claim behind each disk of the VNFC, by disk id: of a quarantined one those of its pod, whatever is in place now. */
  claims({ deployment, pod, quarantined, resource }: Seen): ReadonlyMap<string, string> {
    const known = this.deployed.find((d) => d.resource === resource);
    const spec = quarantined ? pod?.spec : deployment.spec?.template.spec;
    const claimed = (spec?.volumes ?? []).flatMap((v) =>
      v.persistentVolumeClaim === undefined ? [] : [{ volume: v.name, claim: v.persistentVolumeClaim.claimName }],
    );
    const disks = known?.vnfc.disks ?? claimed.map((c) => ({ id: c.volume }));
    return new Map(
      disks.flatMap(({ id }, i) => {
        const volume = known?.deployment.volumes[id];
        const found = volume === undefined ? claimed[i] : claimed.find((c) => c.volume === volume);
        return found === undefined ? [] : [[id, found.claim] as const];
      }),
    );
  }

  containerOf({ resource, pod, deployment }: Seen): string {
    const named = this.deployed.find((d) => d.resource === resource)?.deployment.container;
    return named ?? (pod?.spec ?? deployment.spec?.template.spec)?.containers[0]?.name ?? '';
  }

  async start(compute: ComputeId): Promise<void> {
    const { deployment, resource, inPlace, quarantined } = await this.see(compute);
    if (!inPlace || quarantined) throw new OrdealError('busy', `"${compute}" is quarantined or not in place`);
    if ((deployment.spec?.replicas ?? 1) === 0) await this.scaleBack(deployment);
    await this.ready(resource);
  }

  async stop(compute: ComputeId, graceMs: number): Promise<'graceful' | 'forced' | 'was-off'> {
    const { deployment, pod, resource, inPlace } = await this.see(compute);
    if (!inPlace) throw new OrdealError('busy', `"${compute}" is not in place and cannot be stopped`);
    if ((deployment.spec?.replicas ?? 1) === 0 && pod === undefined) return 'was-off';
    await this.scale(deployment, 0);
    return pod === undefined ? 'graceful' : this.#ended(resource, pod, graceMs);
  }

  async #ended(resource: string, pod: V1Pod, graceMs: number): Promise<'graceful' | 'forced'> {
    const path = this.path('pods', pod.metadata?.name);
    const isGone = (found: V1Pod | undefined) => found === undefined || found.metadata?.uid !== pod.metadata?.uid;
    try {
      await this.cluster.waitFor<V1Pod, boolean>(path, `Pod "${pod.metadata?.name}" ends`, isGone, {
        withinMs: Math.max(1, graceMs),
      });
      return 'graceful';
    } catch (e) {
      if (!(e instanceof OrdealError) || e.kind !== 'timeout') throw e;
    }
    await this.cluster.remove(path, { graceSeconds: 0, what: `"${resource}" cannot be stopped` });
    await this.cluster.waitFor<V1Pod, boolean>(path, `Pod "${pod.metadata?.name}" ends`, isGone, {
      withinMs: READY_MS,
    });
    return 'forced';
  }

  async scale(deployment: V1Deployment, replicas: number): Promise<void> {
    const now = deployment.spec?.replicas ?? 1;
    const annotations = { [annotation.replicas]: replicas === 0 ? String(now === 0 ? before(deployment) : now) : null };
    await this.patchDeployment(deployment.metadata?.name ?? '', { metadata: { annotations }, spec: { replicas } });
  }

  /** To as many as there were. */
  scaleBack(deployment: V1Deployment): Promise<void> {
    return this.scale(deployment, before(deployment));
  }

  async patchDeployment(name: string, body: unknown): Promise<void> {
    const what = `Deployment "${name}" cannot be changed`;
    await this.cluster.call(this.deploymentPath(name), { method: 'PATCH', body, what });
  }

  /** One pod runs, ready, and it is of the Deployment's present template. */
  async ready(resource: string, withinMs = READY_MS): Promise<V1Pod> {
    return until(
      `A pod of "${resource}" is ready`,
      async () => {
        const deployment = await this.deployment(resource);
        const { observedGeneration = 0, updatedReplicas = 0, replicas = 0 } = deployment.status ?? {};
        const isRolled = observedGeneration >= (deployment.metadata?.generation ?? 0) && updatedReplicas === replicas;
        const pod = isRolled ? await this.podOf(deployment) : undefined;
        return pod !== undefined && isReady(pod) ? pod : undefined;
      },
      { withinMs, everyMs: 100 },
    );
  }
}

export const generationOf = (deployment: V1Deployment): number =>
  Number(deployment.metadata?.annotations?.[annotation.generation] ?? '1');
const before = (deployment: V1Deployment): number =>
  Number(deployment.metadata?.annotations?.[annotation.replicas] ?? '1');
const ageOf = (pod: V1Pod): number => new Date(pod.metadata?.creationTimestamp ?? 0).getTime();
export const isReady = (pod: V1Pod): boolean =>
  pod.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;
export const selectorOf = (deployment: V1Deployment): string =>
  Object.entries(deployment.spec?.selector.matchLabels ?? {})
    .map(([k, v]) => `${k}=${v}`)
    .join(',');

export function stateOf({ pod, prepared, deployment }: Seen): { powerState: PowerState; condition: string } {
  if (prepared !== undefined) return { powerState: 'off', condition: 'restored from a snapshot, not switched over to' };
  if (pod === undefined) {
    const isScaled = (deployment.spec?.replicas ?? 1) === 0;
    return { powerState: 'off', condition: isScaled ? '' : 'its Deployment has no pod at the moment' };
  }
  const { phase, containerStatuses = [] } = pod.status ?? {};
  const waiting = containerStatuses.find((c) => c.state?.running === undefined)?.state;
  if (phase === 'Running' && waiting === undefined) return { powerState: 'on', condition: '' };
  const reason = waiting?.waiting?.reason ?? waiting?.terminated?.reason ?? phase ?? 'unknown';
  const hasRun = containerStatuses.some((c) => (c.restartCount ?? 0) > 0 || c.state?.terminated !== undefined);
  return { powerState: hasRun || phase === 'Failed' ? 'crashed' : 'off', condition: `its pod is ${phase}: ${reason}` };
}

export const restartsOf = (pod: V1Pod | undefined): number =>
  (pod?.status?.containerStatuses ?? []).reduce((sum, c) => sum + (c.restartCount ?? 0), 0);
