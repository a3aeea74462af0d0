import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { procedures } from '../../../harness/vim/libvirt/rpc/index.js';
import { expect, test } from '../../hosts/libvirt/fixture.js';
import { WatchedSocket } from '../../hosts/libvirt/watched-socket.js';
import { ordeal } from '../ordeal-command.js';
import { vmSample } from './vm-sample.js';

test.describe.configure({ timeout: 300_000 });

const feature = `Feature: One VM
  Scenario: It stalls for good, and is restored from its snapshot
    Given the network service "one-vm" is running
    And a steady baseline of 4 seconds
    And warm snapshots of the VNF "vms"
    And an expected recovery time of 3 seconds
    And that the test may go beyond the blast radius
    When the VNFC "subject" stalls
    Then the service is restored from the snapshots
`;

test('a libvirtd that is killed in the middle of the switch-over: the run gives the VNF back, or says what is left and `ordeal recover` does', {
  tag: '@vim:libvirt',
}, async ({ libvirtHost: host }) => {
  await using s = await vmSample(host);
  await using watched = await WatchedSocket.start(host.daemon.socket, join(host.folder, 'watched-run'));
  const folder = join(host.folder, 'killed-run');
  await mkdir(folder);
  const { descriptor } = s.service;
  const points = [{ id: 'lan', link: 'lan', external: { protocol: 'http' } }];
  const vnfs = descriptor.vnfs.map((vnf) => ({
    ...vnf,
    vnfcs: vnf.vnfcs.filter((v) => v.id === s.subject).map((v) => ({ ...v, connectionPoints: points })),
  }));
  const options = { ...s.context.options, uri: watched.uri };
  // Software emulation shares its cores with everything else: latencies swing, answers do not.
  const indicators = {
    errorRatio: { absolute: 0.1 },
    availability: { absolute: 0.1 },
    requestRate: { relative: 0.5 },
    latencyP50: { absolute: 5000 },
  };
  const probes = descriptor.probes.map((p) => ({ ...p, rateHz: 20, timeoutMs: 2000 }));
  const service = { ...descriptor, id: 'one-vm', vims: { libvirt: options }, vnfs, probes, indicators };
  await writeFile(join(folder, 'service.yaml'), stringify(service));
  await writeFile(join(folder, 'one-vm.feature'), feature);
  const then = await s.bump();
  const state = ['--state', join(folder, 'state')];
  const run = ordeal(
    [
      'run',
      'one-vm.feature',
      '--service',
      'one-vm=service.yaml',
      '--no-allure',
      '--out',
      join(folder, 'out'),
      ...state,
    ],
    folder,
  );
  // Quarantined, restored as new: what is resumed then has the place of the other one already.
  const struck = watched
    .inTheMiddleOf(procedures.domainSetAutostart, 0, () => undefined)
    .then(() => watched.inTheMiddleOf(procedures.domainResume, 0, () => host.daemon.killDaemon()));
  let isStruck = false;
  void struck.then(() => {
    isStruck = true;
  });
  const ended = await run;
  expect(isStruck, `libvirtd was killed in the switch-over:\n${ended.said}`).toBe(true);
  console.log(`ended with ${ended.code}:\n${ended.said.split('\n').slice(-25).join('\n')}`);
  const recovered = await ordeal(['recover', ...state], folder);
  console.log(`recover ended with ${recovered.code}:\n${recovered.said}`);
  expect(recovered.code, recovered.said).toBe(0);
  expect((await ordeal(['status', ...state], folder)).said).not.toContain('run-');
  await expect.poll(() => s.counter().catch(() => -1), { timeout: 60_000 }).toBe(then);
  expect(await s.vim.replacement.ownedBy(), 'nothing carries the mark of a run').toEqual([]);
  expect(await s.vim.faults.active()).toEqual([]);
});
