import { rm } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { V1Endpoints, V1Pod } from '@kubernetes/client-node';
import { capabilityRows, missing } from '../../../harness/model/capability.js';
import { faultKinds, type Injection } from '../../../harness/model/fault.js';
import { sleep } from '../../../harness/util/deadline.js';
import type { Cluster } from '../../../harness/vim/kubernetes/cluster.js';
import { KubernetesVim } from '../../../harness/vim/kubernetes/kubernetes-vim.js';
import { ChaosPlayer } from '../../hosts/kubernetes/chaos-player.js';
import type { ControlPlane } from '../../hosts/kubernetes/control-plane.js';
import { definitionsPath, installCrds } from '../../hosts/kubernetes/crds.js';
import { test as base, expect } from '../../hosts/kubernetes/fixture.js';
import { NodePlayer } from '../../hosts/kubernetes/node-player.js';
import { temporaryFolder } from '../../temporary-folder.js';
import { bindShipped, contextOf, deployService } from './vim-sample.js';

// Everything here is done with the shipped service account and its roles, never as an administrator.
const test = base.extend<{ folder: string; vim: KubernetesVim }>({
  folder: async ({}, use) => {
    const folder = await temporaryFolder('kubernetes-vim');
    await use(folder);
    await rm(folder, { recursive: true, force: true });
  },
  vim: async ({ controlPlane, cluster, namespace, folder }, use) => {
    await using _ = await NodePlayer.join(cluster, `node-${namespace}`, namespace);
    await deployService(cluster, namespace);
    await using vim = await open(controlPlane, cluster, namespace, folder, () => true);
    for (const name of ['subject', 'peer']) await vim.workloads.ready(name, 120_000);
    await use(vim);
  },
});
test.describe.configure({ timeout: 240_000 });

async function open(
  plane: ControlPlane,
  cluster: Cluster,
  namespace: string,
  folder: string,
  roles: (name: string) => boolean,
): Promise<KubernetesVim> {
  const token = await bindShipped(cluster, namespace, roles);
  return KubernetesVim.open(contextOf(namespace, await plane.writeKubeConfig(namespace, token), folder));
}

const injection = (kind: string): Injection => ({
  id: `fault-1-${kind}`,
  runId: 'run-1',
  kind,
  vim: 'kubernetes',
  target: { vnfc: 'subject' },
  params: {},
  seed: 1,
  expiresAfterMs: 60_000,
});

const tag = '@vim:kubernetes';

test('names every capability, each that is not there with its reason', { tag }, async ({ vim }) => {
  const table = await vim.capabilities();
  for (const row of capabilityRows) expect(table.has(row), row).toBe(true);
  for (const kind of faultKinds) expect(table.has(`fault.${kind}`), kind).toBe(true);
  for (const [row, c] of table) if (!c.supported) expect(c.reason.length, row).toBeGreaterThan(10);
  const able = [
    'OP-create.instance',
    'OP-create.disk',
    'replacement',
    'fault.crash',
    'fault.delay',
    'fault.restart',
    'fault.drain',
  ] as const;
  expect(missing(able, table)).toEqual([]);
  expect(table.get('OP-create.memory')).toMatchObject({ supported: false });
});

test('says that disks are not captured where no CSI snapshot controller is installed', { tag }, async ({
  vim,
  cluster,
}) => {
  const definition = `${definitionsPath}/volumesnapshots.snapshot.storage.k8s.io`;
  await cluster.remove(definition);
  try {
    const disks = async () => {
      const found = (await vim.capabilities()).get('OP-create.disk');
      return found?.supported === false ? found.reason : 'supported';
    };
    await expect.poll(disks, { timeout: 30_000 }).toMatch(/no CSI snapshot controller/);
  } finally {
    await expect.poll(() => cluster.find(definition), { timeout: 30_000 }).toBeUndefined();
    await installCrds(cluster, 'volume-snapshots');
  }
});

test('locates its Deployments, shows the pod, and names what it does not have', { tag }, async ({ vim }) => {
  const compute = await vim.locate('subject');
  expect(compute).toBe('subject@1');
  expect(await vim.inspect(compute)).toMatchObject({ resource: 'subject', powerState: 'on', quarantined: false });
  expect(await vim.links()).toMatchObject([{ id: 'lan', state: 'up', ports: [{}, {}] }]);
  await expect(vim.locate('nobody')).rejects.toMatchObject({ kind: 'unknown-target' });
  await expect(vim.inspect('nobody')).rejects.toMatchObject({ kind: 'unknown-target' });
});

test('stops and starts a VNFC, and both may be said twice', { tag }, async ({ vim }) => {
  const compute = await vim.locate('subject');
  expect(['graceful', 'forced']).toContain(await vim.stop(compute));
  expect(await vim.stop(compute)).toBe('was-off');
  expect(await vim.inspect(compute)).toMatchObject({ powerState: 'off' });
  await vim.start(compute);
  await vim.start(compute);
  expect(await vim.inspect(compute)).toMatchObject({ powerState: 'on' });
});

