import { join } from 'node:path';
import { networkService } from '../../../harness/model/network-service.js';
import { ServiceSession } from '../../../harness/online-test/session.js';
import { NotificationHub } from '../../../harness/snapshot/notification/hub.js';
import { until } from '../../../harness/util/deadline.js';
import { Domains } from '../../../harness/vim/libvirt/domains.js';
import { inGuest } from '../../../harness/vim/libvirt/guest-command.js';
import { Hypervisor } from '../../../harness/vim/libvirt/hypervisor.js';
import { procedures } from '../../../harness/vim/libvirt/rpc/index.js';
import { expect, test } from '../../hosts/libvirt/fixture.js';
import type { LibvirtHost } from '../../hosts/libvirt/libvirt-host.js';

test.describe.configure({ timeout: 300_000 });

const FIRST_ADDRESS = 41;
const names = ['cut-1', 'cut-2', 'cut-3', 'cut-4'];
const [locker = ''] = names;

test('four VMs of one VNF are captured in one consistent cut, whose skew is told and at most 50 ms, and go back together with the locks on their files', {
  tag: ['@vim:libvirt', '@CO-consistent', '@UC-4.3.2.1', '@OP-revert.file-locks', '@GAP-3'],
}, async ({ libvirtHost: host }) => {
  await using hypervisor = new Hypervisor(host.uri);
  await bootAll(host, hypervisor);
  const service = fourVms(host);
  const told: string[] = [];
  const notification = new NotificationHub();
  notification.subscribe({}, async ({ event, vnfInstanceId }) => void told.push(`${event} ${vnfInstanceId}`));
  const options = { stateFolder: join(host.folder, 'cut-state'), notification };
  await using session = await ServiceSession.open(service, options);
  const { engine } = session;
  const domains = new Domains(hypervisor, service);
  const onLocker = async (what: string, script: string) =>
    inGuest(hypervisor, await domains.see(await session.locate(session.vnfc(locker))), what, script);
  await until(
    'its agent answers',
    () =>
      onLocker('nothing is done', 'true').then(
        () => true,
        () => false,
      ),
    {
      withinMs: 60_000,
      everyMs: 300,
    },
  );
  const isLocked = () =>
    onLocker('the lock is tried', `${perl('exit(flock(F, 6) ? 1 : 0)')} && echo locked || echo free`);

  await onLocker(
    'a file is locked',
    `${perl('flock(F, 6) or exit 1; sleep 3600')} >/dev/null 2>&1 & echo $! >/run/holder`,
  );
  await expect.poll(isLocked, { timeout: 30_000 }).toBe('locked');
  const cut = await engine.create({ vnf: 'four', name: 'cut', purpose: 'manual', type: 'warm' });
  console.log(`four VMs in one cut: ${JSON.stringify(cut.userDefinedData.cut)}`);
  expect(cut.vnfcSnapshots.map((s) => s.vnfcInstanceId).sort()).toEqual(names);
  expect(cut.userDefinedData.cut).toMatchObject({ consistent: true });
  expect(cut.userDefinedData.cut?.skewMs).toBeGreaterThan(0);
  expect(cut.userDefinedData.cut?.skewMs).toBeLessThanOrEqual(50);
  await allAreOn(session);

  const disks = await engine.create({ vnf: 'four', name: 'disks', purpose: 'manual', type: 'cold', quiesce: 'yes' });
  expect(disks.vnfcSnapshots.map((s) => s.userDefinedData.quiesced)).toEqual(names.map(() => true));
  const rests = session.trace.filter(({ what }) => /quiesce the compute resource: done$/.test(what));
  expect(new Set(rests.map(({ what, subject }) => `${subject}: ${what}`))).toEqual(
    new Set(names.flatMap((n) => ['quiesce', 'unquiesce'].map((it) => `${n}: ${it} the compute resource: done`))),
  );

  await onLocker('the lock is given up', 'kill $(cat /run/holder)');
  await expect.poll(isLocked, { timeout: 30_000 }).toBe('free');
  await engine.revert(cut.id);
  await allAreOn(session);
  expect(await isLocked(), 'as it was at the cut').toBe('locked');
  expect(told.slice(-2)).toEqual(['reversion-start four', 'reversion-end four']);
  for (const { dom } of await domains.all()) {
    await hypervisor.destroy(dom);
    await hypervisor.call(procedures.domainUndefine, { dom, flags: 0 }, `"${dom.name}" cannot be removed`);
  }
});

/** A Perl program in the guest, with a file on its disk opened as F. */
const perl = (program: string) => `/usr/bin/perl -e 'open(F, ">>/data/lock") or exit 2; ${program}'`;

/** Four guests that still boot on two cores are no VNF in service: each is late for as long as the others have the processors. */
async function bootAll(host: LibvirtHost, hypervisor: Hypervisor): Promise<void> {
  for (const [i, name] of names.entries()) {
    const xml = await host.guestXml({ name, address: FIRST_ADDRESS + i, memoryMiB: 96 });
    const { dom } = await hypervisor.call(procedures.domainDefineXml, { xml, flags: 0 }, `"${name}" is not defined`);
    await hypervisor.call(procedures.domainCreate, { dom, flags: 0 }, `"${name}" does not start`);
  }
  for (const [i, name] of names.entries()) {
    const base = await host.reach(FIRST_ADDRESS + i);
    const serves = () => fetch(`${base}/counter`, { signal: AbortSignal.timeout(2000) }).then((r) => r.ok);
    await until(`${name} serves`, () => serves().catch(() => false), { withinMs: 180_000, everyMs: 300 });
  }
}

function fourVms(host: LibvirtHost) {
  const disks = [{ id: 'data', sizeBytes: 64 * 2 ** 20 }];
  const descriptor = networkService.parse({
    schema: 'ordeal.service/1',
    id: 'four-vms',
    expectedRecoveryMs: 10_000,
    highAvailability: 'none',
    vims: { libvirt: { uri: host.uri, folder: join(host.folder, 'cut') } },
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
  return { file: 'four-vms.yaml', folder: host.folder, descriptor };
}

async function allAreOn(session: ServiceSession): Promise<void> {
  for (const name of names) {
    const compute = await session.locate(session.vnfc(name));
    expect(await session.vimOf(session.vnfc(name)).inspect(compute), name).toMatchObject({ powerState: 'on' });
  }
}
