import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { V1Lease } from '@kubernetes/client-node';
import type { Injection } from '../../../harness/model/fault.js';
import { sleep } from '../../../harness/util/deadline.js';
import { KubernetesVim } from '../../../harness/vim/kubernetes/kubernetes-vim.js';
import { test as base, expect } from '../../hosts/kubernetes/fixture.js';
import { NodePlayer } from '../../hosts/kubernetes/node-player.js';
import { temporaryFolder } from '../../temporary-folder.js';
import { bindShipped, contextOf, deployService } from './vim-sample.js';

/** The same service, from two machines that share nothing but the cluster. */
const test = base.extend<{ machines: { readonly here: KubernetesVim; readonly there: KubernetesVim } }>({
  machines: async ({ controlPlane, cluster, namespace }, use) => {
    const folder = await temporaryFolder('exclusion');
    const file = await controlPlane.writeKubeConfig(namespace, await bindShipped(cluster, namespace, () => true));
    await using here = await KubernetesVim.open(contextOf(namespace, file, join(folder, 'here')));
    await using there = await KubernetesVim.open(contextOf(namespace, file, join(folder, 'there')));
    await use({ here, there });
    await rm(folder, { recursive: true, force: true });
  },
});
const tag = '@vim:kubernetes';

test('of two runs on one service one is refused, also from another machine, and it is told which run has it', {
  tag,
}, async ({ machines: { here, there }, cluster, namespace }) => {
  const leases = () => cluster.list<V1Lease>(`/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`);
  await here.exclusion.claim('run-1', 30_000);
  await here.exclusion.claim('run-1', 30_000);
  expect(await leases()).toMatchObject([{ spec: { holderIdentity: 'run-1', leaseDurationSeconds: 30 } }]);
  await expect(there.exclusion.claim('run-2', 30_000)).rejects.toMatchObject({
    kind: 'busy',
    what: 'Run run-1 holds "two-pods"',
  });
  expect(await there.exclusion.renew('run-2', 30_000)).toBe(false);
  await there.exclusion.release('run-2');
  expect(await here.exclusion.renew('run-1', 30_000)).toBe(true);
  await here.exclusion.release('run-1');
  await here.exclusion.release('run-1');
  expect(await leases()).toEqual([]);
  await there.exclusion.claim('run-2', 30_000);
  await there.exclusion.release('run-2');
});

test('of many that claim a service at the same moment, one has it', { tag }, async ({ machines: { here, there } }) => {
  const claims = await Promise.allSettled(
    Array.from({ length: 8 }, (_, i) => (i % 2 === 0 ? here : there).exclusion.claim(`run-${i}`, 30_000)),
  );
  expect(claims.filter((c) => c.status === 'fulfilled')).toHaveLength(1);
  for (const c of claims) if (c.status === 'rejected') expect(c.reason).toMatchObject({ kind: 'busy' });
});

test('the hold of a run that died ends by itself, and not while something of it is left', { tag }, async ({
  machines: { here, there },
  cluster,
  namespace,
}) => {
  await using _ = await NodePlayer.join(cluster, `node-${namespace}`, namespace);
  await deployService(cluster, namespace);
  await here.workloads.ready('subject', 120_000);
  const cordon: Injection = {
    id: 'fault-1-cordon',
    runId: 'run-1',
    kind: 'cordon',
    vim: 'kubernetes',
    target: { vnfc: 'subject' },
    params: {},
    seed: 1,
    expiresAfterMs: 60_000,
  };
  await here.exclusion.claim('run-1', 1000);
  await here.faults.inject(cordon);
  // Its times are of whole seconds.
  await sleep(2500);
  await expect(there.exclusion.claim('run-2', 30_000)).rejects.toThrow(
    /Run run-1 has died and left fault-1-cordon behind.*ordeal recover/,
  );
  await here.faults.heal(cordon);
  await there.exclusion.claim('run-2', 30_000);
  expect(await here.exclusion.renew('run-1', 1000), 'the dead one, if it lives, is told').toBe(false);
});
