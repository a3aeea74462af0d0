import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../../../harness/util/deadline.js';
import { expect, test } from '../../hosts/containers/fixture.js';
import { containerSample } from '../oci/container-sample.js';
import { DyingProcess } from '../oci/dying-process.js';
import { ballast } from '../oci/mishaps.js';

test.describe.configure({ timeout: 120_000 });

test('a process that is killed while it captures leaves no container frozen, and no part of a snapshot', {
  tag: '@vim:docker',
}, async ({ dockerHost: host }) => {
  await using s = await containerSample(host, { environment: ballast });
  const compute = await s.vim.locate(s.subject);
  const powerState = async () => (await s.vim.inspect(compute)).powerState;
  const then = await s.bump();
  const child = DyingProcess.start('docker', s.context, 'capture');
  await until('the container stands still', async () => (await powerState()) === 'suspended', {
    withinMs: 30_000,
    everyMs: 2,
  });
  await child.kill();

  await until('it runs again', async () => (await powerState()) === 'on', { withinMs: 5000 });
  // What runc had begun by itself comes to its end, and then nothing is left of it.
  await expect.poll(() => s.counter().catch(() => -1), { timeout: 20_000 }).toBe(then);
  expect(await s.vim.snapshots.list()).toEqual([]);
  const { id } = await until(
    'it can be captured again',
    async () =>
      (await s.vim.snapshots.capture(compute, { name: 'whole', type: 'warm' }).catch(() => undefined))?.store(),
    { withinMs: 20_000, everyMs: 200 },
  );
  expect(await readdir(join(host.folder, 'ordeal', 'snapshots'))).toEqual([id]);
  await s.bump();
  await s.vim.snapshots.revert(compute, id);
  expect(await s.counter()).toBe(then);
});

test('a dockerd that is killed in mid-snapshot costs nothing: the container goes on, and the snapshot is whole', {
  tag: '@vim:docker',
}, async ({ dockerHost: host }) => {
  await using s = await containerSample(host, { environment: ballast });
  const compute = await s.vim.locate(s.subject);
  const then = await s.bump();
  const capture = s.vim.snapshots.capture(compute, { name: 'without its daemon', type: 'warm' });
  await until('the container stands still', async () => (await s.vim.inspect(compute)).powerState === 'suspended', {
    withinMs: 30_000,
    everyMs: 2,
  });
  await host.daemon.killDaemon();
  const { id } = await (await capture).store();
  expect(await s.bump(), 'it goes on without its daemon').toBe(then + 1);
  await expect(s.vim.inspect(compute), 'and that is said').rejects.toMatchObject({ kind: 'vim-unreachable' });
  await expect(s.vim.snapshots.revert(compute, id)).rejects.toMatchObject({ kind: 'vim-unreachable' });
  expect(await s.counter(), 'a revert that cannot be has touched nothing').toBe(then + 1);

  await host.daemon.startDaemon();
  expect(await s.vim.inspect(compute)).toMatchObject({ powerState: 'on' });
  await s.vim.snapshots.revert(compute, id);
  expect(await s.counter()).toBe(then);
});

test('a container that somebody else has started is neither found nor touched', {
  tag: '@vim:docker',
}, async ({ dockerHost: host }) => {
  await using s = await containerSample(host);
  const run = ['run', '--detach', '--name', 'stranger', 'ordeal/vnfc:test', '/bin/perl', '/bin/vnfc'];
  const id = (await host.docker(...run)).trim();
  try {
    await expect(s.vim.locate('stranger')).rejects.toMatchObject({ kind: 'unknown-target' });
    for (const touch of [
      async () => s.vim.stop(id),
      async () => s.vim.pausing?.pause(id),
      async () => s.vim.snapshots.capture(id, { name: 'x', type: 'cold' }),
      async () => s.vim.replacement?.quarantine(id, 'run-1'),
    ]) {
      await expect(touch()).rejects.toMatchObject({ kind: 'unknown-target' });
    }
    await s.vim.replacement?.release(id, 'run-1');
    expect(await host.docker('inspect', '-f', '{{.State.Status}}', 'stranger')).toBe('running\n');
  } finally {
    await host.docker('rm', '--force', 'stranger');
  }
});
