import { join } from 'node:path';
import type { Vim, VimContext } from '../../../harness/model/vim.js';
import { packageRoot } from '../../../harness/util/package-root.js';
import { Cluster } from '../../../harness/vim/kubernetes/cluster.js';
import { openVim } from '../../../harness/vim/registry.js';
import type { ContractSample } from '../../contract/contract-sample.js';
import type { ControlPlane } from '../../hosts/kubernetes/control-plane.js';
import { PlayedCluster } from '../../hosts/kubernetes/played-cluster.js';
import { talk } from '../oci/container-sample.js';
import { twoPods } from './two-pods.js';
import { bindShipped } from './vim-sample.js';

/** Two pods on a real control plane, as the contract suite wants them; the control plane is the caller's to end. */
export async function podSample(plane: ControlPlane, namespace: string): Promise<ContractSample> {
  const cluster = new Cluster(plane.kubeConfig());
  await cluster.call('/api/v1/namespaces', { method: 'POST', body: { metadata: { name: namespace } } });
  const played = await PlayedCluster.start(plane, cluster, namespace);
  const kubeconfig = await plane.writeKubeConfig(namespace, await bindShipped(cluster, namespace, () => true));
  const context = contextOf(plane.folder, namespace, kubeconfig);
  const vim: Vim = await openVim('kubernetes', context);
  await vim.instantiation?.instantiate(context.service);
  for (const name of ['subject', 'peer']) await played.services.ready(name);
  const base = await played.services.reach('subject');
  const ask = async (path: string, body?: string): Promise<string> => {
    const answer = await fetch(`${base}${path}`, {
      method: 'POST',
      headers: { connection: 'close' },
      signal: AbortSignal.timeout(2000),
      ...(body === undefined ? {} : { body }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
    return text;
  };
  return {
    vim,
    service: context.service,
    subject: 'subject',
    peer: 'peer',
    link: 'lan',
    disk: 'data',
    bump: async () => Number(await ask('/bump')),
    counter: async () => Number(await ask('/counter')),
    writeDisk: async (text) => void (await ask('/write', text)),
    readDisk: async (length) => (await ask('/read')).slice(0, length),
    ping: () =>
      ask('/link').then(
        (answer) => answer === 'pong',
        () => false,
      ),
    connect: () => talk(base),
    reopen: () => openVim('kubernetes', context),
    async [Symbol.asyncDispose]() {
      await vim.instantiation?.terminate();
      await vim[Symbol.asyncDispose]();
      await played[Symbol.asyncDispose]();
    },
  };
}

function contextOf(folder: string, namespace: string, kubeconfig: string): VimContext {
  const descriptor = twoPods('pods', {
    disks: [{ id: 'data', sizeBytes: 2 ** 20 }],
    deployment: { ask: { port: 8080, health: '/healthz', link: '/link', disk: '/disk' } },
  });
  const home = join(packageRoot, 'test', 'vim', 'kubernetes');
  return {
    service: { file: join(home, 'pods.yaml'), folder: home, descriptor },
    stateFolder: join(folder, 'state'),
    options: { kubeconfig, namespace, manifests: ['contract-service.yaml'] },
  };
}
