import type { V1NetworkPolicy, V1Node, V1Pod, V1PodStatus } from '@kubernetes/client-node';
import { sleep } from '../../../harness/util/deadline.js';
import { OrdealError } from '../../../harness/util/errors.js';
import type { Cluster } from '../../../harness/vim/kubernetes/cluster.js';

const LOOK_MS = 100;

/** What runs the pods of a node. */
export interface PodRuntime extends AsyncDisposable {
  readonly nodeStatus?: object;
  /** Brings a pod nearer to its spec. @returns what is to be said of it; undefined while nothing is */
  sync(pod: V1Pod): Promise<V1PodStatus | undefined>;
  /** @returns once nothing of it runs */
  end(pod: V1Pod, graceMs: number): Promise<void>;
  /** Keeps to the policies, where it can. */
  enforce?(pods: readonly V1Pod[], policies: readonly V1NetworkPolicy[]): Promise<void>;
}

/** Nothing runs: pods are merely said to, so that what a VNFC would do itself is not shown with it. */
const pretence: PodRuntime = {
  async sync({ spec, status }) {
    if (status?.phase === 'Running') return undefined;
    const startedAt = new Date();
    const containerStatuses = (spec?.containers ?? []).map(({ name, image = '' }) => {
      return { name, image, imageID: '', ready: true, restartCount: 0, state: { running: { startedAt } } };
    });
    const conditions = ['Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({ type, status: 'True' }));
    return { phase: 'Running', conditions, containerStatuses, startTime: startedAt, podIP: '10.97.0.9' };
  },
  async end() {
    // There is nothing to end.
  },
  async [Symbol.asyncDispose]() {
    // Nor here.
  },
};

/** Plays the scheduler and a kubelet where none can run: pods are bound, run by a runtime, and go when they are deleted. */
export class NodePlayer implements AsyncDisposable {
  #stopped = false;
  readonly #looking: Promise<void>;
  readonly #busy = new Set<string>();
  readonly #said = new Map<string, string>();
  readonly #known = new Map<string, V1Pod>();

  private constructor(
    readonly cluster: Cluster,
    readonly name: string,
    readonly namespace: string,
    readonly runtime: PodRuntime,
  ) {
    this.#looking = this.#look();
  }

  /** Serves the pods of one namespace. @param runtime goes with the node; absent: nothing runs in the pods */
  static async join(
    cluster: Cluster,
    name: string,
    namespace: string,
    runtime: PodRuntime = pretence,
  ): Promise<NodePlayer> {
    const path = '/api/v1/nodes';
    await cluster.call(path, { method: 'POST', body: { metadata: { name } } satisfies V1Node });
    if (runtime.nodeStatus !== undefined) {
      await cluster.call(`${path}/${name}/status`, { method: 'PATCH', body: { status: runtime.nodeStatus } });
    }
    return new NodePlayer(cluster, name, namespace, runtime);
  }

  async #look(): Promise<void> {
    const inNamespace = `/api/v1/namespaces/${this.namespace}`;
    while (!this.#stopped) {
      try {
        const node = await this.cluster.call<V1Node>(`/api/v1/nodes/${this.name}`);
        const pods = await this.cluster.list<V1Pod>(`${inNamespace}/pods`);
        await this.#endThoseThatAreGone(pods);
        for (const pod of pods) this.#tend(pod, node.spec?.unschedulable !== true);
        if (this.runtime.enforce !== undefined) {
          const path = `/apis/networking.k8s.io/v1/namespaces/${this.namespace}/networkpolicies`;
          await this.runtime.enforce(pods, await this.cluster.list<V1NetworkPolicy>(path));
        }
      } catch (e) {
        // Deleted meanwhile, or changed by a controller: the next look sees it as it is.
        if (!(e instanceof OrdealError)) throw e;
      }
      await sleep(LOOK_MS);
    }
  }

  /** Deleted without a grace period, a pod is not announced to its node. */
  async #endThoseThatAreGone(pods: readonly V1Pod[]): Promise<void> {
    const there = new Set(pods.map((p) => p.metadata?.uid ?? ''));
    for (const [uid, pod] of this.#known) {
      if (there.has(uid) || this.#busy.has(uid)) continue;
      await this.runtime.end(pod, 0);
      this.#known.delete(uid);
    }
    for (const pod of pods) this.#known.set(pod.metadata?.uid ?? '', pod);
  }

  /** One that takes its time, as one that ends does, holds up no other. */
  #tend(pod: V1Pod, isOpen: boolean): void {
    const uid = pod.metadata?.uid ?? '';
    if (this.#busy.has(uid)) return;
    this.#busy.add(uid);
    void this.#serve(pod, isOpen)
      .catch((e: unknown) => {
        if (!(e instanceof OrdealError)) console.log(`The node cannot serve ${pod.metadata?.name}: ${String(e)}`);
      })
      .finally(() => this.#busy.delete(uid));
  }

  async #serve(pod: V1Pod, isOpen: boolean): Promise<void> {
    const { metadata, spec } = pod;
    const uid = metadata?.uid ?? '';
    const path = `/api/v1/namespaces/${metadata?.namespace}/pods/${metadata?.name}`;
    if (metadata?.deletionTimestamp !== undefined) {
      await this.runtime.end(pod, (metadata.deletionGracePeriodSeconds ?? 0) * 1000);
      return this.cluster.remove(path, { graceSeconds: 0 });
    }
    if (spec?.nodeName === undefined) {
      if (!isOpen) return;
      const target = { apiVersion: 'v1', kind: 'Node', name: this.name };
      const body = { apiVersion: 'v1', kind: 'Binding', metadata: { name: metadata?.name }, target };
      await this.cluster.call(`${path}/binding`, { method: 'POST', body });
      return;
    }
    const status = await this.runtime.sync(pod);
    const said = JSON.stringify(status);
    if (status === undefined || this.#said.get(uid) === said) return;
    await this.cluster.call(`${path}/status`, { method: 'PATCH', body: { status } });
    this.#said.set(uid, said);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#looking;
    await this.runtime[Symbol.asyncDispose]();
    await this.cluster.remove(`/api/v1/nodes/${this.name}`);
  }
}
