import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../../../harness/util/deadline.js';
import { LibvirtClient, procedures } from '../../../harness/vim/libvirt/rpc/index.js';
import { expect, test } from '../../hosts/libvirt/fixture.js';
import { vmSample } from './vm-sample.js';

test.describe.configure({ timeout: 300_000 });

test('a libvirtd that is killed while it captures, and a QEMU that is killed, leave nothing behind and nothing undone', {
  tag: '@vim:libvirt',
}, async ({ libvirtHost: host }) => {
  await using s = await vmSample(host);
  const { snapshots } = s.vim;
  const compute = await s.vim.locate(s.subject);
  const then = await s.bump();
  await s.writeDisk('before');
  const client = new LibvirtClient(host.uri);
  const suspended = new Promise<void>((resolve) => {
    client.onLifecycle(({ domain, lifecycle }) => {
      if (domain.name === s.subject && lifecycle === 'suspended') resolve();
    });
  });
  await client.call(procedures.connectGetLibVersion, {});

  const failure = snapshots.capture(compute, { name: 'cut short', type: 'warm' }).then(
    async (captured) => captured.discard(),
    (e: unknown) => e,
  );
  await Promise.race([suspended, failure]);
  await host.daemon.killDaemon();
  const error = await failure;
  if (error !== undefined) expect(error).toMatchObject({ name: 'OrdealError' });
  await client.close();

  // libvirt resumes what its snapshot had paused, once it is back.
  await until(
    'the VM serves again',
    () =>
      s
        .counter()
        .then((n) => n === then)
        .catch(() => false),
    {
      withinMs: 60_000,
      everyMs: 300,
    },
  );
  expect(await snapshots.list()).toEqual([]);
  expect(await readdir(join(host.folder, 'ordeal', 'snapshots'))).toEqual([]);
  const kept = await (await snapshots.capture(compute, { name: 'kept', type: 'warm' })).store();

  const { dom } = await lookUp(host.uri, s.subject);
  const quit = JSON.stringify({ execute: 'quit' });
  const killer = new LibvirtClient(host.uri);
  await killer.call(procedures.qemuMonitorCommand, { dom, command: quit, flags: 0 }).catch(() => undefined);
  await killer.close();
  // A domain that dies while it is asked answers with an error.
  const noticed = async () => (await s.vim.inspect(compute).catch(() => undefined))?.powerState ?? 'on';
  await until('libvirt has noticed', async () => (await noticed()) !== 'on', { withinMs: 20_000 });
  await s.vim.snapshots.revert(compute, kept.id);
  expect(await s.counter()).toBe(then);
  expect(await s.readDisk(6)).toBe('before');
  await snapshots.delete([kept.id], { consolidate: true });
  expect(await s.readDisk(6), 'after its disks were consolidated').toBe('before');
  expect(await s.vim.faults?.active()).toEqual([]);
});

async function lookUp(uri: string, name: string) {
  const client = new LibvirtClient(uri);
  try {
    return await client.call(procedures.domainLookupByName, { name });
  } finally {
    await client.close();
  }
}
