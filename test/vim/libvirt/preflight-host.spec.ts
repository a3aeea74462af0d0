import { join } from 'node:path';
import { networkService } from '../../../harness/model/network-service.js';
import { ServiceSession } from '../../../harness/online-test/session.js';
import { LibvirtClient, procedures } from '../../../harness/vim/libvirt/rpc/index.js';
import { expect, test } from '../../hosts/libvirt/fixture.js';
import type { LibvirtHost } from '../../hosts/libvirt/libvirt-host.js';
import { shell } from '../../hosts/libvirt/shell.js';

test.describe.configure({ timeout: 180_000 });

const PAUSED = 1;
const sharedDisk = ({ folder }: LibvirtHost) =>
  `<disk type='file' device='disk'><driver name='qemu' type='raw' cache='none'/><source file='${join(folder, 'pre-shared.raw')}'/><shareable/><target dev='vdb' bus='virtio'/></disk>`;

test('the plan of a snapshot names what is in its way on real domains, all of it, and touches nothing', {
  tag: '@vim:libvirt',
}, async ({ libvirtHost: host }) => {
  const client = new LibvirtClient(host.uri);
  const changes: Readonly<Record<string, (xml: string) => string>> = {
    // Two disks that other domains may write to.
    'pre-shared': (xml) =>
      xml
        .replace("type='qcow2'/>", "type='raw' cache='none'/><shareable/>")
        .replace('pre-shared.qcow2', 'pre-shared.raw')
        .replace('</devices>', `${sharedDisk(host)}</devices>`),
    'pre-silent': (xml) => xml.replace(/<channel [\s\S]*?<\/channel>/, ''),
  };
  for (const [i, [name, change]] of Object.entries(changes).entries()) {
    const xml = change(await host.guestXml({ name, address: 51 + i }));
    if (name === 'pre-shared') await shell('truncate', ['-s', '64M', join(host.folder, 'pre-shared.raw')]);
    const { dom } = await client.call(procedures.domainDefineXml, { xml, flags: 0 });
    if (name === 'pre-silent') await client.call(procedures.domainCreate, { dom, flags: PAUSED });
  }
  const disk = (id: string) => ({ id, sizeBytes: 64 * 2 ** 20 });
  const disks = (vnfc: string) => [disk('data'), ...(vnfc === 'pre-shared' ? [disk('more')] : [])];
  const descriptor = networkService.parse({
    schema: 'ordeal.service/1',
    id: 'preflight',
    expectedRecoveryMs: 10_000,
    highAvailability: 'none',
    vims: { libvirt: { uri: host.uri, folder: join(host.folder, 'preflight') } },
    vnfs: Object.keys(changes).map((id) => ({ id, vnfdId: id, vnfcs: [{ id, vim: 'libvirt', disks: disks(id) }] })),
    probes: [{ id: 'none', kind: 'tcp', port: 1 }],
  });
  const service = { file: 'preflight.yaml', folder: host.folder, descriptor };
  await using session = await ServiceSession.open(service, { stateFolder: join(host.folder, 'preflight-state') });
  const plan = (vnf: string, type: 'warm' | 'cold') =>
    session.engine.planCreation({ vnf, name: 'never', purpose: 'manual', type });

  const { lines } = await plan('pre-silent', 'warm');
  expect(lines.join('\n')).toMatch(/pre-silent: it has no guest agent: it cannot be quiesced/);
  await expect(plan('pre-shared', 'cold')).rejects.toMatchObject({
    kind: 'capability-missing',
    message: expect.stringMatching(
      /disk vda is shared with other domains; make it independent\n.*disk vdb is shared[\s\S]*touched/,
    ),
  });
  expect(session.engine.list()).toEqual([]);

  for (const name of Object.keys(changes)) {
    const { dom } = await client.call(procedures.domainLookupByName, { name });
    if (dom.id >= 0) await client.call(procedures.domainDestroy, { dom, flags: 0 });
    await client.call(procedures.domainUndefine, { dom, flags: 0 });
  }
  await client.close();
});
