import { mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../../../harness/util/deadline.js';
import { openVim } from '../../../harness/vim/registry.js';
import { expect, test } from '../../hosts/containers/fixture.js';
import { shell } from '../../hosts/libvirt/shell.js';
import { containerSample } from '../oci/container-sample.js';
import { DyingProcess } from '../oci/dying-process.js';

test.describe.configure({ timeout: 120_000 });

const ballast = { subject: { ROLE: 'store', BALLAST_MIB: '96' } };

test('a process that is killed while it captures leaves no container frozen, and no part of a snapshot', {
  tag: '@vim:runc',
}, async ({ runcHost: host }) => {
  await using s = await containerSample(host, { environment: ballast });
  const compute = await s.vim.locate(s.subject);
  const powerState = async () => (await s.vim.inspect(compute)).powerState;
  const then = await s.bump();
  const child = DyingProcess.start('runc', s.context, 'capture');
  const isFrozen = async () => (await powerState()) === 'suspended';
  await until('the container stands still', isFrozen, { withinMs: 30_000, everyMs: 2 });
  await child.kill();

  await until('it runs again', async () => (await powerState()) === 'on', { withinMs: 5000 });
  await expect.poll(() => s.counter().catch(() => -1), { timeout: 20_000 }).toBe(then);
  expect(await s.vim.snapshots.list()).toEqual([]);
  let id = '';
  // What runc had begun by itself comes to its end first.
  const again = async () => {
    id = (await (await s.vim.snapshots.capture(compute, { name: 'whole', type: 'warm' })).store()).id;
    return 'captured';
  };
  await expect.poll(() => again().catch(String), { timeout: 30_000 }).toBe('captured');
  expect(await readdir(join(host.folder, 'ordeal', 'snapshots'))).toEqual([id]);
});

test('a process that is killed while it switches over leaves a switch that another one finishes', {
  tag: '@vim:runc',
}, async ({ runcHost: host }) => {
  await using s = await containerSample(host, { environment: ballast });
  const { replacement, snapshots } = s.vim;
  if (replacement === undefined) throw new Error('there is no such interface');
  const failed = await s.vim.locate(s.subject);
  const then = await s.bump();
  const { id } = await (await snapshots.capture(failed, { name: 'good', type: 'warm', runId: 'run-1' })).store();
  await replacement.quarantine(failed, 'run-1');
  const fresh = await replacement.restoreAsNew(id, 'run-1');
  const child = DyingProcess.start('runc', s.context, 'switch', fresh);
  await until('the new one has the place', async () => (await s.vim.locate(s.subject)) === fresh, {
    withinMs: 30_000,
    everyMs: 1,
  });
  await child.kill();

  await using other = await openVim('runc', s.context);
  // What the dead one had begun below, runc or CRIU, comes to its end first.
  await expect
    .poll(
      () => other.replacement?.switchOver([{ resource: s.subject, to: fresh }], 'run-1').then(() => 'done', String),
      {
        timeout: 20_000,
      },
    )
    .toBe('done');
  await expect.poll(() => s.counter().catch(() => -1), { timeout: 10_000 }).toBe(then);
  await other.replacement?.release(failed, 'run-1');
  expect(await other.replacement?.ownedBy()).toEqual([]);
  expect(await s.ping()).toBe(true);
});

test('a snapshot that meets a full disk says so, leaves nothing of itself, and the container goes on', {
  tag: '@vim:runc',
}, async ({ runcHost: host }) => {
  await using s = await containerSample(host, { environment: ballast });
  const path = join(host.folder, 'small');
  await mkdir(path);
  // The same file system for us and for the engine, whose mounts are not ours.
  const device = (
    await shell('sh', [
      '-c',
      'truncate -s 24M "$1" && mkfs.ext4 -q "$1" && losetup -f --show "$1"',
      'sh',
      `${path}.img`,
    ])
  ).trim();
  try {
    await shell('mount', [device, path]);
    await host.machine.namespaces.run('mount', device, path);
    const compute = await s.vim.locate(s.subject);
    const then = await s.bump();
    const capture = s.vim.snapshots.capture(compute, { name: 'too large', type: 'warm', path });
    await expect(capture).rejects.toMatchObject({ name: 'OrdealError', kind: 'no-space' });
    expect(await s.counter()).toBe(then);
    expect((await readdir(path)).filter((name) => name !== 'lost+found')).toEqual([]);
    expect((await s.vim.snapshots.list()).map((r) => r.name)).not.toContain('too large');
  } finally {
    await host.machine.namespaces.run('umount', path);
    await shell('umount', [path]);
    await shell('losetup', ['-d', device]);
  }
});

test('without CRIU there are cold snapshots, and each refusal says why', {
  tag: '@vim:runc',
}, async ({ runcHost: host }) => {
  await using s = await containerSample(host);
  const options = { ...s.context.options, criu: join(host.folder, 'no-such-criu') };
  await using vim = await openVim('runc', { ...s.context, options });
  const row = (await vim.capabilities()).get('OP-create.memory');
  expect(row).toMatchObject({ supported: false, reason: expect.stringContaining('no-such-criu') });
  const compute = await vim.locate(s.subject);
  const then = await s.bump();
  const warm = vim.snapshots.capture(compute, { name: 'warm', type: 'warm' });
  await expect(warm).rejects.toMatchObject({ name: 'OrdealError' });
  expect(await s.counter(), 'it goes on').toBe(then);
  await s.writeDisk('then');
  const { id } = await (await vim.snapshots.capture(compute, { name: 'cold', type: 'cold' })).store();
  await s.writeDisk('later');
  await vim.snapshots.revert(compute, id);
  await expect.poll(() => s.readDisk(4).catch(() => ''), { timeout: 10_000 }).toBe('then');
});

test('a new container is not made under a name that is taken, nor from an image that is gone; nothing is left of it', {
  tag: '@vim:runc',
}, async ({ runcHost: host }) => {
  await using s = await containerSample(host);
  const compute = await s.vim.locate(s.subject);
  const { id } = await (await s.vim.snapshots.capture(compute, { name: 'good', type: 'warm' })).store();
  const images = join(host.folder, 'ordeal', 'engine', 'images');
  await rename(images, `${images}.away`);
  try {
    const restored = s.vim.replacement?.restoreAsNew(id, 'run-1');
    await expect(restored).rejects.toMatchObject({ kind: 'unknown-target', message: expect.stringContaining('image') });
  } finally {
    await rename(`${images}.away`, images);
  }
  expect(await s.vim.replacement?.ownedBy()).toEqual([]);
  expect((await readdir(join(host.folder, 'ordeal', 'engine', 'volumes'))).sort()).toEqual([
    'peer.data',
    'subject.data',
  ]);
  expect(await s.bump()).toBe(1);
});
