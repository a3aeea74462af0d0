import { join } from 'node:path';
import { openVim } from '../../../harness/vim/registry.js';
import { expect, test } from '../../hosts/containers/fixture.js';
import { PrivateSshd } from '../../hosts/containers/private-sshd.js';
import { containerSample } from '../oci/container-sample.js';

test.describe.configure({ timeout: 120_000 });
const tag = '@vim:podman';

test('a Podman behind ssh, of which nothing but its API can be reached, has its containers brought back with memory and files', {
  tag,
}, async ({ podmanHost: host }) => {
  await using s = await containerSample(host);
  await using sshd = await PrivateSshd.start(host);
  const { host: _, runtimeRoot: __, pidFile: ___, folder: ____, ...options } = s.context.options;
  const address = `ssh://root@${sshd.address}${host.daemon.socket}`;
  const far = { ...options, host: address, ssh: await sshd.client(), pidFile: join(host.folder, 'none') };
  await using vim = await openVim('podman', { ...s.context, options: far });

  const table = await vim.capabilities();
  expect(table.get('OP-create.instance')).toMatchObject({ how: expect.stringContaining(address) });
  expect(table.get('OP-create.memory')).toMatchObject({ supported: true, how: expect.stringContaining('per GiB') });
  expect(table.get('replacement')).toMatchObject({ supported: false });

  const compute = await vim.locate(s.subject);
  const then = await s.bump();
  await s.writeDisk('then');
  const outside = await s.connect();
  expect(await outside.say('before')).toBe('before');
  const captured = await vim.snapshots.capture(compute, { name: 'from afar', type: 'warm' });
  const { id, memory } = await captured.store();
  console.log(`stood still for ${Math.round(captured.pausedMs)} ms, ${memory?.bytes} bytes`);
  expect(captured.pausedMs).toBeGreaterThan(0);
  expect(await s.bump(), 'it goes on').toBe(then + 1);
  expect(await outside.say('after'), 'with the connection that it had').toBe('after');
  outside.close();

  const images = await vim.snapshots.exportImages(id);
  expect(images.map((i) => i.name)).toEqual(expect.arrayContaining(['checkpoint.tar', 'index.json', 'state.json']));
  const moved = await vim.snapshots.importImages(await vim.snapshots.show(id), images);
  for (const from of [id, moved.id]) {
    await s.writeDisk('later');
    await s.bump();
    await vim.snapshots.revert(compute, from);
    await expect.poll(() => s.counter().catch(() => -1), { timeout: 10_000 }).toBe(then);
    expect(await s.readDisk(4)).toBe('then');
    expect(await vim.inspect(compute), 'the same container, as far as anybody can tell').toMatchObject({
      powerState: 'on',
      computeId: compute,
    });
    expect(await s.ping()).toBe(true);
  }
  await vim.snapshots.delete([id, moved.id]);
});

test('a Podman that makes no checkpoint says why, and the container goes on', { tag }, async ({ podmanHost: host }) => {
  await using s = await containerSample(host, { names: ['subject'] });
  await using sshd = await PrivateSshd.start(host);
  const address = `ssh://root@${sshd.address}${host.daemon.socket}`;
  const { folder: _, ...options } = s.context.options;
  const far = { ...options, host: address, ssh: await sshd.client(), pidFile: join(host.folder, 'none') };
  await using vim = await openVim('podman', { ...s.context, options: far });
  const compute = await vim.locate(s.subject);
  const then = await s.bump();
  {
    await using _ = await host.machine.breakEngineCriu('this CRIU is broken');
    const captured = vim.snapshots.capture(compute, { name: 'x', type: 'warm' });
    await expect(captured).rejects.toMatchObject({
      name: 'OrdealError',
      message: expect.stringContaining('checkpoint'),
    });
  }
  expect(await s.counter()).toBe(then);
  expect(await vim.inspect(compute)).toMatchObject({ powerState: 'on' });
  expect(await vim.snapshots.list()).toEqual([]);
});