for (const kind of ['restart', 'evict', 'cordon', 'drain', 'scale', 'crash']) {
  test(`injects ${kind}, measures it at the target, and heals it`, { tag }, async ({ vim, cluster, namespace }) => {
    // What Chaos Mesh's daemon would do to a container, done to the whole pod.
    const kill = async () => {
      const [pod] = await cluster.list<V1Pod>(vim.workloads.path('pods'), { labelSelector: 'app=subject' });
      await cluster.remove(vim.workloads.path('pods', pod?.metadata?.name), { graceSeconds: 0 });
      return 1;
    };
    await using _ = new ChaosPlayer(cluster, { on: kill, off: async () => undefined });
    const fault = injection(kind);
    expect((await vim.faults.verify(fault)).effective).toBe(false);
    await vim.faults.inject(fault);
    await vim.faults.inject(fault);
    await expect.poll(async () => (await vim.faults.verify(fault)).effective, { timeout: 20_000 }).toBe(true);
    expect((await vim.faults.active()).map((i) => i.id)).toEqual([fault.id]);
    await vim.faults.heal(fault);
    await vim.faults.heal(fault);
    expect(await vim.faults.active()).toEqual([]);
    expect((await vim.faults.verify(fault)).effective).toBe(false);
    const node = await cluster.call<{ spec: { unschedulable?: boolean } }>(`/api/v1/nodes/node-${namespace}`);
    expect(node.spec.unschedulable ?? false).toBe(false);
    await vim.workloads.ready('subject');
  });
}

for (const order of [
  ['cordon', 'evict'],
  ['evict', 'cordon'],
]) {
  test(`of ${order.join(' and ')} at the same moment both see the pod that was there, and they act in this order`, {
    tag,
  }, async ({ vim, cluster }) => {
    // The first to look is late, as it is when it needs a connection of its own.
    const see = vim.workloads.see.bind(vim.workloads);
    let looks = 0;
    vim.workloads.see = async (compute) => {
      if (looks++ === 0) await sleep(500);
      return see(compute);
    };
    const faults = order.map(injection);
    await Promise.all(faults.map((fault) => vim.faults.inject(fault)));
    for (const fault of faults) expect((await vim.faults.verify(fault)).effective, fault.kind).toBe(true);
    if (order[0] === 'cordon') {
      const pods = await cluster.list<V1Pod>(vim.workloads.path('pods'), { labelSelector: 'app=subject' });
      const fresh = pods.find((p) => p.metadata?.deletionTimestamp === undefined);
      expect(fresh?.spec?.nodeName, 'the node takes it no more').toBeUndefined();
    }
    for (const fault of faults) await vim.faults.heal(fault);
    await vim.workloads.ready('subject');
  });
}

test('a fault that is healed while it waits for its turn does not begin', { tag }, async ({
  vim,
  cluster,
  namespace,
}) => {
  const faults = ['evict', 'cordon'].map(injection);
  const injected = Promise.all(faults.map((fault) => vim.faults.inject(fault)));
  for (const fault of faults) await vim.faults.heal(fault);
  await injected;
  expect(await vim.faults.active()).toEqual([]);
  const node = await cluster.call<{ spec: { unschedulable?: boolean } }>(`/api/v1/nodes/node-${namespace}`);
  expect(node.spec.unschedulable ?? false).toBe(false);
});

test('a pod whose readiness probe was late is struck all the same, and one that does not run is not', { tag }, async ({
  vim,
  cluster,
}) => {
  const { pod } = await vim.workloads.see(await vim.locate('subject'));
  const path = `${vim.workloads.path('pods', pod?.metadata?.name)}/status`;
  const conditions = pod?.status?.conditions?.map((c) => (c.type === 'Ready' ? { ...c, status: 'False' } : c));
  await cluster.call(path, { method: 'PATCH', body: { status: { conditions } } });
  await vim.faults.inject(injection('cordon'));
  expect((await vim.faults.verify(injection('cordon'))).effective).toBe(true);
  await vim.faults.heal(injection('cordon'));
  await vim.stop(await vim.locate('subject'));
  await expect(vim.faults.inject(injection('cordon'))).rejects.toThrow(/"subject" has no pod that runs/);
});

test('a fault is healed by another process, after the one that injected it is gone', { tag }, async ({
  vim,
  controlPlane,
  cluster,
  namespace,
  folder,
}) => {
  await vim.faults.inject(injection('cordon'));
  await using other = await open(controlPlane, cluster, namespace, folder, () => true);
  const left = await other.faults.active();
  expect(left).toEqual([injection('cordon')]);
  for (const fault of left) await other.faults.heal(fault);
  expect(await vim.faults.active()).toEqual([]);
});

