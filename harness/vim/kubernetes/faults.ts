import type { V1Node, V1Pod } from '@kubernetes/client-node';
import type { FaultReading, Injection } from '../../model/fault.js';
import type { NativeFaults } from '../../model/vim.js';
import { until } from '../../util/deadline.js';
import { OrdealError } from '../../util/errors.js';
import type { Asking } from './ask.js';
import { ChaosMesh } from './chaos-mesh/client.js';
import { type ChaosTarget, chaosKindOf, chaosOf } from './chaos-mesh/from-catalogue.js';
import type { DeployedVnfc } from './deployment.js';
import { type FaultRecord, FaultRecords } from './fault-records.js';
import { label, labelValue, objectName } from './marks.js';
import { measure } from './measure.js';
import { bytesOf } from './quantity.js';
import { restartsOf, type Seen, stateOf, type Workloads } from './workloads.js';

const INJECTED_MS = 30_000;
const HEALED_MS = 12_000;

/** What Kubernetes itself does to a pod, and what Chaos Mesh does: those whose effect Ordeal can see at the target. */
export const platformFaults = ['restart', 'evict', 'cordon', 'drain', 'scale'] as const;
export const chaosFaults = [
  'shutdown',
  'crash',
  'link-cut',
  'partition',
  'delay',
  'disk-full',
  'disk-error',
  'disk-delay',
  'clock-skew',
  'http-abort',
  'http-delay',
] as const;
const isPlatform = ({ kind }: Injection): boolean => (platformFaults as readonly string[]).includes(kind);

/** Every fault is written down in the cluster first; Chaos Mesh's `duration` is its dead man's switch. */
export class KubernetesFaults implements NativeFaults {
  readonly kinds: readonly string[] = [...chaosFaults, ...platformFaults];
  readonly #chaos: ChaosMesh;
  readonly #records: FaultRecords;
  /** Ends when all that were asked for so far have seen their targets. */
  #prepared: Promise<unknown> = Promise.resolve();
  /** Ends when those of Kubernetes itself that were asked for so far have been done. */
  #done: Promise<unknown> = Promise.resolve();
  readonly #healed = new Set<string>();

  constructor(
    readonly workloads: Workloads,
    readonly asking: Asking,
    readonly forceFinalizers: boolean,
  ) {
    this.#chaos = new ChaosMesh(workloads.cluster, workloads.namespace);
    this.#records = new FaultRecords(workloads);
  }

