import type { V1ConfigMap, V1Pod } from '@kubernetes/client-node';
import type { ComputeId, ComputeState, Replacement } from '../../model/vim.js';
import { until } from '../../util/deadline.js';
import { OrdealError } from '../../util/errors.js';
import { Undo } from '../../util/undo.js';
import { isConflict } from './cluster.js';
import { annotation, label, labelValue, objectName } from './marks.js';
import type { SnapshotFolder } from './snapshot-folder.js';
import { runLabel, serviceLabels, type Volumes, withClaims } from './volumes.js';
import { computeIdOf, generationOf, type Seen, type Workloads } from './workloads.js';

const WANTED_MS = 10_000;
const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';

/**
 * Steps 7 and 8 of clause 4.1.1.4. A pod that loses its labels is let go by its Deployment and by every Service, and a
 * NetworkPolicy cuts it off: it stays, as it failed, for the checkpoint. The new one is the Deployment's own pod again,
 * from the revision and the volumes of the snapshot.
 */
export class KubernetesReplacement implements Replacement {
  readonly disksAlone = true;

  constructor(
    readonly workloads: Workloads,
    readonly volumes: Volumes,
    readonly folder: SnapshotFolder,
  ) {}

  async quarantine(compute: ComputeId, runId: string): Promise<void> {
    const seen = await this.workloads.see(compute);
    if (seen.quarantined) return mustBelongTo(seen, runId);
    const { pod, deployment, resource, generation } = seen;
    if (pod === undefined) {
      throw new OrdealError('vim-failed', `"${compute}" has no pod that could be quarantined`, {
        remedy: 'Start it, or look at the events of its Deployment.',
      });
    }
    await this.#isolate(runId);
    const before = pod.metadata?.labels ?? {};
    const labels: Record<string, string | null> = Object.fromEntries(Object.keys(before).map((k) => [k, null]));
    Object.assign(labels, {
      [label.compute]: labelValue(`${resource}.${generation}`),
      [label.resource]: labelValue(resource),
      [label.quarantined]: 'yes',
      ...runLabel(runId),
    });
    await this.#patchPod(pod, { labels, annotations: { [annotation.labels]: JSON.stringify(before) } });
    // Its Deployment makes another one at once. That one is not asked for: the new one comes from the snapshot.
    await this.workloads.scale(deployment, 0);
  }

  async unquarantine(compute: ComputeId, runId: string): Promise<void> {
    const seen = await this.workloads.see(compute);
    const { pod, deployment, quarantined, inPlace, resource } = seen;
    // Once another one stands in its place it stays what it is: evidence.
    if (!quarantined || !inPlace || pod === undefined) return;
    mustBelongTo(seen, runId);
    const before = JSON.parse(pod.metadata?.annotations?.[annotation.labels] ?? '{}') as Record<string, string>;
    const replicas = Number(deployment.metadata?.annotations?.[annotation.replicas] ?? '1');
    if ((deployment.spec?.replicas ?? 1) === 0) await this.workloads.scale(deployment, replicas);
    await this.#wantsPods(resource);
    const ours = [label.compute, label.resource, label.quarantined, label.run].map((k) => [k, null]);
    // Of the two that there are now, the Deployment is to keep this one.
    const annotations = { [annotation.labels]: null, [DELETION_COST]: '2147483647' };
    await this.#patchPod(pod, { labels: { ...Object.fromEntries(ours), ...before }, annotations });
    await this.#endIsolation(runId);
  }

