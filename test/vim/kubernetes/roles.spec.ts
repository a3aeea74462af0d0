import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FaultRequest } from '../../../harness/fault/catalogue.js';
import { runOnlineTest } from '../../../harness/online-test/run.js';
import { readService, ServiceSession } from '../../../harness/online-test/session.js';
import { needs, needsOfFault, type Permission } from '../../../harness/vim/kubernetes/access.js';
import { ChaosMesh } from '../../../harness/vim/kubernetes/chaos-mesh/client.js';
import { chaosKindOf } from '../../../harness/vim/kubernetes/chaos-mesh/from-catalogue.js';
import { chaosKinds, pluralOf } from '../../../harness/vim/kubernetes/chaos-mesh/kinds.js';
import { Cluster } from '../../../harness/vim/kubernetes/cluster.js';
import { chaosFaults } from '../../../harness/vim/kubernetes/faults.js';
import { expect, test } from '../../hosts/kubernetes/fixture.js';
import { PlayedCluster } from '../../hosts/kubernetes/played-cluster.js';
import { objectsOf } from './cluster-objects.js';
import { sessionService } from './session-service.js';
import { bindShipped, shippedRoles } from './vim-sample.js';

test.describe.configure({ timeout: 240_000 });

const faultsOf = (role: string): readonly string[] => {
  if (role === 'pod') return ['shutdown', 'crash', 'restart', 'evict'];
  if (role === 'node') return ['cordon', 'drain'];
  if (role === 'scale') return ['scale'];
  return chaosFaults.filter((kind) => chaosKindOf[kind]?.toLowerCase() === `${role}chaos`);
};
const granted: Readonly<Record<string, readonly Permission[]>> = {
  'ordeal-observe': needs.observe,
  'ordeal-snapshot': needs.volumes,
  'ordeal-checkpoint': needs.checkpoint,
  'ordeal-replace': [...needs.power, ...needs.replacement],
  'ordeal-instantiate': needs.instantiation,
  'ordeal-host': needs.hosting,
  ...Object.fromEntries(
    ['pod', 'node', 'scale', 'network', 'io', 'time', 'http'].map((role) => [
      `ordeal-fault-${role}`,
      faultsOf(role).flatMap(needsOfFault),
    ]),
  ),
};

test('each role grants what its ability asks for, and nothing else', async () => {
  const inFile = new Map<string, Set<string>>();
  for (const { metadata, rules } of await shippedRoles()) {
    const found = inFile.get(metadata.name) ?? new Set();
    for (const { apiGroups, resources, verbs } of rules)
      for (const group of apiGroups)
        for (const resource of resources) for (const verb of verbs) found.add(`${verb} ${resource}.${group}`);
    inFile.set(metadata.name, found);
  }
  for (const [role, permissions] of Object.entries(granted)) {
    const asked = permissions.map(({ verb, group, resource, subresource }) => {
      return `${verb} ${resource}${subresource === undefined ? '' : `/${subresource}`}.${group}`;
    });
    expect([...(inFile.get(role) ?? [])].sort(), role).toEqual([...new Set(asked)].sort());
  }
});

interface Refusal {
  readonly without: string;
  readonly message: RegExp;
  /** Absent: an online test with the fault. */
  readonly does?: (session: ServiceSession) => Promise<unknown>;
  readonly fault?: FaultRequest;
  readonly snapshotType?: 'warm' | 'cold';
}