  /**
   * Of those that are asked for at the same moment none acts before all have seen their targets: who is evicted is not there
   * for the next to be seen. Those of Kubernetes itself act in the order in which they were asked for.
   */
  inject(injection: Injection): Promise<void> {
    this.#healed.delete(injection.id);
    const prepared = this.#prepared.then(() => this.#prepare(injection));
    this.#prepared = Promise.allSettled([prepared]);
    const before = isPlatform(injection) ? this.#done : Promise.resolve();
    const done = prepared.then(async (act) => {
      await this.#prepared;
      await before;
      // Who was healed while he waited for his turn is not to begin any more.
      if (!this.#healed.has(injection.id)) await act();
    });
    if (isPlatform(injection)) this.#done = Promise.allSettled([done]);
    return done;
  }

  async #prepare(injection: Injection): Promise<() => Promise<void>> {
    if (!this.kinds.includes(injection.kind)) {
      throw new OrdealError('capability-missing', `Kubernetes cannot inject ${injection.kind}`);
    }
    if ((await this.#records.read(injection.id)) !== undefined) return async () => undefined;
    const struck = await this.#struck(injection);
    const targets: FaultRecord['targets'][number][] = [];
    for (const seen of struck) targets.push(await this.#before(injection, seen));
    return async () => {
      const nodes = await this.#openNodes(injection, struck);
      await this.#records.write({ injection, targets, nodes });
      try {
        await this.#switchOn(injection, struck, nodes);
      } catch (e) {
        await this.heal(injection);
        throw e;
      }
    };
  }

  async verify(injection: Injection): Promise<FaultReading> {
    const record = await this.#records.read(injection.id);
    if (record === undefined) return { effective: false, measured: {}, how: 'the fault is not on, or was healed' };
    return measure(record, this.workloads, this.asking);
  }

  async heal(injection: Injection): Promise<void> {
    this.#healed.add(injection.id);
    const kind = chaosKindOf[injection.kind];
    const name = objectName(injection.id);
    if (kind !== undefined) {
      try {
        await this.#chaos.heal(kind, name, HEALED_MS);
      } catch (e) {
        if (!this.forceFinalizers || !(e instanceof OrdealError) || e.kind !== 'timeout') throw e;
        await this.#chaos.forceFinalizers(kind, name);
      }
    }
    const record = await this.#records.read(injection.id);
    for (const node of record?.nodes ?? []) await this.#cordon(node, false);
    if (injection.kind === 'scale') for (const { resource } of record?.targets ?? []) await this.#scaleBack(resource);
    await this.#records.remove(injection.id);
  }

  active(): Promise<readonly Injection[]> {
    return this.#records.all();
  }

  async #switchOn(injection: Injection, struck: readonly Seen[], nodes: readonly string[]): Promise<void> {
    switch (injection.kind) {
      case 'restart':
        for (const { pod } of struck) await this.workloads.cluster.remove(this.#podPath(pod), { graceSeconds: 0 });
        return;
      case 'evict':
        for (const { pod } of struck) await this.#evict(pod);
        return;
      case 'scale':
        for (const { deployment } of struck) await this.workloads.scale(deployment, 0);
        return;
      case 'cordon':
      case 'drain':
        for (const node of nodes) await this.#cordon(node, true);
        if (injection.kind === 'drain') for (const pod of await this.#podsOn(nodes)) await this.#evict(pod);
        return;
      default: {
        const wanted = chaosOf(injection, await this.#chaosTarget(injection, struck));
        const name = objectName(injection.id);
        const labels = { [label.run]: labelValue(injection.runId), [label.role]: 'fault' };
        await this.#chaos.create({ ...wanted, name, labels });
        await this.#chaos.injected(wanted.kind, name, INJECTED_MS);
      }
    }
  }

  /** The VNFCs that it strikes: one, all on a link, or one side of it. */
  async #struck({ target }: Injection): Promise<Seen[]> {
    const struck = this.#named(target).map(({ resource }) => resource);
    const all = struck.length > 0 || 'link' in target ? struck : [target.vnfc];
    const seen = await Promise.all(all.map(async (r) => this.workloads.see(await this.workloads.locate(r))));
    if (seen.length === 0) throw new OrdealError('unknown-target', 'No VNFC is struck by the fault');
    for (const it of seen) {
      // Ready it need not be: on a busy machine a probe is late, and what runs is struck all the same.
      const { powerState, condition } = stateOf(it);
      if (powerState === 'on') continue;
      throw new OrdealError('vim-failed', `"${it.resource}" has no pod that runs: a fault would strike nothing`, {
        got: condition === '' ? powerState : condition,
      });
    }
    return seen;
  }

  #named(target: Injection['target']): DeployedVnfc[] {
    const { deployed } = this.workloads;
    if ('vnfc' in target) return deployed.filter((d) => d.vnfc.id === target.vnfc || d.resource === target.vnfc);
    if (target.from !== undefined) return deployed.filter((d) => d.vnfc.id === target.from);
    return deployed.filter((d) => d.vnfc.connectionPoints.some((cp) => cp.link === target.link));
  }

  async #before({ kind }: Injection, seen: Seen): Promise<FaultRecord['targets'][number]> {
    const { pod, resource } = seen;
    const question =
      kind === 'delay' || kind === 'link-cut' || kind === 'partition'
        ? 'link'
        : kind.startsWith('disk-')
          ? 'disk'
          : 'health';
    const needsAnswer = chaosKindOf[kind] !== undefined && kind !== 'crash';
    const typicalMs = needsAnswer ? await this.asking.typicalMs(seen, question) : undefined;
    if (needsAnswer && typicalMs === undefined) {
      throw new OrdealError('vim-failed', `"${resource}" does not answer about its ${question} as it is`, {
        remedy: 'Without a good answer before the fault none could show its effect.',
      });
    }
    const clock = kind === 'clock-skew' ? await this.asking.ask(seen, 'health') : undefined;
    return {
      resource,
      ...(pod?.metadata?.name === undefined ? {} : { pod: pod.metadata.name }),
      ...(pod?.metadata?.uid === undefined ? {} : { podUid: pod.metadata.uid }),
      restarts: restartsOf(pod),
      ...(pod?.spec?.nodeName === undefined ? {} : { node: pod.spec.nodeName }),
      ...(typicalMs === undefined ? {} : { typicalMs }),
      ...(clock?.clockMs === undefined ? {} : { clockAheadMs: clock.clockMs - Date.now() }),
    };
  }

  async #chaosTarget({ target, params }: Injection, struck: readonly Seen[]): Promise<ChaosTarget> {
    const [first] = struck;
    if (first === undefined) throw new OrdealError('unknown-target', 'No VNFC is struck by the fault');
    const select = (seen: readonly Seen[]) => ({
      namespaces: [this.workloads.namespace],
      ...(seen.length === 1
        ? { labelSelectors: seen[0]?.deployment.spec?.selector.matchLabels ?? {} }
        : { pods: { [this.workloads.namespace]: seen.flatMap((s) => s.pod?.metadata?.name ?? []) } }),
    });
    const to = 'link' in target ? target.to : undefined;
    const peer = to === undefined ? undefined : this.workloads.deployed.find((d) => d.vnfc.id === to);
    const other = peer && (await this.workloads.see(await this.workloads.locate(peer.resource)));
    const name = this.workloads.containerOf(first);
    const container = first.pod?.spec?.containers.find((c) => c.name === name);
    const wantedDisk = typeof params.disk === 'string' ? params.disk : undefined;
    const claims = [...this.workloads.claims(first)];
    const claim = claims.find(([id]) => wantedDisk === undefined || id === wantedDisk)?.[1];
    const volume = first.pod?.spec?.volumes?.find((v) => v.persistentVolumeClaim?.claimName === claim)?.name;
    const mountPath = container?.volumeMounts?.find((m) => m.name === volume)?.mountPath;
    const memory = container?.resources?.limits?.memory;
    return {
      selector: select(struck),
      ...(other === undefined ? {} : { peer: select([other]) }),
      ...('vnfc' in target ? { container: name } : {}),
      ...(mountPath === undefined ? {} : { mountPath }),
      ...(memory === undefined ? {} : { memoryLimitBytes: bytesOf(memory) }),
    };
  }

  async #openNodes({ kind }: Injection, struck: readonly Seen[]): Promise<string[]> {
    if (kind !== 'cordon' && kind !== 'drain') return [];
    const names = [...new Set(struck.flatMap((s) => s.pod?.spec?.nodeName ?? []))];
    const nodes = await Promise.all(names.map((n) => this.workloads.cluster.call<V1Node>(`/api/v1/nodes/${n}`)));
    return nodes.filter((n) => n.spec?.unschedulable !== true).flatMap((n) => n.metadata?.name ?? []);
  }

