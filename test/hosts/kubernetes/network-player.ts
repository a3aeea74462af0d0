import type { V1NetworkPolicy, V1Pod } from '@kubernetes/client-node';
import { sleep } from '../../../harness/util/deadline.js';
import type { Cluster } from '../../../harness/vim/kubernetes/cluster.js';
import type { ServicePlayer } from './service-player.js';

/**
 * Plays a network plugin for pods that are reached through Services alone: who is selected by a NetworkPolicy that lets nobody
 * in or out is cut off, open connections included.
 */
export class NetworkPlayer implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #policies = new Map<string, V1NetworkPolicy>();
  readonly #pods = new Map<string, V1Pod>();
  readonly #watches: Promise<void>[];

  constructor(
    readonly cluster: Cluster,
    readonly services: ServicePlayer,
  ) {
    const { namespace } = services;
    this.#watches = [
      this.#follow(`/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies`, this.#policies),
      this.#follow(`/api/v1/namespaces/${namespace}/pods`, this.#pods),
    ];
  }

  async #follow<T extends V1NetworkPolicy | V1Pod>(path: string, into: Map<string, T>): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await this.cluster.watch<T>(
          path,
          {},
          ({ type, object }) => {
            const name = object.metadata?.name ?? '';
            if (type === 'DELETED') into.delete(name);
            else into.set(name, object);
            this.#enforce();
          },
          this.#stop.signal,
        );
      } catch (e) {
        if (!(e instanceof Error)) throw e;
      }
      if (!this.#stop.signal.aborted) await sleep(100);
    }
  }

  #enforce(): void {
    const selectors = [...this.#policies.values()].map(({ spec }) => spec?.podSelector?.matchLabels ?? {});
    const isCut = ({ metadata }: V1Pod) =>
      selectors.some((s) => Object.entries(s).every(([key, value]) => metadata?.labels?.[key] === value));
    for (const pod of this.#pods.values()) {
      if (pod.status?.podIP !== undefined && isCut(pod)) this.services.cutOff(pod.status.podIP);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#watches);
  }
}
