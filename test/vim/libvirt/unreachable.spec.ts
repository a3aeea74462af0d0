import { expect, test } from '@playwright/test';
import { networkService } from '../../../harness/model/network-service.js';
import { fromLibvirt } from '../../../harness/vim/libvirt/errors.js';
import { CallTimeoutError, LibvirtError } from '../../../harness/vim/libvirt/rpc/index.js';
import { openVim } from '../../../harness/vim/registry.js';

const descriptor = networkService.parse({
  schema: 'ordeal.service/1',
  id: 'nowhere',
  expectedRecoveryMs: 1000,
  highAvailability: 'none',
  vnfs: [{ id: 'v', vnfdId: 'v', vnfcs: [{ id: 'c', vim: 'libvirt' }] }],
  probes: [{ id: 'p', kind: 'tcp', port: 1 }],
});
const open = (options: Record<string, unknown>) =>
  openVim('libvirt', { service: { file: 'service.yaml', folder: '.', descriptor }, stateFolder: '.', options });

test('where no libvirt answers, the VIM says so, with what to do', async ({}, info) => {
  const uri = `qemu+unix:///system?socket=${info.outputPath('no-such-socket')}`;
  await expect(open({ uri })).rejects.toMatchObject({
    kind: 'vim-unreachable',
    message: expect.stringContaining('Start libvirtd there'),
  });
});

test('options that cannot be meant are refused with their place', async () => {
  await expect(open({ uri: 'qemu+tcp://far/system' })).rejects.toMatchObject({ kind: 'file-invalid' });
  await expect(open({ url: 'qemu:///system' })).rejects.toThrow('service.yaml: vims.libvirt');
});

test('an error of libvirt becomes the kind that its code means, and keeps its words', () => {
  const kindOf = (code: number) => {
    const e = fromLibvirt(new LibvirtError('domainSuspend', code, 10, 'in its own words'), 'it cannot be paused', 'h');
    expect(String(e)).toContain('in its own words');
    return e;
  };
  expect(kindOf(42)).toMatchObject({ kind: 'unknown-target' });
  expect(kindOf(72)).toMatchObject({ kind: 'snapshot-missing' });
  expect(kindOf(68)).toMatchObject({ kind: 'timeout' });
  expect(kindOf(84)).toMatchObject({ kind: 'capability-missing' });
  expect(kindOf(55)).toMatchObject({ kind: 'vim-failed' });
  expect(fromLibvirt(new CallTimeoutError('domainSuspend', 5), 'it cannot be paused', 'h')).toMatchObject({
    kind: 'timeout',
  });
});