const vimOf = (session: ServiceSession) => session.vims.get('kubernetes');
const call = { name: 'hosted', image: 'ordeal:test', args: [], files: new Map(), maxMs: 60_000 };
const refusals: readonly Refusal[] = [
  { without: 'ordeal-observe', message: /may not watch pods.*bind the role ordeal-observe/ },
  { without: 'ordeal-snapshot', message: /may not .*create volumesnapshots.*bind the role ordeal-snapshot/ },
  {
    without: 'ordeal-checkpoint',
    message: /may not .*create nodes\/proxy.*bind the role ordeal-checkpoint/,
    snapshotType: 'warm',
  },
  { without: 'ordeal-replace', message: /may not patch pods.*bind the role ordeal-replace/ },
  {
    without: 'ordeal-instantiate',
    message: /may not .*create deployments.*Bind the role ordeal-instantiate/,
    does: async (session) => vimOf(session)?.instantiation?.check?.(session.service),
  },
  {
    without: 'ordeal-host',
    message: /may not .*create jobs.*Bind the role ordeal-host/,
    does: async (session) => vimOf(session)?.hosting?.check(call),
  },
  { without: 'ordeal-fault-pod', message: /create podchaos.*bind the role ordeal-fault-pod/ },
  {
    without: 'ordeal-fault-node',
    message: /patch nodes.*bind the role ordeal-fault-node/,
    fault: { kind: 'drain', target: { vnfc: 'store-1' } },
  },
  {
    without: 'ordeal-fault-network',
    message: /create networkchaos.*bind the role ordeal-fault-network/,
    fault: { kind: 'link-cut', target: { link: 'lan' } },
  },
  {
    without: 'ordeal-fault-io',
    message: /create iochaos.*bind the role ordeal-fault-io/,
    fault: { kind: 'disk-full', target: { vnfc: 'store-1' } },
  },
  {
    without: 'ordeal-fault-time',
    message: /create timechaos.*bind the role ordeal-fault-time/,
    fault: { kind: 'clock-skew', target: { vnfc: 'store-1' }, params: { offsetMs: 60_000 } },
  },
  {
    without: 'ordeal-fault-http',
    message: /create httpchaos.*bind the role ordeal-fault-http/,
    fault: { kind: 'http-abort', target: { vnfc: 'store-1' }, params: { port: 8080 } },
  },
];

test('whoever lacks one role is refused by its name, before anything is touched', { tag: '@vim:kubernetes' }, async ({
  controlPlane,
  cluster,
  namespace,
}) => {
  await using played = await PlayedCluster.start(controlPlane, cluster, namespace);
  const folder = await sessionService(controlPlane, cluster, namespace, played);
  const file = join(folder, 'service.yaml');
  // A snapshot of the store is one of its volume, too.
  await writeFile(file, (await readFile(file, 'utf8')).replace(', independent: true', ''));
  await using session = await ServiceSession.open(await readService(file), { stateFolder: join(folder, 'state') });
  await session.start();
  const before = await objectsOf(cluster, namespace);
  for (const { without, message, does, fault, snapshotType } of refusals) {
    await test.step(without, async () => {
      const token = await bindShipped(cluster, namespace, (role) => role !== without, `not-${without}`);
      const kubeconfig = await controlPlane.writeKubeConfig(`${namespace}-${without}`, token);
      const service = await readService(file);
      const vims = { kubernetes: { ...service.descriptor.vims.kubernetes, kubeconfig } };
      const poor = { ...service, descriptor: { ...service.descriptor, vims } };
      await using asked = await ServiceSession.open(poor, { stateFolder: join(folder, without) });
      const request = {
        title: without,
        front: 'library' as const,
        faults: [fault ?? { kind: 'crash', target: { vnfc: 'store-1' } }],
        allowBlastRadius: true,
        ...(snapshotType === undefined ? {} : { snapshotType }),
      };
      const done = does?.(asked) ?? runOnlineTest(asked, request, { outFolder: join(folder, 'out') });
      const refused = await done.then(
        () => undefined,
        (e: Error) => e,
      );
      expect(refused).toMatchObject({ name: expect.stringMatching(/Error$/), kind: 'capability-missing' });
      expect(refused?.message).toMatch(message);
      expect(asked.journal.runs()).toEqual([]);
      expect(await objectsOf(cluster, namespace), 'nothing was touched').toEqual(before);
    });
  }
});

test('without its role the API server takes no object of a kind of Chaos Mesh, and the refusal names the kind', {
  tag: '@vim:kubernetes',
}, async ({ controlPlane, cluster, namespace }) => {
  const token = await bindShipped(cluster, namespace, (role) => role === 'ordeal-observe');
  const chaos = new ChaosMesh(new Cluster(controlPlane.kubeConfig(token)), namespace);
  for (const kind of chaosKinds) {
    const refused = chaos.create({ kind, name: 'one', spec: {} as never, labels: {} });
    await expect(refused).rejects.toMatchObject({ kind: 'capability-missing' });
    await expect(refused).rejects.toThrow(new RegExp(`cannot create resource "${pluralOf(kind)}".*Bind the roles`));
  }
});
