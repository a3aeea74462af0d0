import { createWriteStream } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { packageRoot } from '../../../harness/util/package-root.js';
import { ChaosMesh } from '../../../harness/vim/kubernetes/chaos-mesh/client.js';
import { KubernetesVim } from '../../../harness/vim/kubernetes/kubernetes-vim.js';
import { test as base, expect } from '../../hosts/kubernetes/real-node-fixture.js';
import { shell } from '../../hosts/libvirt/shell.js';
import { temporaryFolder } from '../../temporary-folder.js';
import { twoPods } from './two-pods.js';
import { bindShipped } from './vim-sample.js';

interface Service {
  readonly vim: KubernetesVim;
  readonly folder: string;
  /** Of a VNFC, on the node's own network. */
  readonly ask: (resource: string, method: string, path: string, body?: string) => Promise<string>;
}

// Kubelet, container runtime, CRIU, scheduler and Chaos Mesh's controllers are real; Ordeal has its shipped roles.
const test = base.extend<{ running: Service }>({
  running: async ({ node: _, controlPlane, cluster, namespace }, use) => {
    const folder = await temporaryFolder('real-node');
    const token = await bindShipped(cluster, namespace, () => true);
    const kubeconfig = await controlPlane.writeKubeConfig(namespace, token);
    const home = join(packageRoot, 'test', 'vim', 'kubernetes');
    await using vim = await KubernetesVim.open({
      service: { file: join(home, 'real-node.yaml'), folder: home, descriptor },
      stateFolder: folder,
      options: { kubeconfig, namespace, manifests: ['real-node-service.yaml'] },
    });
    await vim.instantiation.instantiate({ file: join(home, 'real-node.yaml'), folder: home, descriptor });
    const ask: Service['ask'] = async (resource, method, path, body) => {
      const { pod } = await vim.workloads.see(await vim.locate(resource));
      const base = await controlPlane.ports.reach(`${pod?.status?.podIP}:8080`);
      const answer = await fetch(`${base}${path}`, {
        method,
        headers: { connection: 'close' },
        ...(body === undefined ? {} : { body }),
      });
      return answer.text();
    };
    await use({ vim, folder, ask });
    await vim.instantiation.terminate();
    await rm(folder, { recursive: true, force: true });
  },
});
test.describe.configure({ timeout: 240_000 });
const tag = ['@vim:kubernetes', '@SYS-kubernetes'];

const descriptor = twoPods('on-a-real-node', { deployment: { ask: { port: 8080, health: '/health', disk: '/disk' } } });

test('a warm snapshot holds the memory of the running container, as the kubelet had it checkpointed, and the container goes on', {
  tag,
}, async ({ running: { vim, folder, ask } }) => {
  expect(await ask('subject', 'PUT', '/sessions/one', 'a-state-to-be-found')).toBe('kept');
  expect((await vim.capabilities()).get('OP-create.memory')).toMatchObject({ supported: true });
  const compute = await vim.locate('subject');
  const { id } = await (await vim.snapshots.capture(compute, { name: 'warm', type: 'warm' })).store();
  expect(await ask('subject', 'GET', '/sessions/one')).toBe('a-state-to-be-found');
  expect((await vim.workloads.see(compute)).pod?.status?.containerStatuses?.[0]?.restartCount).toBe(0);
  const memory = (await vim.snapshots.exportImages(id)).find((i) => i.role === 'memory');
  const archive = join(folder, 'checkpoint.tar');
  await pipeline((await memory?.open()) ?? [], createWriteStream(archive));
  const names = await shell('tar', ['-tf', archive]);
  expect(names).toContain('checkpoint/pages-1.img');
  expect(names).toContain('spec.dump');
  await shell('tar', ['-C', folder, '-xf', archive]);
  expect(await readFile(join(folder, 'checkpoint', 'pages-1.img'), 'latin1')).toContain('a-state-to-be-found');
  await vim.snapshots.delete([id]);
});

test('Chaos Mesh kills a real pod at the word of the client', { tag }, async ({
  nodeWithChaosMesh: _,
  running: { vim, ask },
  namespace,
}) => {
  await ask('subject', 'PUT', '/sessions/one', 'lost');
  const { pod } = await vim.workloads.see(await vim.locate('subject'));
  const chaos = new ChaosMesh(vim.workloads.cluster, namespace);
  const selector = { namespaces: [namespace], labelSelectors: { app: 'subject' } };
  const labels = { 'ordeal.dev/run': 'run-1' };
  await chaos.create({ kind: 'PodChaos', name: 'kill', spec: { action: 'pod-kill', mode: 'all', selector }, labels });
  await chaos.injected('PodChaos', 'kill', 30_000);
  await chaos.heal('PodChaos', 'kill', 30_000);
  const fresh = await vim.workloads.ready('subject');
  expect(fresh.metadata?.uid).not.toBe(pod?.metadata?.uid);
  expect(await ask('subject', 'GET', '/sessions/one'), 'its memory went with it').toBe('no such session');
});

test('the fault shutdown, by Chaos Mesh, is measured at the real pod, and healed', { tag }, async ({
  nodeWithChaosMesh: _,
  running: { vim, ask },
}) => {
  const fault = {
    id: 'fault-1-shutdown',
    runId: 'run-1',
    kind: 'shutdown',
    vim: 'kubernetes',
    target: { vnfc: 'subject' },
    params: {},
    seed: 1,
    expiresAfterMs: 60_000,
  };
  await vim.faults.inject(fault);
  await expect.poll(async () => (await vim.faults.verify(fault)).effective, { timeout: 20_000 }).toBe(true);
  await vim.faults.heal(fault);
  expect(await vim.faults.active()).toEqual([]);
  // The kubelet starts the container again, and says so a moment later.
  const health = () => ask('subject', 'GET', '/health').catch((e: Error) => e.message);
  await expect.poll(health, { timeout: 60_000 }).toBe('ok');
});
