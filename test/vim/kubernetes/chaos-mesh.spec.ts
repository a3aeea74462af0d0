import { sleep } from '../../../harness/util/deadline.js';
import { ChaosMesh } from '../../../harness/vim/kubernetes/chaos-mesh/client.js';
import { chaosFaultKinds, chaosKindOf, chaosOf } from '../../../harness/vim/kubernetes/chaos-mesh/from-catalogue.js';
import {
  type ChaosKind,
  type ChaosSpecs,
  chaosKinds,
  holds,
} from '../../../harness/vim/kubernetes/chaos-mesh/kinds.js';
import { Cluster } from '../../../harness/vim/kubernetes/cluster.js';
import { ChaosPlayer } from '../../hosts/kubernetes/chaos-player.js';
import { test as base, expect } from '../../hosts/kubernetes/fixture.js';
import { injection, targetIn } from './chaos-doses.js';
import { bindShipped } from './vim-sample.js';

// What plays Chaos Mesh is an administrator; its client has the roles that are shipped for it, and no others.
const test = base.extend<{ chaos: ChaosMesh }>({
  chaos: async ({ controlPlane, cluster, namespace }, use) => {
    const token = await bindShipped(cluster, namespace, (name) => /^ordeal-(fault|chaos)-/.test(name));
    await use(new ChaosMesh(new Cluster(controlPlane.kubeConfig(token)), namespace));
  },
});

test.describe.configure({ timeout: 90_000 });

const target = targetIn('default');
const labels = { 'ordeal.dev/run': 'run-1' };
const withinMs = 20_000;

test('the API server serves every kind of Chaos Mesh that the client knows', async ({ chaos }) => {
  expect(await chaos.served()).toEqual(new Set(chaosKinds));
});

for (const kind of chaosFaultKinds) {
  test(`the fault ${kind} becomes a ${chaosKindOf[kind]} that the API server takes without a doubtful field, with a duration`, async ({
    chaos,
  }) => {
    const wanted = chaosOf(injection(kind), target);
    expect(wanted.kind).toBe(chaosKindOf[kind]);
    expect(wanted.spec).toMatchObject({ duration: '60000ms' });
    await chaos.create({ ...wanted, name: 'one', labels });
    await chaos.create({ ...wanted, name: 'one', labels });
    expect((await chaos.find(wanted.kind, 'one'))?.spec).toMatchObject({ ...wanted.spec });
    expect((await chaos.list(wanted.kind, 'ordeal.dev/run=run-1')).length).toBe(1);
    await chaos.heal(wanted.kind, 'one', withinMs);
    await chaos.heal(wanted.kind, 'one', withinMs);
    expect(await chaos.list(wanted.kind, 'ordeal.dev/run=run-1')).toEqual([]);
  });
}

const composed: { readonly [K in 'Schedule' | 'Workflow' | 'StatusCheck']: ChaosSpecs[K] } = {
  Schedule: {
    schedule: '@every 1h',
    type: 'NetworkChaos',
    concurrencyPolicy: 'Forbid',
    historyLimit: 1,
    networkChaos: chaosOf(injection('delay'), target).spec as ChaosSpecs['NetworkChaos'],
  },
  Workflow: {
    entry: 'all',
    templates: [
      { name: 'all', templateType: 'Serial', deadline: '60s', children: ['cut', 'wait'] },
      {
        name: 'cut',
        templateType: 'NetworkChaos',
        deadline: '10s',
        networkChaos: chaosOf(injection('link-cut'), target).spec as ChaosSpecs['NetworkChaos'],
      },
      { name: 'wait', templateType: 'Suspend', deadline: '5s' },
    ],
  },
  StatusCheck: {
    type: 'HTTP',
    mode: 'Continuous',
    http: { url: 'http://store:8080/', criteria: { statusCode: '200' } },
  },
};
for (const kind of ['Schedule', 'Workflow', 'StatusCheck'] as const) {
  test(`a ${kind} is created, listed and deleted`, async ({ chaos }) => {
    await chaos.create({ kind, name: 'one', spec: composed[kind], labels });
    expect((await chaos.list(kind, 'ordeal.dev/run=run-1')).map((o) => o.metadata?.name)).toEqual(['one']);
    await chaos.heal(kind, 'one', withinMs);
    expect(await chaos.find(kind, 'one')).toBeUndefined();
  });
}

