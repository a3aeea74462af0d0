import { join } from 'node:path';
import { procedures } from '../../../harness/vim/libvirt/rpc/index.js';
import { expect, test } from '../../hosts/libvirt/fixture.js';
import { WatchedSocket } from '../../hosts/libvirt/watched-socket.js';
import { OneVmService } from './one-vm-service.js';
import { vmSample } from './vm-sample.js';

test.describe.configure({ timeout: 300_000 });

test('a libvirtd that is killed in the middle of the switch-over: the run gives the VNF back, or says what is left and `ordeal recover` does', {
  tag: '@vim:libvirt',
}, async ({ libvirtHost: host }) => {
  await using s = await vmSample(host);
  await using watched = await WatchedSocket.start(host.daemon.socket, join(host.folder, 'watched-run'));
  const service = await OneVmService.write(host, s, 'run-without-libvirtd', watched.uri);
  const then = await s.bump();
  const run = service.run();
  // Quarantined, restored as new: what is resumed then has the place of the other one already.
  const struck = watched
    .inTheMiddleOf(procedures.domainSetAutostart, 0, () => undefined)
    .then(() => watched.inTheMiddleOf(procedures.domainResume, 0, () => host.daemon.killDaemon()));
  let isStruck = false;
  void struck.then(() => {
    isStruck = true;
  });
  const ended = await run.ended;
  expect(isStruck, `libvirtd was killed in the switch-over:\n${ended.said}`).toBe(true);
  console.log(`ended with ${ended.code}:\n${ended.said.split('\n').slice(-25).join('\n')}`);
  const recovered = await service.recover();
  console.log(`recover ended with ${recovered.code}:\n${recovered.said}`);
  expect(recovered.code, recovered.said).toBe(0);
  expect((await service.status()).said).not.toContain('run-');
  await expect.poll(() => s.counter().catch(() => -1), { timeout: 60_000 }).toBe(then);
  expect(await s.vim.replacement.ownedBy(), 'nothing carries the mark of a run').toEqual([]);
  expect(await s.vim.faults.active()).toEqual([]);
});
