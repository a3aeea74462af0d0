import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { V1Pod } from '@kubernetes/client-node';
import type { FaultRequest } from '../../../harness/fault/catalogue.js';
import { runRecord } from '../../../harness/model/run-record.js';
import { recover, status } from '../../../harness/online-test/recover.js';
import { readService, ServiceSession } from '../../../harness/online-test/session.js';
import { sweepPopulation } from '../../../harness/online-test/sweep.js';
import { until } from '../../../harness/util/deadline.js';
import { ChaosMesh } from '../../../harness/vim/kubernetes/chaos-mesh/client.js';
import type { Cluster } from '../../../harness/vim/kubernetes/cluster.js';
import { expect, test } from '../../hosts/kubernetes/fixture.js';
import { PlayedCluster } from '../../hosts/kubernetes/played-cluster.js';
import type { Order } from '../../online-test/kills/doomed-harness.js';
import { objectsOf } from './cluster-objects.js';
import { sessionService } from './session-service.js';

test.describe.configure({ timeout: 240_000 });

const harness = fileURLToPath(new URL('../../online-test/kills/doomed-harness.js', import.meta.url));
const leaseMs = 3000;

interface Deed {
  readonly what: string;
  readonly fault: FaultRequest;
  /** It has been done, and is not yet undone. */
  readonly isDone: (cluster: Cluster, namespace: string) => Promise<boolean>;
}

const deeds: readonly Deed[] = [
  {
    what: 'while a fault is on',
    fault: { kind: 'shutdown', target: { vnfc: 'gateway-1' } },
    isDone: async (cluster, namespace) => (await new ChaosMesh(cluster, namespace).list('PodChaos', '')).length > 0,
  },
  {
    what: 'while the failed pods are in quarantine',
    fault: { kind: 'shutdown', target: { vnfc: 'store-1' } },
    isDone: async (cluster, namespace) => {
      const labelSelector = 'ordeal.dev/quarantined=yes';
      return (await cluster.list<V1Pod>(`/api/v1/namespaces/${namespace}/pods`, { labelSelector })).length > 1;
    },
  },
];

test('a harness that is killed, with a fault on and with pods in quarantine, leaves nothing behind: its guard gives the service back', {
  tag: '@vim:kubernetes',
}, async ({ controlPlane, cluster, namespace }) => {
  await using played = await PlayedCluster.start(controlPlane, cluster, namespace);
  const folder = await sessionService(controlPlane, cluster, namespace, played);
  const serviceFile = join(folder, 'service.yaml');
  const stateFolder = join(folder, 'state');
  // A short baseline wants many samples.
  await writeFile(serviceFile, (await readFile(serviceFile, 'utf8')).replace('rateHz: 20', 'rateHz: 40'));
  await using session = await ServiceSession.open(await readService(serviceFile), { stateFolder });
  await session.start();
  const before = await objectsOf(cluster, namespace);

  for (const { what, fault, isDone } of deeds) {
    await test.step(what, async () => {
      const order: Order = {
        stateFolder,
        outFolder: join(folder, 'out'),
        leaseMs,
        // Shorter ones are enough on a quiet machine alone: on a busy one the run would end without a verdict, or a deed.
        baselineMs: 2500,
        measureMs: 1500,
        runs: [{ lane: 0, serviceFile, startsMs: 0, seed: 1, fault }],
      };
      await writeFile(join(folder, 'order.json'), JSON.stringify(order));
      const child = spawn(process.execPath, [harness, join(folder, 'order.json')], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const ended = once(child, 'exit');
      let said = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
      const done = async () => {
        if (child.exitCode !== null)
          throw new Error(`it ended too early: ${said}\n${await indicators(join(folder, 'out'))}`);
        return isDone(cluster, namespace);
      };
      await until(what, done, { withinMs: 60_000, everyMs: 20 });
      child.kill('SIGKILL');
      expect(await ended).toEqual([null, 'SIGKILL']);

      await expect.poll(() => status(stateFolder), { timeout: 90_000, intervals: [500] }).toEqual([]);
      expect(await recover(stateFolder), 'the guard has left nothing to do').toEqual([]);
      // The hold on the service is let go last, after the run is told to be over.
      await expect.poll(() => objectsOf(cluster, namespace), { timeout: 30_000 }).toEqual(before);
      expect((await sweepPopulation(session, 'sessions')).badCount).toBe(0);
    });
  }
});

/** What the runs so far saw, for who looks for the reason of a failure. */
async function indicators(out: string): Promise<string> {
  const runs = (await readdir(out)).filter((name) => name.startsWith('run-'));
  const records = await Promise.all(runs.map((run) => readFile(join(out, run, 'run.json'), 'utf8')));
  return records.map((text) => JSON.stringify(runRecord.parse(JSON.parse(text)).indicators)).join('\n');
}
