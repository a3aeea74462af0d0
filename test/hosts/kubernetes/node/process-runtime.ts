import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { V1NetworkPolicy, V1Pod, V1PodStatus } from '@kubernetes/client-node';
import type { Cluster } from '../../../../harness/vim/kubernetes/cluster.js';
import type { ControlPlane } from '../control-plane.js';
import { addresses } from '../namespace.js';
import type { PodRuntime } from '../node-player.js';
import { type FoundContainer, KubeletEndpoint } from './kubelet-endpoint.js';
import { PlayedPod } from './played-pod.js';

/** Pods as real processes, each pod in a network of its own; NetworkPolicies that let nothing through are kept to. */
export class ProcessRuntime implements PodRuntime {
  readonly #pods = new Map<string, Promise<PlayedPod | undefined>>();
  readonly #running = new Map<string, PlayedPod>();
  /** Names of pods whose link is cut, and by whom. */
  readonly #cuts = new Map<string, Set<string>>();
  kubelet: KubeletEndpoint | undefined;

  private constructor(
    readonly plane: ControlPlane,
    readonly cluster: Cluster,
    readonly folder: string,
  ) {}

  static async start(plane: ControlPlane, cluster: Cluster, folder: string): Promise<ProcessRuntime> {
    const runtime = new ProcessRuntime(plane, cluster, folder);
    const checkpoints = join(folder, 'checkpoints');
    await mkdir(checkpoints, { recursive: true });
    const kubelet = await KubeletEndpoint.open(plane, checkpoints, (...names) => runtime.#find(...names));
    runtime.kubelet = kubelet;
    await (await plane.innerPorts()).serve(`${addresses.node}:${kubeletPort}`, (socket) => kubelet.take(socket));
    return runtime;
  }

  get nodeStatus() {
    return {
      addresses: [{ type: 'InternalIP', address: addresses.node }],
      daemonEndpoints: { kubeletEndpoint: { Port: kubeletPort } },
    };
  }

  pod(name: string): PlayedPod | undefined {
    return [...this.#running.values()].find((p) => p.pod.metadata?.name === name);
  }

  /** What every pod that there was has said, for who looks for the reason of a failure. */
  async said(): Promise<string> {
    const folder = join(this.folder, 'pods');
    const names = await readdir(folder, { recursive: true });
    const logs = names.filter((name) => name.endsWith('.log') && !name.includes('/', name.indexOf('/') + 1));
    const texts = await Promise.all(logs.map(async (n) => `${n}:\n${await readFile(join(folder, n), 'utf8')}`));
    return texts.join('\n');
  }

  #find(namespace: string, name: string, container: string): FoundContainer | 'no pod' | 'no container' {
    const found = this.pod(name);
    if (found === undefined || found.pod.metadata?.namespace !== namespace) return 'no pod';
    const its = found.container(container);
    return its === undefined ? 'no container' : { container: its, pod: found.pod };
  }

  async sync(pod: V1Pod): Promise<V1PodStatus | undefined> {
    const uid = pod.metadata?.uid ?? '';
    if (!this.#running.has(uid)) {
      const starting = this.#pods.get(uid) ?? PlayedPod.start(pod, this);
      this.#pods.set(uid, starting);
      const started = await starting;
      if (started === undefined) {
        this.#pods.delete(uid);
        return undefined;
      }
      this.#running.set(uid, started);
    }
    const running = this.#running.get(uid);
    running?.tend();
    return running?.status;
  }

  async end(pod: V1Pod, graceMs: number): Promise<void> {
    const uid = pod.metadata?.uid ?? '';
    const running = this.#running.get(uid);
    if (running === undefined) return;
    await running.end(graceMs);
    this.#running.delete(uid);
    this.#pods.delete(uid);
  }

  /** A policy without rules, in both directions, is what quarantine is made of. */
  async enforce(pods: readonly V1Pod[], policies: readonly V1NetworkPolicy[]): Promise<void> {
    const closed = policies.filter((p) => p.spec?.ingress === undefined && p.spec?.egress === undefined);
    for (const { metadata } of pods) {
      const isCut = closed.some((policy) =>
        Object.entries(policy.spec?.podSelector?.matchLabels ?? {}).every(([k, v]) => metadata?.labels?.[k] === v),
      );
      await this.cut(metadata?.name ?? '', 'policy', isCut);
    }
  }

  /** One that is cut for two reasons stays so until both are gone. */
  async cut(name: string, because: string, isCut: boolean): Promise<void> {
    const reasons = this.#cuts.get(name) ?? new Set();
    const before = reasons.size > 0;
    if (isCut) reasons.add(because);
    else reasons.delete(because);
    this.#cuts.set(name, reasons);
    if (before !== reasons.size > 0) await this.pod(name)?.network.cut(reasons.size > 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const started = await Promise.allSettled(this.#pods.values());
    await Promise.all(started.map((p) => (p.status === 'fulfilled' ? p.value?.end(0) : undefined)));
  }
}

const kubeletPort = 10_250;