  async restoreAsNew(snapshotId: string, runId: string): Promise<ComputeId> {
    const stored = await this.folder.read(snapshotId);
    const { resource } = stored.record;
    const generation = await this.#nextGeneration(resource);
    const labels = {
      [label.compute]: labelValue(`${resource}.${generation}`),
      [label.resource]: labelValue(resource),
      [label.role]: 'restored',
      ...runLabel(runId),
    };
    await using undo = new Undo();
    const claims: Record<string, string> = {};
    for (const volume of stored.volumes) {
      const name = await this.volumes.claimFrom(volume, objectName(`${volume.claim}-${generation}`), labels);
      undo.defer(`remove the claim ${name}`, () => this.volumes.dropClaim(name));
      claims[volume.claim] = name;
    }
    const body: V1ConfigMap = {
      metadata: { name: objectName(`ordeal-${resource}-${generation}`), labels },
      data: {
        template: JSON.stringify(stored.template),
        replicas: String(stored.replicas),
        claims: JSON.stringify(claims),
        snapshot: snapshotId,
      },
    };
    const what = `The restoration of "${resource}" cannot be prepared`;
    await this.workloads.cluster.call(this.workloads.path('configmaps'), { method: 'POST', body, what });
    undo.keep();
    return computeIdOf(resource, generation);
  }

  /** All together, then ready. What is switched stays switched when one does not become ready: recovery finds it so. */
  async switchOver(pairs: readonly { readonly resource: string; readonly to: ComputeId }[], runId: string) {
    for (const { resource, to } of pairs) {
      const now = await this.workloads.locate(resource);
      if (now === to) continue;
      const after = await this.workloads.see(to);
      mustBelongTo(after, runId);
      const { data } = after.prepared ?? {};
      if (after.resource !== resource || data === undefined) {
        throw new OrdealError('unknown-target', `"${to}" cannot stand in for "${resource}"`);
      }
      if (!(await this.workloads.see(now)).quarantined) await this.quarantine(now, runId);
      const claims = new Map(Object.entries(JSON.parse(data.claims ?? '{}') as Record<string, string>));
      const template = withClaims(JSON.parse(data.template ?? '{}'), claims);
      await this.workloads.patchDeployment(resource, {
        metadata: { annotations: { [annotation.generation]: String(after.generation), [annotation.replicas]: null } },
        spec: { template, replicas: Number(data.replicas ?? '1') },
      });
      // They are the service's own from now on, and go with it where Ordeal made it.
      const own = { [label.role]: null, ...serviceLabels(after.deployment) };
      for (const claim of claims.values()) {
        const body = { metadata: { labels: { [label.run]: null, [label.compute]: null, ...own } } };
        await this.workloads.cluster.call(this.workloads.path('persistentvolumeclaims', claim), {
          method: 'PATCH',
          body,
        });
      }
      await this.workloads.cluster.remove(this.workloads.path('configmaps', after.prepared?.metadata?.name ?? ''));
    }
    for (const { resource } of pairs) await this.workloads.ready(resource);
  }

  async release(compute: ComputeId, runId: string): Promise<void> {
    let seen: Seen;
    try {
      seen = await this.workloads.see(compute);
    } catch (e) {
      if (e instanceof OrdealError && e.kind === 'unknown-target') return;
      throw e;
    }
    if (seen.inPlace) {
      throw new OrdealError('busy', `"${compute}" stands in the place of "${seen.resource}" and is not released`, {
        remedy: 'Switch over to another one, or end its quarantine.',
      });
    }
    mustBelongTo(seen, runId);
    if (seen.prepared !== undefined) {
      const claims = JSON.parse(seen.prepared.data?.claims ?? '{}') as Record<string, string>;
      for (const claim of Object.values(claims)) await this.volumes.dropClaim(claim);
      await this.workloads.cluster.remove(this.workloads.path('configmaps', seen.prepared.metadata?.name ?? ''));
      return;
    }
    await this.workloads.cluster.remove(this.workloads.path('pods', seen.pod?.metadata?.name ?? ''), {
      graceSeconds: 0,
    });
    await this.volumes.dropUnused(this.workloads.claims(seen).values(), seen.deployment);
    await this.#endIsolation(runId);
  }

