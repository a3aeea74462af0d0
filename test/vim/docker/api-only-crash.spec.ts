import { join } from 'node:path';
import { until } from '../../../harness/util/deadline.js';
import { openVim } from '../../../harness/vim/registry.js';
import { expect, test } from '../../hosts/containers/fixture.js';
import { containerSample } from '../oci/container-sample.js';
import { DyingProcess } from '../oci/dying-process.js';
import { ballast } from '../oci/mishaps.js';

test.describe.configure({ timeout: 120_000 });

test('a process that is killed while it captures by the API alone leaves a container paused, and who comes after it lets it go on', {
  tag: '@vim:docker',
}, async ({ dockerHost: host }) => {
  await using s = await containerSample(host, { environment: ballast });
  const { certificates, tlsAddress } = host.daemon;
  const address = (await host.ports.reach(tlsAddress)).replace('http:', 'tcp:');
  const folder = join(host.folder, 'far');
  const far = { ...s.context.options, host: address, certificates, folder, pidFile: join(host.folder, 'none') };
  const context = { ...s.context, options: far };
  await using vim = await openVim('docker', context);
  const compute = await vim.locate(s.subject);
  const powerState = async () => (await vim.inspect(compute)).powerState;
  const then = await s.bump();
  const child = DyingProcess.start('docker', context, 'capture');
  const isPaused = async () => (await powerState()) === 'suspended';
  await until('the container is paused', isPaused, { withinMs: 30_000, everyMs: 2 });
  await child.kill();
  // A checkpoint that dockerd had begun for it comes to its end, and lets the container go on.
  expect(await vim.snapshots.list()).toEqual([]);
  expect((await vim.snapshots.sweep?.())?.length).toBe(1);
  await expect.poll(powerState, { timeout: 30_000 }).toBe('on');
  await expect.poll(() => s.counter().catch(() => -1), { timeout: 10_000 }).toBe(then);
  expect(await vim.snapshots.sweep?.(), 'once').toEqual([]);
  await expect
    .poll(() => host.docker('checkpoint', 'ls', s.subject), { timeout: 30_000, message: 'no checkpoint is left' })
    .not.toContain('snap');
  const { id } = await (await vim.snapshots.capture(compute, { name: 'whole', type: 'cold' })).store();
  expect((await vim.snapshots.list()).map((r) => r.id)).toEqual([id]);
  expect(await s.bump()).toBe(then + 1);
});
