import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { V1CronJob, V1Job, V1Pod, V1Service } from '@kubernetes/client-node';
import { exitCodeOfError } from '../../../harness/model/exit-codes.js';
import { runRecord } from '../../../harness/model/run-record.js';
import { readService, ServiceSession } from '../../../harness/online-test/session.js';
import { expect, test } from '../../hosts/kubernetes/fixture.js';
import { PlayedCluster } from '../../hosts/kubernetes/played-cluster.js';
import { objectsOf } from './cluster-objects.js';
import { ordeal, startOrdeal } from './long-call.js';
import { sessionService } from './session-service.js';

test.describe.configure({ timeout: 240_000 });

const feature = `Feature: Inside of the cluster
  Scenario: A gateway is evicted
    Given the network service "service.yaml" in operation
    And a steady baseline of 2 seconds
    When the VNFC "gateway-1" is evicted
    Then the service quality is as before within the expected recovery time
`;
const interrupted = `Feature: Inside of the cluster
  Scenario: A gateway is shut down
    Given the network service "service.yaml" in operation
    And a steady baseline of 3 seconds
    When the VNFC "gateway-1" is shut down for 60 seconds
    Then the service quality is as before within the expected recovery time
`;
/** The other faults of a platform, by their words. */
const platform = `Feature: What the platform does
  Scenario Outline: A gateway <words>
    Given the network service "service.yaml" in operation
    When the VNFC "gateway-1" <words>
    Then the service quality is as before within the expected recovery time
    Examples:
      | words                             |
      | is restarted                      |
      | is on a node that takes nothing new |
      | is on a node that is drained      |
`;
const schedule = `schema: ordeal.schedule/1
timeZone: Europe/Paris
tests: [{ id: gateway, service: sessions, cron: "0 3 * * mon-fri", features: [hosted.feature], startWithinMs: 600000 }]
`;

test('`ordeal run --on kubernetes` runs beside the service, by its own rights and without a root file system to write to, and the results come back', {
  tag: '@vim:kubernetes',
}, async ({ controlPlane, cluster, namespace }) => {
  await using played = await PlayedCluster.start(controlPlane, cluster, namespace);
  // The real admission of the API server sees to it that what Ordeal makes there is restricted.
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  await cluster.call(`/api/v1/namespaces/${namespace}`, { method: 'PATCH', body: { metadata: { labels } } });
  const folder = await sessionService(controlPlane, cluster, namespace, played);
  const serviceFile = join(folder, 'service.yaml');
  await using session = await ServiceSession.open(await readService(serviceFile), {
    stateFolder: join(folder, 'state'),
  });
  await session.start();
  const { spec } = await cluster.call<V1Service>(`/api/v1/namespaces/${namespace}/services/gateway`);
  const descriptor = await readFile(serviceFile, 'utf8');
  await writeFile(serviceFile, descriptor.replace(/http:\/\/127\.0\.0\.1:\d+/, `http://${spec?.clusterIP}`));
  await writeFile(join(folder, 'hosted.feature'), feature);
  await writeFile(join(folder, 'platform.feature'), platform);
  await writeFile(join(folder, 'interrupted.feature'), interrupted);
  await writeFile(join(folder, 'nightly.yaml'), schedule);
  const before = await objectsOf(cluster, namespace);

  const there = ['--on', 'kubernetes', '--image', 'ordeal:test', '--state', join(folder, 'state')];
  const out = join(folder, 'results');
  const { code, said } = await ordeal(['run', join(folder, 'hosted.feature'), ...there, '--out', out], folder);
  expect(code, said).toBe(0);
  expect(said).toContain('A gateway is evicted');
  const [run = ''] = (await readdir(out)).filter((name) => name.startsWith('run-'));
  const record = runRecord.parse(JSON.parse(await readFile(join(out, run, 'run.json'), 'utf8')));
  expect(record.verdicts).toMatchObject({ service: 'recovered', injection: 'confirmed' });
  expect(existsSync(join(out, 'index.html'))).toBe(true);
  await expect.poll(() => objectsOf(cluster, namespace), { timeout: 30_000 }).toEqual(before);

  const words = await ordeal(['run', join(folder, 'platform.feature'), '--dry-run'], folder);
  expect(words.code, words.said).toBe(0);
  for (const fault of ['is restarted', 'is on a node that takes nothing new', 'is on a node that is drained']) {
    expect(words.said).toContain(`Fault: gateway-1 ${fault}`);
  }

  const chaos = `/apis/chaos-mesh.org/v1alpha1/namespaces/${namespace}/podchaos`;
  const { child, ended } = startOrdeal(['run', join(folder, 'interrupted.feature'), ...there], folder);
  const tooEarly = ended.then(({ said: why }) => {
    throw new Error(`it ended too early: ${why}`);
  });
  await Promise.race([tooEarly, expect.poll(() => cluster.list(chaos), { timeout: 90_000 }).toHaveLength(1)]);
  child.kill('SIGINT');
  const left = await ended;
  expect(left.code, left.said).toBe(exitCodeOfError('interrupted'));
  expect(await cluster.list(chaos), 'it was healed before the Job ended').toEqual([]);
  await expect.poll(() => objectsOf(cluster, namespace), { timeout: 30_000 }).toEqual(before);

  const jobs = `/apis/batch/v1/namespaces/${namespace}/cronjobs`;
  const dry = await ordeal(['schedule', join(folder, 'nightly.yaml'), ...there, '--dry-run'], folder);
  expect(dry.code, dry.said).toBe(0);
  expect(dry.said).toContain('kind: CronJob');
  expect(await cluster.list(jobs)).toEqual([]);
  for (let i = 0; i < 2; i++) {
    const { code: done, said: told } = await ordeal(['schedule', join(folder, 'nightly.yaml'), ...there], folder);
    expect(done, told).toBe(0);
  }
  expect(await cluster.list<V1CronJob>(jobs)).toMatchObject([
    {
      spec: {
        schedule: '0 3 * * mon-fri',
        timeZone: 'Europe/Paris',
        concurrencyPolicy: 'Forbid',
        startingDeadlineSeconds: 600,
      },
    },
  ]);

  // As `kubectl create job --from` does it: the controller would at three o'clock.
  const [nightly] = await cluster.list<V1CronJob>(jobs);
  const body = { metadata: { name: 'now' }, spec: nightly?.spec?.jobTemplate.spec };
  const path = `/apis/batch/v1/namespaces/${namespace}/jobs`;
  await cluster.call(path, { method: 'POST', body });
  const outcome = async () => {
    const { status } = await cluster.call<V1Job>(`${path}/now`);
    return status?.succeeded ?? (status?.failed === undefined ? 'not yet' : 'failed');
  };
  await expect.poll(outcome, { timeout: 90_000, intervals: [500] }).not.toBe('not yet');
  const [pod] = await cluster.list<V1Pod>(`/api/v1/namespaces/${namespace}/pods`, { labelSelector: 'job-name=now' });
  const log = await cluster.stream(`/api/v1/namespaces/${namespace}/pods/${pod?.metadata?.name}/log`);
  expect(await text(log)).toContain('gateway: passed');
  expect(await outcome()).toBe(1);
});
