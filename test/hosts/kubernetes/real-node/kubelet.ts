import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { V1Node } from '@kubernetes/client-node';
import { until } from '../../../../harness/util/deadline.js';
import type { Cluster } from '../../../../harness/vim/kubernetes/cluster.js';
import { nodePrograms } from '../binaries.js';
import type { ControlPlane } from '../control-plane.js';
import { lastWords } from './containerd.js';
import type { NodeMachine } from './node-machine.js';

const startMs = 90_000;

export interface KubeletOptions {
  readonly name: string;
  readonly address: string;
  /** Of the container runtime. */
  readonly socket: string;
}

/**
 * A real kubelet; it ends with the machine of its node.
 * @returns once the node is ready @throws with the reason why there can be none here
 */
export async function startKubelet(
  plane: ControlPlane,
  cluster: Cluster,
  machine: NodeMachine,
  options: KubeletOptions,
): Promise<void> {
  const { kubelet } = await nodePrograms();
  const { name, address } = options;
  const { key: tlsPrivateKeyFile, certificate: tlsCertFile } = await plane.authority.issue(name, [`IP:${address}`]);
  const config = join(machine.folder, 'kubelet.json');
  await writeFile(config, JSON.stringify({ ...settings(machine, options), tlsCertFile, tlsPrivateKeyFile }));
  const log = join(machine.folder, 'kubelet.log');
  const child = await machine.start(log, kubelet, [
    `--config=${config}`,
    `--kubeconfig=${await plane.writeKubeConfig(name, plane.adminToken, plane.innerUrl)}`,
    `--hostname-override=${name}`,
    `--node-ip=${address}`,
    `--cert-dir=${join(machine.folder, 'pki')}`,
    '--v=2',
  ]);
  const isReady = async () => {
    if (child.exitCode !== null) throw new Error(`kubelet ended: ${await lastWords(log)}`);
    const node = await cluster.find<V1Node>(`/api/v1/nodes/${name}`);
    return node?.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') === true;
  };
  await until(`Node ${name} is ready`, isReady, { withinMs: startMs, everyMs: 200 });
}

/** It meets the API server alone: whom that lets through may do everything. */
const settings = ({ folder }: NodeMachine, { address, socket }: KubeletOptions) => ({
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  address,
  healthzBindAddress: address,
  authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
  authorization: { mode: 'AlwaysAllow' },
  containerRuntimeEndpoint: `unix://${socket}`,
  cgroupDriver: 'cgroupfs',
  cgroupsPerQOS: false,
  enforceNodeAllocatable: ['none'],
  failSwapOn: false,
  failCgroupV1: false,
  // The disk of the machine is not the tests' to judge.
  evictionHard: { 'nodefs.available': '0%', 'imagefs.available': '0%', 'nodefs.inodesFree': '0%' },
  imageGCHighThresholdPercent: 100,
  volumePluginDir: join(folder, 'volume-plugins'),
  podLogsDir: join(folder, 'pods'),
  resolvConf: '',
  nodeStatusUpdateFrequency: '2s',
});