test('what the schema does not allow comes back as one error that names each field', async ({ chaos }) => {
  const wrong = { mode: 'few', selector: {}, action: 'slow', latncy: '1ms' } as unknown as ChaosSpecs['NetworkChaos'];
  const error = await chaos.create({ kind: 'NetworkChaos', name: 'wrong', spec: wrong, labels }).catch((e: Error) => e);
  expect(error).toMatchObject({ name: 'OrdealError', kind: 'scenario-invalid' });
  const { message } = error as Error;
  expect(message).toContain('The cluster does not take NetworkChaos "wrong"');
  for (const field of ['spec.latncy', 'spec.mode', 'spec.action']) expect(message).toContain(field);
  expect(message.split('\n')).toHaveLength(1);
  expect(await chaos.list('NetworkChaos', '')).toEqual([]);
});

test('a missing field is named, and a name that is none is refused', async ({ chaos }) => {
  const spec = { mode: 'all', selector: {} } as unknown as ChaosSpecs['IOChaos'];
  await expect(chaos.create({ kind: 'IOChaos', name: 'x', spec, labels })).rejects.toThrow(/spec\.volumePath/);
  const good = chaosOf(injection('crash'), target);
  await expect(chaos.create({ ...good, name: 'No_Name', labels })).rejects.toThrow(/metadata\.name/);
});

test('waits for the injection, pauses, resumes, heals, and sees the recovery', async ({ chaos, cluster }) => {
  await using _ = new ChaosPlayer(cluster);
  const { kind, spec } = chaosOf(injection('delay'), target);
  await chaos.create({ kind, name: 'slow', spec, labels } as never);
  await chaos.injected(kind, 'slow', withinMs);
  await chaos.pause(kind, 'slow');
  await chaos.recovered(kind, 'slow', withinMs);
  await chaos.resume(kind, 'slow');
  await chaos.injected(kind, 'slow', withinMs);
  await chaos.heal(kind, 'slow', withinMs);
  expect(await chaos.find(kind, 'slow')).toBeUndefined();
});

test('recovers by itself when its duration is over and nobody healed it', async ({ chaos, cluster }) => {
  await using _ = new ChaosPlayer(cluster);
  const { kind, spec } = chaosOf(injection('loss', 1500), target);
  await chaos.create({ kind, name: 'brief', spec, labels } as never);
  await chaos.injected(kind, 'brief', withinMs);
  await chaos.recovered(kind, 'brief', withinMs);
  expect(holds(await chaos.find(kind, 'brief'), 'AllInjected')).toBe(false);
});

test('says that Chaos Mesh does nothing, and that it does not take a fault back; the finalizer goes on request only', async ({
  chaos,
  cluster,
}) => {
  const { kind, spec } = chaosOf(injection('partition'), target);
  const stuck: ChaosKind = kind;
  {
    await using player = new ChaosPlayer(cluster);
    await chaos.create({ kind, name: 'stuck', spec, labels } as never);
    await chaos.injected(stuck, 'stuck', withinMs);
    player.hangs = true;
    await chaos.create({ kind, name: 'idle', spec, labels } as never);
    await expect(chaos.injected(stuck, 'idle', 500)).rejects.toThrow(
      /no conditions yet: does chaos-controller-manager run/,
    );
    await expect(chaos.heal(stuck, 'stuck', 500)).rejects.toMatchObject({ kind: 'timeout' });
    expect(await chaos.find(stuck, 'stuck')).toBeDefined();
  }
  await chaos.forceFinalizers(stuck, 'stuck');
  await chaos.forceFinalizers(stuck, 'stuck');
  expect(await chaos.find(stuck, 'stuck')).toBeUndefined();
});

test('a fault outlives the API server: it is killed while the fault is coming on, and again while it is healed', async ({
  controlPlane,
  chaos,
  cluster,
}) => {
  await using player = new ChaosPlayer(cluster);
  player.hangs = true;
  const { kind, spec } = chaosOf(injection('delay'), target);
  await chaos.create({ kind, name: 'slow', spec, labels } as never);
  const injected = chaos.injected(kind, 'slow', 60_000);
  await sleep(300);
  await controlPlane.killApiServer();
  await sleep(500);
  player.hangs = false;
  await controlPlane.startApiServer();
  await injected;
  player.hangs = true;
  const healed = chaos.heal(kind, 'slow', 60_000);
  await sleep(300);
  await controlPlane.killApiServer();
  player.hangs = false;
  await controlPlane.startApiServer();
  await healed;
  expect(await chaos.find(kind, 'slow')).toBeUndefined();
});

test('says that the API server is not there', async ({ controlPlane, chaos }) => {
  await controlPlane.killApiServer();
  try {
    await expect(chaos.list('PodChaos', '')).rejects.toMatchObject({ kind: 'vim-unreachable' });
  } finally {
    await controlPlane.startApiServer();
  }
});