test('a quarantined pod stays, serves nobody, and a new one of the snapshot takes its place', { tag }, async ({
  vim,
  cluster,
  namespace,
}) => {
  const { replacement, snapshots } = vim;
  const failed = await vim.locate('subject');
  const pod = (await vim.workloads.see(failed)).pod?.metadata;
  const addresses = async () => {
    const found = await cluster.call<V1Endpoints>(`/api/v1/namespaces/${namespace}/endpoints/subject`);
    return (found.subsets ?? []).flatMap((s) => (s.addresses ?? []).map((a) => a.targetRef?.name));
  };
  await expect.poll(addresses).toEqual([pod?.name]);
  const good = await (await snapshots.capture(failed, { name: 'good', type: 'cold', runId: 'run-1' })).store();
  await replacement.quarantine(failed, 'run-1');
  await replacement.quarantine(failed, 'run-1');
  expect(await vim.inspect(failed)).toMatchObject({ quarantined: true, runId: 'run-1', powerState: 'on' });
  await expect.poll(addresses).toEqual([]);
  const policies = `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies`;
  expect(await cluster.list(policies)).toMatchObject([{ spec: { policyTypes: ['Ingress', 'Egress'] } }]);

  const fresh = await replacement.restoreAsNew(good.id, 'run-1');
  expect(await vim.inspect(fresh)).toMatchObject({ powerState: 'off', runId: 'run-1' });
  expect((await replacement.ownedBy('run-1')).map((c) => c.computeId).sort()).toEqual([failed, fresh].sort());
  await expect(replacement.release(fresh, 'another-run')).rejects.toMatchObject({ kind: 'busy' });
  await replacement.switchOver([{ resource: 'subject', to: fresh }], 'run-1');
  await replacement.switchOver([{ resource: 'subject', to: fresh }], 'run-1');
  expect(await vim.locate('subject')).toBe(fresh);
  const now = (await vim.workloads.see(fresh)).pod?.metadata;
  expect(now?.uid).not.toBe(pod?.uid);
  await expect.poll(addresses).toEqual([now?.name]);

  expect((await vim.workloads.see(failed)).pod?.metadata?.uid, 'the evidence is still there').toBe(pod?.uid);
  await expect(replacement.release(fresh, 'run-1')).rejects.toMatchObject({ kind: 'busy' });
  await replacement.release(failed, 'run-1');
  await replacement.release(failed, 'run-1');
  expect(await replacement.ownedBy()).toEqual([]);
  expect(await cluster.list(policies)).toEqual([]);
});

test('a quarantine is taken back, and the pod is the one that it was', { tag }, async ({ vim }) => {
  const compute = await vim.locate('subject');
  const { pod } = await vim.workloads.see(compute);
  await vim.replacement.quarantine(compute, 'run-1');
  await vim.replacement.unquarantine(compute, 'run-1');
  await vim.replacement.unquarantine(compute, 'run-1');
  await expect
    .poll(async () => (await vim.workloads.see(compute)).pod?.metadata?.uid, { timeout: 20_000 })
    .toBe(pod?.metadata?.uid);
  expect(await vim.replacement.ownedBy()).toEqual([]);
});

test('what is exported of a snapshot holds no secret of the workload', { tag }, async ({ vim }) => {
  const compute = await vim.locate('subject');
  const { id } = await (await vim.snapshots.capture(compute, { name: 'cold', type: 'cold' })).store();
  const images = await vim.snapshots.exportImages(id);
  const all = (await Promise.all(images.map(async (i) => text(await i.open())))).join('');
  expect(all).toContain('DB_PASSWORD');
  expect(all).not.toContain('hunter2');
  await vim.snapshots.delete([id]);
  expect(await vim.snapshots.list()).toEqual([]);
});

test('without a role the fault is refused with its name, before anything is touched', { tag }, async ({
  controlPlane,
  cluster,
  namespace,
  folder,
}) => {
  await using vim = await open(controlPlane, cluster, namespace, folder, (name) => name === 'ordeal-observe');
  const table = await vim.capabilities();
  expect(table.get('OP-create.instance')).toMatchObject({ supported: true });
  const lacks = (row: 'fault.delay' | 'fault.evict' | 'fault.drain' | 'fault.scale' | 'replacement') => {
    const found = table.get(row);
    return found?.supported === false ? found.reason : 'supported';
  };
  expect(lacks('fault.delay')).toMatch(
    /may not .*create networkchaos\.chaos-mesh\.org.* bind the role ordeal-fault-network/,
  );
  expect(lacks('fault.evict')).toMatch(/create pods\/eviction.* bind the role ordeal-fault-pod/);
  expect(lacks('fault.drain')).toMatch(/patch nodes.* bind the role ordeal-fault-node/);
  expect(lacks('fault.scale')).toMatch(/patch deployments\.apps.* bind the role ordeal-fault-scale/);
  expect(lacks('replacement')).toMatch(/patch deployments\.apps.* bind the role ordeal-replace/);
});