  async #cordon(node: string, unschedulable: boolean): Promise<void> {
    const body = { spec: { unschedulable: unschedulable ? true : null } };
    const what = `Node "${node}" cannot be ${unschedulable ? 'cordoned' : 'opened again'}`;
    await this.workloads.cluster.call(`/api/v1/nodes/${node}`, { method: 'PATCH', body, what });
  }

  /** Its Deployment has a pod again, unless another one is to take its place. */
  async #scaleBack(resource: string): Promise<void> {
    const seen = await this.workloads.see(await this.workloads.locate(resource));
    if (seen.quarantined || (seen.deployment.spec?.replicas ?? 1) > 0) return;
    await this.workloads.scaleBack(seen.deployment);
    const hasPod = async () => (await this.workloads.podOf(await this.workloads.deployment(resource))) !== undefined;
    await until(`"${resource}" has a pod again`, hasPod, { withinMs: HEALED_MS, everyMs: 100 });
  }

  /** Those of the service alone: what else runs on the node is not ours to drain. */
  async #podsOn(nodes: readonly string[]): Promise<V1Pod[]> {
    const seen = await Promise.all(
      this.workloads.deployed.map(async (d) => this.workloads.see(await this.workloads.locate(d.resource))),
    );
    return seen.flatMap((s) => (s.pod !== undefined && nodes.includes(s.pod.spec?.nodeName ?? '') ? [s.pod] : []));
  }

  /** A PodDisruptionBudget may say not now: it is asked again for a while, as `kubectl drain` does. */
  async #evict(pod: V1Pod | undefined): Promise<void> {
    const name = pod?.metadata?.name ?? '';
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: this.workloads.namespace } };
    const what = `Pod "${name}" cannot be evicted`;
    const evicted = () =>
      this.workloads.cluster.call(`${this.#podPath(pod)}/eviction`, { method: 'POST', body, what }).then(
        () => true,
        (e: unknown) => {
          if (e instanceof OrdealError && (e.kind === 'busy' || e.kind === 'unknown-target')) return e.kind !== 'busy';
          throw e;
        },
      );
    await until(what, evicted, { withinMs: INJECTED_MS, everyMs: 1000 });
  }

  #podPath(pod: V1Pod | undefined): string {
    return this.workloads.path('pods', pod?.metadata?.name ?? '');
  }
}
