import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { LibvirtVim } from '../../../harness/vim/libvirt/libvirt-vim.js';
import { procedures } from '../../../harness/vim/libvirt/rpc/index.js';
import { expect, test } from '../../hosts/libvirt/fixture.js';
import { WatchedSocket } from '../../hosts/libvirt/watched-socket.js';
import { vmSample } from './vm-sample.js';

test.describe.configure({ timeout: 300_000 });

const kills = 20;
/** QEMU is switched over to the overlay at the end of a capture, some 100 ms after its begin. */
const [fromMs, toMs] = [50, 130];

test('a libvirtd that is killed at any moment of a capture: the guest is on its own disk, and starts anew with all that it wrote', {
  tag: ['@vim:libvirt'],
}, async ({ libvirtHost: host }) => {
  await using s = await vmSample(host);
  await using watched = await WatchedSocket.start(host.daemon.socket, join(host.folder, 'watched-kills'));
  const options = { ...s.context.options, uri: watched.uri };
  await using vim = await LibvirtVim.open({ ...s.context, options });
  const compute = await vim.locate(s.subject);
  const said = new Map<string, number>();
  for (let i = 0; i < kills; i++) {
    const afterMs = fromMs + ((toMs - fromMs) * i) / (kills - 1);
    const struck = watched.inTheMiddleOf(procedures.domainSnapshotCreateXml, afterMs, () => host.daemon.killDaemon());
    const ended = await vim.snapshots.capture(compute, { name: `cut short ${i}`, type: 'warm' }).catch((e: Error) => e);
    await struck;
    if (ended instanceof Error) expect(ended).toMatchObject({ name: 'OrdealError' });
    else await ended.discard();
    const how = ended instanceof Error ? ended.message.replace(/.*: /s, '').slice(0, 80) : 'captured all the same';
    said.set(how, (said.get(how) ?? 0) + 1);
    expect(await readdir(join(host.folder, 'ordeal', 'overlays')), `after ${afterMs} ms: ${how}`).toEqual([]);
    await s.writeDisk(`kill-${String(i).padStart(2, '0')}`);
  }
  console.log(`${kills} captures: ${[...said].map(([how, count]) => `${count} ${how}`).join('; ')}`);
  const whole = await vim.snapshots.capture(compute, { name: 'whole', type: 'warm' });
  await whole.discard();
  await vim.stop(compute, { graceMs: 0 });
  await vim.start(compute);
  await expect.poll(() => s.readDisk(7).catch(String), { timeout: 120_000 }).toBe(`kill-${kills - 1}`);
});
