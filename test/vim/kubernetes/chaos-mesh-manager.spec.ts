import type { V1Pod } from '@kubernetes/client-node';
import { ChaosMesh } from '../../../harness/vim/kubernetes/chaos-mesh/client.js';
import { chaosFaultKinds, chaosOf } from '../../../harness/vim/kubernetes/chaos-mesh/from-catalogue.js';
import { holds } from '../../../harness/vim/kubernetes/chaos-mesh/kinds.js';
import { Cluster } from '../../../harness/vim/kubernetes/cluster.js';
import { test as base, expect } from '../../hosts/kubernetes/chaos-mesh-fixture.js';
import { NodePlayer } from '../../hosts/kubernetes/node-player.js';
import { injection, targetIn } from './chaos-doses.js';
import { bindShipped, deployService } from './vim-sample.js';

interface Struck {
  /** Ordeal's client, with the shipped account and its roles. */
  readonly chaos: ChaosMesh;
  readonly pod: () => Promise<V1Pod | undefined>;
}

// The API server, its controllers and those of Chaos Mesh are real. Nothing runs in the pods: their node is played.
const test = base.extend<{ struck: Struck }>({
  struck: async ({ chaosMesh: _, controlPlane, cluster, namespace }, use) => {
    await using node = await NodePlayer.join(cluster, `node-${namespace}`, namespace);
    await deployService(cluster, namespace);
    const pod = async () => {
      const pods = await cluster.list<V1Pod>(`/api/v1/namespaces/${node.namespace}/pods`, {
        labelSelector: 'app=subject',
      });
      return pods.find((p) => p.metadata?.deletionTimestamp === undefined && p.status?.phase === 'Running');
    };
    await expect.poll(pod, { timeout: 30_000 }).toBeDefined();
    const token = await bindShipped(cluster, namespace, () => true);
    await use({ chaos: new ChaosMesh(new Cluster(controlPlane.kubeConfig(token)), namespace), pod });
  },
});
test.describe.configure({ timeout: 120_000 });
const labels = { 'ordeal.dev/run': 'run-1' };
const withinMs = 30_000;
const subject = (namespace: string) => ({
  mode: 'all' as const,
  selector: { namespaces: [namespace], labelSelectors: { app: 'subject' } },
});

test('Chaos Mesh kills the pod that the client names, and says so; the Deployment makes another', async ({
  struck: { chaos, pod },
  namespace,
}) => {
  const before = await pod();
  await chaos.create({
    kind: 'PodChaos',
    name: 'kill',
    spec: { action: 'pod-kill', ...subject(namespace) },
    labels,
  });
  await chaos.injected('PodChaos', 'kill', withinMs);
  await expect
    .poll(async () => (await pod())?.metadata?.uid ?? before?.metadata?.uid, { timeout: 20_000 })
    .not.toBe(before?.metadata?.uid);
  await chaos.heal('PodChaos', 'kill', withinMs);
  expect(await chaos.find('PodChaos', 'kill')).toBeUndefined();
});

test('a pod fails, is given back while the fault is paused, fails again, and is what it was once it is healed', async ({
  struck: { chaos, pod },
  namespace,
}) => {
  const image = async () => (await pod())?.spec?.containers[0]?.image;
  const { kind, spec } = chaosOf(injection('shutdown'), { selector: subject(namespace).selector });
  await chaos.create({ kind, name: 'fail', spec, labels } as never);
  await chaos.injected(kind, 'fail', withinMs);
  expect(await image()).toBe('ordeal/pause:test');
  await chaos.pause(kind, 'fail');
  await chaos.recovered(kind, 'fail', withinMs);
  expect(await image()).toBe('store:1');
  await chaos.resume(kind, 'fail');
  await chaos.injected(kind, 'fail', withinMs);
  expect(await image()).toBe('ordeal/pause:test');
  await chaos.heal(kind, 'fail', withinMs);
  expect(await image()).toBe('store:1');
});

test('a fault that nobody heals ends with its duration', async ({ struck: { chaos, pod }, namespace }) => {
  const { kind, spec } = chaosOf(injection('shutdown', 4000), { selector: subject(namespace).selector });
  await chaos.create({ kind, name: 'brief', spec, labels } as never);
  await chaos.injected(kind, 'brief', withinMs);
  await chaos.recovered(kind, 'brief', withinMs);
  expect(holds(await chaos.find(kind, 'brief'), 'AllInjected')).toBe(false);
  expect((await pod())?.spec?.containers[0]?.image).toBe('store:1');
});

test('every fault that is said to Chaos Mesh passes its webhooks, under the shipped roles', async ({
  struck: { chaos },
  namespace,
}) => {
  for (const fault of chaosFaultKinds) {
    await test.step(fault, async () => {
      const { kind, spec } = chaosOf(injection(fault), targetIn(namespace));
      await chaos.create({ kind, name: 'one', spec, labels } as never, { dryRun: true });
    });
  }
});

test('what the webhooks have against an object comes back as one error that names it', async ({
  struck: { chaos },
  namespace,
}) => {
  const wrong = { action: 'container-kill' as const, ...subject(namespace) };
  const refused = await chaos.create({ kind: 'PodChaos', name: 'x', spec: wrong, labels }).catch((e: Error) => e);
  expect(refused).toMatchObject({ name: 'OrdealError', kind: 'scenario-invalid' });
  expect((refused as Error).message).toMatch(/PodChaos "x".*name of container is required/);
  expect((refused as Error).message.split('\n')).toHaveLength(1);
});

test('who may strike in one namespace is refused in another', async ({ struck: { chaos }, cluster, namespace }) => {
  const other = `${namespace}-other`;
  await cluster.call('/api/v1/namespaces', { method: 'POST', body: { metadata: { name: other } } });
  const spec = { action: 'pod-kill' as const, ...subject(other) };
  const refused = await chaos.create({ kind: 'PodChaos', name: 'y', spec, labels }).catch((e: Error) => e);
  expect(refused).toMatchObject({ kind: 'capability-missing' });
  expect((refused as Error).message).toContain(`forbidden on namespace ${other}`);
  await cluster.remove(`/api/v1/namespaces/${other}`);
});
