import type { V1Pod } from '@kubernetes/client-node';
import { OrdealError } from '../../../harness/util/errors.js';
import type { ChaosObject } from '../../../harness/vim/kubernetes/chaos-mesh/kinds.js';
import type { Cluster } from '../../../harness/vim/kubernetes/cluster.js';
import type { PlayedEffects } from './chaos-player.js';
import type { PlayedPod } from './node/played-pod.js';
import type { ProcessRuntime } from './node/process-runtime.js';

interface Selector {
  readonly namespaces?: readonly string[];
  readonly labelSelectors?: Readonly<Record<string, string>>;
  readonly pods?: Readonly<Record<string, readonly string[]>>;
}

interface Spec {
  readonly action?: string;
  readonly selector: Selector;
  readonly containerNames?: readonly string[];
  readonly target?: { readonly selector: Selector };
}

/** What Chaos Mesh's daemon would do, done to the processes and networks of a ProcessRuntime; what it cannot do it refuses. */
export function realEffects(cluster: Cluster, runtime: ProcessRuntime): PlayedEffects {
  const undo = new Map<string, (() => Promise<void>)[]>();
  return {
    async on(object) {
      const spec = object.spec as unknown as Spec;
      const struck = await selected(cluster, runtime, spec.selector);
      const undos: (() => Promise<void>)[] = [];
      undo.set(object.metadata?.name ?? '', undos);
      for (const pod of struck) undos.push(...(await strike(object, spec, pod, cluster, runtime)));
      return struck.length;
    },
    async off(object) {
      const name = object.metadata?.name ?? '';
      for (const take of undo.get(name) ?? []) await take();
      undo.delete(name);
    },
  };
}

async function strike(
  object: ChaosObject,
  spec: Spec,
  pod: PlayedPod,
  cluster: Cluster,
  runtime: ProcessRuntime,
): Promise<(() => Promise<void>)[]> {
  const name = pod.pod.metadata?.name ?? '';
  const containers = pod.containers.filter((c) => spec.containerNames?.includes(c.what.name) ?? true);
  switch (`${object.kind} ${spec.action}`) {
    case 'PodChaos container-kill':
      for (const container of containers) container.signal('SIGKILL');
      return [];
    case 'PodChaos pod-failure':
      await Promise.all(pod.containers.map((c) => c.stop(0)));
      return [
        async () => {
          for (const container of pod.containers) container.held = false;
        },
      ];
    case 'NetworkChaos partition': {
      const others = spec.target === undefined ? undefined : await selected(cluster, runtime, spec.target.selector);
      if (others === undefined) {
        await runtime.cut(name, object.metadata?.name ?? '', true);
        return [() => runtime.cut(name, object.metadata?.name ?? '', false)];
      }
      for (const other of others) await pod.network.lose(other.network.ip, true);
      return others.map((other) => () => pod.network.lose(other.network.ip, false));
    }
    default:
      throw new OrdealError('capability-missing', `The tests play no ${object.kind} ${spec.action}`);
  }
}

async function selected(
  cluster: Cluster,
  runtime: ProcessRuntime,
  { namespaces = [], labelSelectors, pods }: Selector,
): Promise<PlayedPod[]> {
  const names =
    pods === undefined
      ? (
          await Promise.all(
            namespaces.map((n) =>
              cluster.list<V1Pod>(`/api/v1/namespaces/${n}/pods`, {
                labelSelector: Object.entries(labelSelectors ?? {})
                  .map(([k, v]) => `${k}=${v}`)
                  .join(','),
              }),
            ),
          )
        )
          .flat()
          .map((p) => p.metadata?.name ?? '')
      : Object.values(pods).flat();
  return names.flatMap((name) => runtime.pod(name) ?? []);
}
