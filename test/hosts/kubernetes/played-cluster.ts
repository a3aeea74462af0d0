import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cluster } from '../../../harness/vim/kubernetes/cluster.js';
import { ChaosPlayer } from './chaos-player.js';
import type { ControlPlane } from './control-plane.js';
import { ProcessRuntime } from './node/process-runtime.js';
import { NodePlayer } from './node-player.js';
import { realEffects } from './real-effects.js';
import { ServicePlayer } from './service-player.js';
import { StoragePlayer } from './storage-player.js';

/**
 * One namespace of a real control plane in which pods really run: as processes, each pod in a network of its own. What plays
 * the node, kube-proxy, the CSI driver and Chaos Mesh here is ours; the API, its controllers and its rights are not.
 */
export class PlayedCluster implements AsyncDisposable {
  private constructor(
    readonly runtime: ProcessRuntime,
    readonly services: ServicePlayer,
    readonly chaos: ChaosPlayer,
    readonly parts: readonly AsyncDisposable[],
  ) {}

  static async start(plane: ControlPlane, cluster: Cluster, namespace: string): Promise<PlayedCluster> {
    const folder = join(plane.folder, namespace);
    await mkdir(folder, { recursive: true });
    const runtime = await ProcessRuntime.start(plane, cluster, folder);
    const node = await NodePlayer.join(cluster, `node-${namespace}`, namespace, runtime);
    const services = new ServicePlayer(plane, cluster, namespace);
    const storage = await StoragePlayer.start(cluster, namespace, join(folder, 'volumes'));
    const chaos = new ChaosPlayer(cluster, realEffects(cluster, runtime));
    return new PlayedCluster(runtime, services, chaos, [services, storage, chaos, node]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const part of this.parts) await part[Symbol.asyncDispose]();
  }
}
