import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { V1Container, V1Pod, V1PodStatus, V1Secret, V1Service } from '@kubernetes/client-node';
import type { Cluster } from '../../../../harness/vim/kubernetes/cluster.js';
import type { ControlPlane } from '../control-plane.js';
import { addresses } from '../namespace.js';
import { Container, type ContainerCommand } from './container.js';
import { type PlayedImage, playedImages } from './images.js';
import { PodNetwork } from './pod-network.js';
import { passes } from './readiness.js';
import { volumesOf } from './volumes.js';

interface Tended {
  readonly spec: V1Container;
  readonly container: Container;
  lookedMs: number;
}

/** One pod on a node without a container runtime: a network of its own, and its commands as real processes in it. */
export class PlayedPod {
  readonly #startTime = new Date();

  private constructor(
    readonly pod: V1Pod,
    readonly network: PodNetwork,
    readonly tended: readonly Tended[],
  ) {}

  /** @returns undefined while something that it needs is not there */
  static async start(
    pod: V1Pod,
    { plane, cluster, folder }: { plane: ControlPlane; cluster: Cluster; folder: string },
  ): Promise<PlayedPod | undefined> {
    const { uid = '', namespace = '' } = pod.metadata ?? {};
    const own = join(folder, 'pods', uid);
    await mkdir(own, { recursive: true });
    const volumes = await volumesOf(pod, cluster, own, join(folder, 'checkpoints'));
    if (volumes === undefined) return undefined;
    const services = await cluster.list<V1Service>(`/api/v1/namespaces/${namespace}/services`);
    const network = await PodNetwork.join(plane);
    const links = { ...apiServer, ...Object.fromEntries(services.flatMap(serviceLink)) };
    const tended: Tended[] = [];
    for (const spec of pod.spec?.containers ?? []) {
      const secrets = await secretsOf(pod, spec, cluster);
      const what = commandOf(pod, spec, volumes, network.ip, { ...links, ...secrets });
      tended.push({ spec, container: new Container(what, network, join(own, `${spec.name}.log`)), lookedMs: 0 });
    }
    return new PlayedPod(pod, network, tended);
  }

  container(name: string): Container | undefined {
    return this.tended.find((t) => t.spec.name === name)?.container;
  }

  get containers(): readonly Container[] {
    return this.tended.map((t) => t.container);
  }

  tend(): void {
    const restarts = (this.pod.spec?.restartPolicy ?? 'Always') === 'Always';
    for (const it of this.tended) {
      it.container.tend(restarts);
      this.#look(it);
    }
  }

  #look(it: Tended): void {
    const { spec, container } = it;
    const probe = spec.readinessProbe;
    if (probe === undefined) {
      container.ready = container.isRunning;
      return;
    }
    const nowMs = performance.now();
    // A kubelet looks more often until it is ready for the first time.
    const everyMs = container.ready ? (probe.periodSeconds ?? 10) * 1000 : 200;
    if (!container.isRunning || nowMs - it.lookedMs < everyMs) return;
    it.lookedMs = nowMs;
    void passes(probe, spec, this.network).then((isReady) => {
      container.ready = isReady && container.isRunning;
    });
  }

  get status(): V1PodStatus {
    const containerStatuses = this.containers.map((c) => c.status);
    const isReady = containerStatuses.every((c) => c.ready);
    const ended = containerStatuses.every((c) => c.state?.terminated !== undefined);
    const isOver = ended && (this.pod.spec?.restartPolicy ?? 'Always') === 'Never';
    const isGood = containerStatuses.every((c) => c.state?.terminated?.exitCode === 0);
    const condition = (type: string, isTrue: boolean) => ({ type, status: isTrue ? 'True' : 'False' });
    return {
      phase: isOver ? (isGood ? 'Succeeded' : 'Failed') : 'Running',
      podIP: this.network.ip,
      podIPs: [{ ip: this.network.ip }],
      startTime: this.#startTime,
      containerStatuses,
      conditions: [
        condition('Initialized', true),
        condition('Ready', isReady),
        condition('ContainersReady', isReady),
        condition('PodScheduled', true),
      ],
    };
  }

  async end(graceMs: number): Promise<void> {
    await Promise.all(this.containers.map((c) => c.stop(graceMs)));
    await this.network[Symbol.asyncDispose]();
  }
}

/** Where a pod finds the API server. */
const apiServer = { KUBERNETES_SERVICE_HOST: addresses.controlPlane, KUBERNETES_SERVICE_PORT: '6443' };

async function secretsOf(pod: V1Pod, spec: V1Container, cluster: Cluster): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const { name, valueFrom } of spec.env ?? []) {
    const ref = valueFrom?.secretKeyRef;
    if (ref === undefined) continue;
    const path = `/api/v1/namespaces/${pod.metadata?.namespace}/secrets/${ref.name}`;
    const { data = {} } = await cluster.call<V1Secret>(path);
    found[name] = Buffer.from(data[ref.key] ?? '', 'base64').toString();
  }
  return found;
}

/** As a kubelet tells pods of the services around them. */
function serviceLink({ metadata, spec }: V1Service): [string, string][] {
  const name = (metadata?.name ?? '').toUpperCase().replaceAll('-', '_');
  const port = spec?.ports?.[0]?.port;
  if (spec?.clusterIP === undefined || port === undefined) return [];
  return [
    [`${name}_SERVICE_HOST`, spec.clusterIP],
    [`${name}_SERVICE_PORT`, String(port)],
  ];
}

/** There is no root file system of its own: what would be mounted is named by where it really is. */
function commandOf(
  pod: V1Pod,
  spec: V1Container,
  volumes: ReadonlyMap<string, string>,
  podIp: string,
  links: Readonly<Record<string, string>>,
): ContainerCommand {
  const image: PlayedImage | undefined = playedImages[spec.image ?? ''];
  if (image === undefined) throw new Error(`the node has no image "${spec.image}"`);
  const mounted = (spec.volumeMounts ?? []).map((m) => [m.mountPath, volumes.get(m.name) ?? ''] as const);
  const folders = new Map([...mounted, ...Object.entries(image.folders)]);
  // All at once: what stands for one path may begin like another.
  const paths = [...folders.keys()].sort((a, b) => b.length - a.length).join('|');
  const pattern = new RegExp(`(^|[=:,])(${paths})(?=$|[/:,])`, 'g');
  const real = (text: string) =>
    folders.size === 0 ? text : text.replace(pattern, (_, before: string, path: string) => before + folders.get(path));
  const [program = '', ...args] = [...(spec.command ?? image.entrypoint ?? []), ...(spec.args ?? [])].map(real);
  const fields: Readonly<Record<string, string>> = {
    'metadata.name': pod.metadata?.name ?? '',
    'metadata.namespace': pod.metadata?.namespace ?? '',
    'status.podIP': podIp,
  };
  const env = (spec.env ?? []).flatMap(({ name, value, valueFrom }) =>
    valueFrom?.secretKeyRef === undefined
      ? [[name, real(value ?? fields[valueFrom?.fieldRef?.fieldPath ?? ''] ?? '')] as const]
      : [],
  );
  return {
    name: spec.name,
    image: spec.image ?? '',
    command: [...(image.programs[program] ?? [program]), ...args],
    env: { ...links, ...Object.fromEntries(env) },
    writable: mounted.filter(([path]) => path !== accountPath).map(([, folder]) => folder),
    isReadOnly: spec.securityContext?.readOnlyRootFilesystem === true,
    account: mounted.find(([path]) => path === accountPath)?.[1],
  };
}

const accountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
