import { join } from 'node:path';
import { until } from '../../../../harness/util/deadline.js';
import { chaosDaemonPrograms } from '../binaries.js';
import { chaosMeshNamespace } from '../chaos-mesh.js';
import { lastWords } from './containerd.js';
import type { RealNode } from './real-node.js';

const startMs = 30_000;

/**
 * Chaos Mesh's daemon on a node, and where its controllers find it. It ends with the machine of the node.
 * @throws with the reason why there can be none here
 */
export async function startChaosDaemon({
  cluster,
  machine,
  name,
  address,
  containerd: { socket },
}: RealNode): Promise<void> {
  const { 'chaos-daemon': daemon } = await chaosDaemonPrograms();
  const log = join(machine.folder, 'chaos-daemon.log');
  const child = await machine.start(log, daemon, ['--runtime=containerd', `--runtime-socket-path=${socket}`]);
  const listens = async () => {
    if (child.exitCode !== null) throw new Error(`chaos-daemon ended: ${await lastWords(log)}`);
    return machine.run('bash', ['-c', `</dev/tcp/${address}/31767`]).then(
      () => true,
      () => false,
    );
  };
  await until('chaos-daemon listens', listens, { withinMs: startMs, everyMs: 200 });
  // As its DaemonSet and its Service would have it.
  await cluster.call(`/apis/discovery.k8s.io/v1/namespaces/${chaosMeshNamespace}/endpointslices`, {
    method: 'POST',
    body: {
      metadata: { name: `chaos-daemon-${name}`, labels: { 'kubernetes.io/service-name': 'chaos-daemon' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: [address], nodeName: name, conditions: { ready: true } }],
      ports: [{ name: 'grpc', port: 31_767, protocol: 'TCP' }],
    },
  });
}