  async ownedBy(runId?: string): Promise<readonly ComputeState[]> {
    const run = runId === undefined ? label.run : `${label.run}=${labelValue(runId)}`;
    const labelSelector = `${run},${label.compute}`;
    const pods = await this.workloads.cluster.list<V1Pod>(this.workloads.path('pods'), { labelSelector });
    const prepared = await this.workloads.cluster.list<V1ConfigMap>(this.workloads.path('configmaps'), {
      labelSelector,
    });
    const marks = [...pods, ...prepared].flatMap((o) => {
      const [, generation] = /\.(\d+)$/.exec(o.metadata?.labels?.[label.compute] ?? '') ?? [];
      const resource = o.metadata?.labels?.[label.resource];
      return generation === undefined || resource === undefined ? [] : [computeIdOf(resource, Number(generation))];
    });
    const mine = new Set(this.workloads.deployed.map((d) => d.resource));
    return Promise.all(marks.filter((id) => mine.has(id.replace(/@\d+$/, ''))).map((id) => this.workloads.inspect(id)));
  }

  /** A pod that is given back to a ReplicaSet which still wants none is deleted by it at once. */
  async #wantsPods(resource: string): Promise<void> {
    const isTold = async () => {
      const { metadata, status } = await this.workloads.deployment(resource);
      const { observedGeneration = 0, replicas = 0, conditions = [] } = status ?? {};
      if (observedGeneration < (metadata?.generation ?? 0)) return false;
      return replicas > 0 || conditions.some((c) => c.type === 'ReplicaFailure' && c.status === 'True');
    };
    await until(`Deployment "${resource}" wants a pod again`, isTold, { withinMs: WANTED_MS, everyMs: 50 });
  }

  /** Nothing goes to a quarantined pod or comes from it, where the cluster's network enforces policies. */
  async #isolate(runId: string): Promise<void> {
    const body = {
      metadata: { name: this.#policy(runId), labels: runLabel(runId) },
      spec: {
        podSelector: { matchLabels: { [label.quarantined]: 'yes', ...runLabel(runId) } },
        policyTypes: ['Ingress', 'Egress'],
      },
    };
    try {
      await this.workloads.cluster.call(this.#policies, {
        method: 'POST',
        body,
        what: 'A quarantined pod cannot be cut off',
      });
    } catch (e) {
      if (!isConflict(e)) throw e;
    }
  }

  async #endIsolation(runId: string): Promise<void> {
    const labelSelector = `${label.quarantined}=yes,${label.run}=${labelValue(runId)}`;
    const left = await this.workloads.cluster.list<V1Pod>(this.workloads.path('pods'), { labelSelector });
    if (left.some((p) => p.metadata?.deletionTimestamp === undefined)) return;
    await this.workloads.cluster.remove(`${this.#policies}/${this.#policy(runId)}`);
  }

  get #policies(): string {
    return `/apis/networking.k8s.io/v1/namespaces/${this.workloads.namespace}/networkpolicies`;
  }

  #policy(runId: string): string {
    return objectName(`ordeal-quarantine-${runId}`);
  }

  async #patchPod(pod: V1Pod, metadata: object): Promise<void> {
    const name = pod.metadata?.name ?? '';
    const what = `Pod "${name}" cannot be relabelled`;
    await this.workloads.cluster.call(this.workloads.path('pods', name), { method: 'PATCH', body: { metadata }, what });
  }

  async #nextGeneration(resource: string): Promise<number> {
    const owned = await this.workloads.cluster.list<V1ConfigMap>(this.workloads.path('configmaps'), {
      labelSelector: `${label.resource}=${labelValue(resource)},${label.role}=restored`,
    });
    const taken = owned.map((o) => Number(/\.(\d+)$/.exec(o.metadata?.labels?.[label.compute] ?? '')?.[1] ?? 0));
    return Math.max(generationOf(await this.workloads.deployment(resource)), ...taken) + 1;
  }
}

function mustBelongTo({ computeId, pod, prepared }: Seen, runId: string): void {
  const owner = (pod ?? prepared)?.metadata?.labels?.[label.run];
  if (owner === labelValue(runId)) return;
  throw new OrdealError('busy', `"${computeId}" does not belong to run ${runId}`, {
    expected: `run ${runId}`,
    got: owner === undefined ? 'no run' : `run ${owner}`,
    remedy: 'Let that run finish, or recover it.',
  });
}
