import { copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test as base } from '@playwright/test';
import { until } from '../../../../harness/util/deadline.js';
import { LibvirtClient, procedures } from '../../../../harness/vim/libvirt/rpc/index.js';
import { CertificationAuthority } from '../../../hosts/kubernetes/certificates.js';
import { expect, test } from '../../../hosts/libvirt/fixture.js';
import { PrivateLibvirtd } from '../../../hosts/libvirt/private-libvirtd.js';
import { PrivateSshd } from '../../../hosts/libvirt/private-sshd.js';
import { RelayedPorts } from '../../../hosts/relayed-ports.js';
import { temporaryFolder } from '../../../temporary-folder.js';

test.describe.configure({ timeout: 180_000 });

/** @returns the version of the daemon that was reached */
async function version(uri: string): Promise<bigint> {
  const client = new LibvirtClient(uri);
  try {
    return (await client.call(procedures.connectGetLibVersion, {})).version;
  } finally {
    await client.close();
  }
}

test('libvirt is reached over TLS, and each side takes no certificate that another authority has issued', {
  tag: '@vim:libvirt',
}, async ({ libvirtHost }) => {
  const folder = await temporaryFolder('tls');
  const [ours, others] = await Promise.all(
    ['ours', 'others'].map(async (name) => {
      await mkdir(join(folder, name));
      return CertificationAuthority.make(join(folder, name));
    }),
  );
  if (ours === undefined || others === undefined) throw new Error('there is no authority');
  const server = await ours.issue('server', ['IP:127.0.0.1', 'DNS:localhost']);
  await using daemon = await PrivateLibvirtd.start({
    listens: true,
    more: [
      'auth_tls = "none"',
      `key_file = "${server.key}"`,
      `cert_file = "${server.certificate}"`,
      `ca_file = "${ours.file}"`,
    ],
  });
  await using ports = await RelayedPorts.start(`/proc/${await daemon.innerPid()}/ns/net`, join(daemon.folder, 'relay'));
  const { port } = new URL(await ports.reach('10.77.0.1:16514'));
  /** A folder as libvirt wants it. */
  const pki = async (name: string, trusts: CertificationAuthority, issuer: CertificationAuthority) => {
    const at = join(folder, name);
    await mkdir(at);
    const client = await issuer.issue(name, ['DNS:client']);
    await copyFile(trusts.file, join(at, 'cacert.pem'));
    await copyFile(client.certificate, join(at, 'clientcert.pem'));
    await copyFile(client.key, join(at, 'clientkey.pem'));
    return `qemu+tls://127.0.0.1:${port}/system?pkipath=${at}`;
  };
  try {
    expect(await version(await pki('known', ours, ours))).toBe(await version(libvirtHost.uri));
    await expect(version(await pki('stranger', ours, others)), 'the server refuses us').rejects.toThrow(
      /accept|TLS|closed/,
    );
    const doubting = await pki('doubting', others, ours);
    await expect(version(doubting), 'we refuse the server').rejects.toThrow(/certificate/);
    expect(await version(`${doubting}&no_verify=1`)).toBeGreaterThan(0n);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('libvirt is reached over SSH, by its own helper or by nc, and what ssh says is told', {
  tag: '@vim:libvirt',
}, async ({ libvirtHost: { daemon, uri } }) => {
  const sshd = await PrivateSshd.start(daemon).catch((e: Error) => e.message);
  if (typeof sshd === 'string') {
    console.log(`SSH to libvirt is skipped: ${sshd}`);
    base.skip(true, sshd);
    return;
  }
  await using _ends = sshd;
  const network = `/proc/${await daemon.innerPid()}/ns/net`;
  await using ports = await RelayedPorts.start(network, join(daemon.folder, 'ssh-relay'));
  const { port } = new URL(await ports.reach(sshd.address));
  const command = await sshd.client();
  const remote = (more: string) =>
    `qemu+ssh://root@127.0.0.1:${port}/system?keyfile=${sshd.key}&command=${command}${more}`;
  const here = await version(uri);
  await until(
    'sshd lets us in',
    () =>
      version(remote('')).then(
        (v) => v === here,
        () => false,
      ),
    { withinMs: 20_000 },
  );
  expect(await version(remote(`&socket=${daemon.socket}`)), 'by nc, to the socket that is named').toBe(here);
  await expect(version(remote('&socket=/nobody/listens'))).rejects.toThrow(/nobody\/listens|No such file/);
  const stranger = remote('').replace(sshd.key, `${sshd.folder}/host`);
  await expect(version(stranger), 'a key that is not known').rejects.toThrow(/Permission denied/);
});
