import { expect, test } from '@playwright/test';
import { parseLibvirtUri, UriError } from '../../../../harness/vim/libvirt/rpc/index.js';

test('the usual URIs of libvirt are understood', () => {
  expect(parseLibvirtUri('qemu:///system')).toEqual({
    remoteName: 'qemu:///system',
    transport: { kind: 'unix', socket: '/var/run/libvirt/libvirt-sock' },
  });
  expect(parseLibvirtUri('qemu:///session', { XDG_RUNTIME_DIR: '/run/user/5' }).transport).toEqual({
    kind: 'unix',
    socket: '/run/user/5/libvirt/libvirt-sock',
  });
  expect(parseLibvirtUri('qemu+unix:///system?socket=/tmp/x')).toEqual({
    remoteName: 'qemu:///system',
    transport: { kind: 'unix', socket: '/tmp/x' },
  });
  expect(parseLibvirtUri('qemu+ssh://root@far:2222/system?keyfile=/k').transport).toEqual({
    kind: 'ssh',
    host: 'far',
    user: 'root',
    port: 2222,
    keyFile: '/k',
    command: 'ssh',
  });
  expect(parseLibvirtUri('qemu://far/system').transport).toEqual({
    kind: 'tls',
    host: 'far',
    port: 16514,
    verify: true,
  });
  expect(parseLibvirtUri('qemu+tls://far/system?pkipath=/p&no_verify=1').transport).toMatchObject({
    pkiPath: '/p',
    verify: false,
  });
});

test('a URI that cannot be meant is refused with what was expected', () => {
  for (const [uri, why] of [
    ['system', 'is not a URI'],
    ['qemu+tcp://far/system', 'expected unix, tls or ssh'],
    ['qemu+ssh:///system', 'lacks the host'],
    ['qemu+unix://far/system', 'names a host'],
    ['qemu://far', 'lacks its path'],
  ] as const) {
    expect(() => parseLibvirtUri(uri)).toThrow(UriError);
    expect(() => parseLibvirtUri(uri)).toThrow(why);
  }
  expect(() => parseLibvirtUri('qemu:///session', {})).toThrow('XDG_RUNTIME_DIR');
});
