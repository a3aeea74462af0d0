import { until } from '../../../harness/util/deadline.js';
import { expect, test } from '../../hosts/containers/fixture.js';
import { containerSample } from '../oci/container-sample.js';

test.describe.configure({ timeout: 120_000 });

test('a service of Podman that is killed in mid-snapshot and in mid-fault costs nothing, and what cannot be done without it is said', {
  tag: '@vim:podman',
}, async ({ podmanHost: host }) => {
  await using s = await containerSample(host, { environment: { subject: { ROLE: 'store', BALLAST_MIB: '96' } } });
  const compute = await s.vim.locate(s.subject);
  const then = await s.bump();
  const capture = s.vim.snapshots.capture(compute, { name: 'without its service', type: 'warm' });
  const isFrozen = async () => (await s.vim.inspect(compute)).powerState === 'suspended';
  await until('the container stands still', isFrozen, { withinMs: 30_000, everyMs: 2 });
  await host.daemon.killService();
  const { id } = await (await capture).store();
  expect(await s.bump(), 'it goes on').toBe(then + 1);
  await expect(s.vim.snapshots.revert(compute, id)).rejects.toMatchObject({ kind: 'vim-unreachable' });
  expect(await s.counter(), 'a revert that cannot be has touched nothing').toBe(then + 1);

  await host.daemon.startService();
  const fault = {
    id: 'without-its-service',
    runId: 'run-1',
    kind: 'delay',
    vim: 'podman',
    target: { link: 'lan' },
    params: { delayMs: 40 },
    seed: 1,
    expiresAfterMs: 60_000,
  };
  await s.vim.faults?.inject(fault);
  await host.daemon.killService();
  await s.vim.faults?.heal(fault);
  expect(await s.ping(), 'a link is healed without it').toBe(true);
  expect(await s.vim.faults?.active()).toEqual([]);

  await host.daemon.startService();
  await s.vim.snapshots.revert(compute, id);
  expect(await s.counter()).toBe(then);
});
