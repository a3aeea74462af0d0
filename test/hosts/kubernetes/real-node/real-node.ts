import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../../../../harness/util/package-root.js';
import type { Cluster } from '../../../../harness/vim/kubernetes/cluster.js';
import { ensureCriu } from '../../containers/criu.js';
import { buildImage } from '../../containers/image.js';
import { ensurePackages } from '../../debian.js';
import { nodePrograms, runtimePrograms } from '../binaries.js';
import type { ControlPlane } from '../control-plane.js';
import { Containerd } from './containerd.js';
import { busyboxLayer, type ImageRecipe, nodeLayer } from './image-archive.js';
import { startKubelet } from './kubelet.js';
import { NodeMachine } from './node-machine.js';

const needed = {
  runc: 'runc',
  busybox: 'busybox-static',
  mmdebstrap: 'mmdebstrap',
  perl: 'perl-base',
  ip: 'iproute2',
  '/usr/lib/cni/bridge': 'containernetworking-plugins',
};
const address = '10.96.0.12';
const pods = '10.99.0';
export const pauseImage = 'docker.io/ordeal/pause:test';
const sleeps = ['/bin/busybox', 'sleep', '2147483647'];

const images: readonly ImageRecipe[] = [
  { reference: pauseImage, layer: busyboxLayer, entrypoint: sleeps },
  { reference: 'docker.io/library/busybox:1.37', layer: busyboxLayer, entrypoint: sleeps },
  { reference: 'docker.io/ordeal/session-service:test', layer: buildImage, entrypoint: ['/bin/vnfc'] },
  {
    reference: 'docker.io/ordeal/session-service-kubernetes:1',
    layer: nodeLayer(join(packageRoot, 'scenarios', 'session-kubernetes', 'image', 'vnfc.mjs'), '/app/vnfc.mjs'),
    entrypoint: ['node', '/app/vnfc.mjs'],
  },
];

/** A node whose kubelet, container runtime, CRIU and scheduler are real: pods are containers. Its network keeps to no NetworkPolicy. */
export class RealNode implements AsyncDisposable {
  readonly address = address;

  private constructor(
    readonly cluster: Cluster,
    readonly name: string,
    readonly machine: NodeMachine,
    readonly containerd: Containerd,
  ) {}

  /** @throws with the reason why there can be none here */
  static async start(plane: ControlPlane, cluster: Cluster, name = 'real-node'): Promise<RealNode> {
    const { 'kube-scheduler': scheduler } = await nodePrograms();
    await runtimePrograms();
    await ensurePackages(needed);
    const criuFolder = await ensureCriu();
    await plane.namespace.run('ip', ['address', 'replace', `${address}/32`, 'dev', 'lo']);
    const machine = await NodeMachine.open(join(plane.folder, name), plane.namespace.file);
    try {
      const containerd = await Containerd.start(machine, pods, criuFolder, pauseImage);
      for (const image of images) await containerd.load(image);
      await startKubelet(plane, cluster, machine, { name, address, socket: containerd.socket });
      await plane.namespace.start(join(plane.folder, 'kube-scheduler.log'), scheduler, [
        `--kubeconfig=${await plane.writeKubeConfig('scheduler', plane.adminToken, plane.innerUrl)}`,
        '--leader-elect=false',
      ]);
      return new RealNode(cluster, name, machine, containerd);
    } catch (e) {
      await machine.end([]);
      throw e;
    }
  }

  /** The archives that the kubelet has made. */
  checkpoints(): Promise<string[]> {
    return readdir(join(this.machine.folder, 'kubelet', 'checkpoints'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.machine.end(await this.containerd.cgroups());
    await this.cluster.remove(`/api/v1/nodes/${this.name}`);
  }
}
