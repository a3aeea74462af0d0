import type { V1Node, V1Pod } from '@kubernetes/client-node';
import { sleep } from '../../../harness/util/deadline.js';
import { OrdealError } from '../../../harness/util/errors.js';
import type { Cluster } from '../../../harness/vim/kubernetes/cluster.js';

const LOOK_MS = 100;

/**
 * Plays the scheduler and a kubelet where none can run: pods are bound, said to run, and go when they are deleted. Nothing
 * runs in them, so that what a VNFC would do itself is not shown with it.
 */
export class NodePlayer implements AsyncDisposable {
  #stopped = false;
  readonly #looking: Promise<void>;

  private constructor(
    readonly cluster: Cluster,
    readonly name: string,
    readonly namespace: string,
  ) {
    this.#looking = this.#look();
  }

  /** Serves the pods of one namespace. */
  static async join(cluster: Cluster, name: string, namespace: string): Promise<NodePlayer> {
    await cluster.call('/api/v1/nodes', { method: 'POST', body: { metadata: { name } } satisfies V1Node });
    return new NodePlayer(cluster, name, namespace);
  }

  async #look(): Promise<void> {
    while (!this.#stopped) {
      try {
        const node = await this.cluster.call<V1Node>(`/api/v1/nodes/${this.name}`);
        const pods = await this.cluster.list<V1Pod>(`/api/v1/namespaces/${this.namespace}/pods`);
        for (const pod of pods) await this.#serve(pod, node.spec?.unschedulable !== true);
      } catch (e) {
        // Deleted meanwhile, or changed by a controller: the next look sees it as it is.
        if (!(e instanceof OrdealError)) throw e;
      }
      await sleep(LOOK_MS);
    }
  }

  async #serve({ metadata, spec, status }: V1Pod, isOpen: boolean): Promise<void> {
    const path = `/api/v1/namespaces/${metadata?.namespace}/pods/${metadata?.name}`;
    if (metadata?.deletionTimestamp !== undefined) return this.cluster.remove(path, { graceSeconds: 0 });
    if (spec?.nodeName === undefined) {
      if (!isOpen) return;
      const target = { apiVersion: 'v1', kind: 'Node', name: this.name };
      const body = { apiVersion: 'v1', kind: 'Binding', metadata: { name: metadata?.name }, target };
      await this.cluster.call(`${path}/binding`, { method: 'POST', body });
    } else if (status?.phase !== 'Running') {
      const startedAt = new Date().toISOString();
      const containerStatuses = (spec.containers ?? []).map(({ name, image }) => {
        return { name, image, imageID: '', ready: true, restartCount: 0, state: { running: { startedAt } } };
      });
      const conditions = ['Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({ type, status: 'True' }));
      const body = {
        status: { phase: 'Running', conditions, containerStatuses, startTime: startedAt, podIP: '10.97.0.9' },
      };
      await this.cluster.call(`${path}/status`, { method: 'PATCH', body });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#looking;
    await this.cluster.remove(`/api/v1/nodes/${this.name}`);
  }
}
