import { join } from 'node:path';
import { networkService } from '../../../harness/model/network-service.js';
import { ServiceSession } from '../../../harness/online-test/session.js';
import { until } from '../../../harness/util/deadline.js';
import { LibvirtClient, procedures } from '../../../harness/vim/libvirt/rpc/index.js';
import { expect, test } from '../../hosts/libvirt/fixture.js';

test.describe.configure({ timeout: 300_000 });

const FIRST_ADDRESS = 41;
const names = ['cut-1', 'cut-2', 'cut-3', 'cut-4'];

test('four VMs of one VNF are captured in one consistent cut, whose skew is told and at most 50 ms', {
  tag: '@vim:libvirt',
}, async ({ libvirtHost: host }) => {
  const client = new LibvirtClient(host.uri);
  for (const [i, name] of names.entries()) {
    const xml = await host.guestXml({ name, address: FIRST_ADDRESS + i, memoryMiB: 96 });
    const { dom } = await client.call(procedures.domainDefineXml, { xml, flags: 0 });
    await client.call(procedures.domainCreate, { dom, flags: 0 });
  }
  // Four guests that still boot on two cores are no VNF in service: each is late for as long as the others have the processors.
  for (const i of names.keys()) {
    const base = await host.reach(FIRST_ADDRESS + i);
    const serves = () => fetch(`${base}/counter`, { signal: AbortSignal.timeout(2000) }).then((r) => r.ok);
    await until(`${names[i]} serves`, () => serves().catch(() => false), { withinMs: 180_000, everyMs: 300 });
  }
  const vims = { libvirt: { uri: host.uri, folder: join(host.folder, 'cut') } };
  const disks = [{ id: 'data', sizeBytes: 64 * 2 ** 20 }];
  const descriptor = networkService.parse({
    schema: 'ordeal.service/1',
    id: 'four-vms',
    expectedRecoveryMs: 10_000,
    highAvailability: 'none',
    vims,
    vnfs: [
      {
        id: 'four',
        vnfdId: 'four',
        vnfcs: names.map((id) => ({ id, vim: 'libvirt', disks })),
        snapshot: { consistent: true },
      },
    ],
    probes: [{ id: 'none', kind: 'tcp', port: 1 }],
  });
  const service = { file: 'four-vms.yaml', folder: host.folder, descriptor };
  await using session = await ServiceSession.open(service, { stateFolder: join(host.folder, 'cut-state') });
  const snapshot = await session.engine.create({ vnf: 'four', name: 'cut', purpose: 'manual', type: 'warm' });
  console.log(`four VMs in one cut: ${JSON.stringify(snapshot.userDefinedData.cut)}`);
  expect(snapshot.vnfcSnapshots.map((s) => s.vnfcInstanceId).sort()).toEqual(names);
  expect(snapshot.userDefinedData.cut).toMatchObject({ consistent: true });
  expect(snapshot.userDefinedData.cut?.skewMs).toBeGreaterThan(0);
  expect(snapshot.userDefinedData.cut?.skewMs).toBeLessThanOrEqual(50);
  for (const name of names) {
    const compute = await session.locate(session.vnfc(name));
    expect(await session.vimOf(session.vnfc(name)).inspect(compute), 'it goes on').toMatchObject({ powerState: 'on' });
    const { dom } = await client.call(procedures.domainLookupByName, { name });
    await client.call(procedures.domainDestroy, { dom, flags: 0 });
    await client.call(procedures.domainUndefine, { dom, flags: 0 });
  }
  await client.close();
});
