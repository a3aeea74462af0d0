import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../../../harness/util/deadline.js';
import { openVim } from '../../../harness/vim/registry.js';
import { expect, test } from '../../hosts/containers/fixture.js';
import { containerSample } from '../oci/container-sample.js';
import { DyingProcess } from '../oci/dying-process.js';
import { ballast, captureWithoutCriu, fillUnderCapture, withoutArchives } from '../oci/mishaps.js';
import { deleteUnderFault } from '../oci/recovered.js';

test.describe.configure({ timeout: 120_000 });

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

test(
  'a snapshot that meets a full disk says so, leaves nothing of itself, and the container goes on',
  {
    tag: '@vim:runc',
  },
  ({ runcHost }) => fillUnderCapture(runcHost),
);

test(
  'without CRIU there are cold snapshots, and each refusal says why',
  {
    tag: '@vim:runc',
  },
  ({ runcHost }) => captureWithoutCriu(runcHost),
);

test('a failed container that is deleted in mid-run, with its image: the service is restored, and the run says that there is no evidence', {
  tag: '@vim:runc',
}, async ({ runcHost: host }) => {
  const engine = join(host.folder, 'ordeal', 'engine');
  await deleteUnderFault(host, async (failed) => {
    const folder = join(engine, 'containers', failed);
    // All that it is made of: a network namespace that stayed would have the address of the new one.
    const script = 'set -e; umount "$1/merged"; ip netns del "ordeal-$2"; rm -r "$1"';
    await host.machine.namespaces.run('sh', '-c', script, 'sh', folder, failed);
    await rm(join(engine, 'images'), { recursive: true });
  });
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
    await using vim = await openVim('runc', withoutArchives(s.context));
    const restored = vim.replacement?.restoreAsNew(id, 'run-1');
    await expect(restored).rejects.toMatchObject({ kind: 'file-missing', message: expect.stringContaining('image') });
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
