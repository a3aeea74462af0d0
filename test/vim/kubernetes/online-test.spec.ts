import { join } from 'node:path';
import { exitCodeOfError } from '../../../harness/model/exit-codes.js';
import { expect, test } from '../../hosts/kubernetes/fixture.js';
import { PlayedCluster } from '../../hosts/kubernetes/played-cluster.js';
import { expectOnlineTesting, onlineTestingRows, Providers } from '../online-testing.js';
import { objectsOf } from './cluster-objects.js';
import { ordeal } from './long-call.js';
import { sessionService } from './session-service.js';

test.describe.configure({ timeout: 240_000 });

test('the loop of `ordeal run` on pods: one fault is survived, one is restored from, the evidence holds the memory, and nothing is left', {
  tag: ['@vim:kubernetes', ...onlineTestingRows],
}, async ({ controlPlane, cluster, namespace }) => {
  await using played = await PlayedCluster.start(controlPlane, cluster, namespace);
  const folder = await sessionService(controlPlane, cluster, namespace, played);
  await using providers = await Providers.of(folder);
  const before = await objectsOf(cluster, namespace);

  const out = ['--state', join(folder, 'state'), '--out', join(folder, 'out')];
  const { code, said } = await ordeal(['run', join(folder, 'online-testing.feature'), '--no-allure', ...out], folder);
  expect(code, `${said}\n${await played.runtime.said()}`).toBe(0);
  expect(said).toContain('2 scenarios: 2 passed');

  const records = await expectOnlineTesting(folder, providers);
  for (const { plan } of records) {
    expect(plan, 'what will not be there is said before anything is touched').toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^Not frozen on kubernetes .* a VNFC in quarantine is cut off, and goes on$/),
        expect.stringMatching(/^Not brought back on kubernetes: the memory of store-1, gateway-1, gateway-2 is lost/),
      ]),
    );
  }
  expect(await objectsOf(cluster, namespace), 'nothing is left of the service or of the runs').toEqual(before);
});

test('a run without a role is refused with its name, before anything is touched', { tag: '@vim:kubernetes' }, async ({
  controlPlane,
  cluster,
  namespace,
}) => {
  await using played = await PlayedCluster.start(controlPlane, cluster, namespace);
  const before = await objectsOf(cluster, namespace);
  // A role that is bound stays so: from none to more.
  for (const [roles, message] of [
    [[], /Deployment "store-1" cannot be read.*Bind the roles/],
    [['ordeal-observe'], /may not .*create deployments\.apps.*Bind the role ordeal-instantiate/],
    [['ordeal-observe', 'ordeal-instantiate'], /lacks .*replacement .*bind the role ordeal-replace/],
    [['ordeal-observe', 'ordeal-instantiate', 'ordeal-replace'], /lacks fault\.crash .*bind the role ordeal-fault-pod/],
  ] as const) {
    const bound: readonly string[] = roles;
    const folder = await sessionService(controlPlane, cluster, namespace, played, (name) => bound.includes(name));
    const feature = join(folder, 'online-testing.feature');
    const { code, said } = await ordeal(['run', feature, '--no-allure', '--state', join(folder, 'state')], folder);
    expect(said).toMatch(message);
    expect(code, said).toBe(exitCodeOfError('capability-missing'));
    expect(await objectsOf(cluster, namespace), 'nothing was touched').toEqual(before);
  }
});
