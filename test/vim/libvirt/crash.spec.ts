import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../../../harness/util/deadline.js';
import { LibvirtClient, procedures } from '../../../harness/vim/libvirt/rpc/index.js';
import { expect, test } from '../../hosts/libvirt/fixture.js';
import { WatchedSocket } from '../../hosts/libvirt/watched-socket.js';
import { DyingProcess } from '../oci/dying-process.js';
import { vmSample } from './vm-sample.js';

test.describe.configure({ timeout: 300_000 });

/** Long enough for libvirt to be in the middle of it, short enough for it not to be done. */
const middleMs = 80;

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

test('what a process that was killed in a capture or a restoration has left is swept away, and nothing else', {
  tag: '@vim:libvirt',
}, async ({ libvirtHost: host }) => {
  await using s = await vmSample(host);
  await using watched = await WatchedSocket.start(host.daemon.socket, join(host.folder, 'watched-sweep'));
  const { snapshots, replacement } = s.vim;
  const context = { ...s.context, options: { ...s.context.options, uri: watched.uri } };
  const inFolder = (name: string) => readdir(join(host.folder, 'ordeal', name));
  const compute = await s.vim.locate(s.subject);
  const then = await s.bump();
  const kept = await (await snapshots.capture(compute, { name: 'kept', type: 'warm' })).store();
  const before = await inFolder('overlays');

  const capturing = DyingProcess.start('libvirt', context, 'capture');
  await watched.inTheMiddleOf(procedures.domainSnapshotCreateXml, middleMs, () => capturing.kill());
  const [unfinished] = (await inFolder('snapshots')).filter((id) => id !== kept.id);
  expect(await snapshots.sweep()).toEqual([`the unfinished snapshot ${unfinished} of ${s.subject}`]);
  expect(await inFolder('snapshots')).toEqual([kept.id]);
  expect(await inFolder('overlays'), 'it is on the disk that it was on').toEqual(before);
  await expect.poll(() => s.counter().catch(() => -1), { timeout: 60_000 }).toBe(then);

  const restoring = DyingProcess.start('libvirt', context, 'restore', kept.id);
  await watched.inTheMiddleOf(procedures.domainRestore, middleMs, () => restoring.kill());
  const [image] = (await inFolder(join('snapshots', kept.id))).filter((f) => f.startsWith('restore-'));
  expect(await inFolder('overlays'), 'a disk of its own').toHaveLength(before.length + 1);
  expect(await snapshots.sweep(), 'its disk is in use still').toEqual([`${image}, which nobody uses,`]);
  await expect.poll(async () => (await replacement.ownedBy('run-1')).length).toBe(1);
  for (const { computeId } of await replacement.ownedBy('run-1')) await replacement.release(computeId, 'run-1');
  expect(await inFolder('overlays')).toEqual(before);
  expect(await inFolder('drafts')).toEqual([]);
  expect(await snapshots.sweep(), 'and nothing else').toEqual([]);

  await s.bump();
  await snapshots.revert(compute, kept.id);
  expect(await s.counter()).toBe(then);
  await snapshots.delete([kept.id], { consolidate: true });
});

async function lookUp(uri: string, name: string) {
  const client = new LibvirtClient(uri);
  try {
    return await client.call(procedures.domainLookupByName, { name });
  } finally {
    await client.close();
  }
}
