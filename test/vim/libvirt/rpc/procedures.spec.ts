import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../../../../harness/util/deadline.js';
import {
  ErrorCode,
  LibvirtClient,
  LibvirtError,
  type Procedure,
  procedures,
} from '../../../../harness/vim/libvirt/rpc/index.js';
import { expect, test } from '../../../hosts/libvirt/fixture.js';

test.describe.configure({ timeout: 240_000 });

type Name = keyof typeof procedures;
/** Called by the client itself on every connection. */
const byTheClient: readonly Name[] = [
  'authList',
  'connectOpen',
  'connectSupportsFeature',
  'connectDomainEventRegister',
];

/** Codes that say that the daemon read our arguments, and did not find the procedure's object or state to its liking. */
const understood: readonly number[] = [
  ErrorCode.operationInvalid,
  ErrorCode.operationFailed,
  ErrorCode.noDomainSnapshot,
  ErrorCode.invalidArgument,
  ErrorCode.internalError,
  ErrorCode.systemError,
  ErrorCode.authFailed,
  ErrorCode.operationDenied,
  ErrorCode.configUnsupported,
];

test('every procedure of the table is what the installed libvirt takes and answers', async ({ libvirtHost: host }) => {
  const client = new LibvirtClient(host.uri);
  const called = new Set<Name>(byTheClient);
  /** An encoding that is wrong is VIR_ERR_RPC, or ends the connection; a number that is wrong has other results. */
  const call = async <A, R>(name: Name & string, procedure: Procedure<A, R>, args: A): Promise<R> => {
    called.add(name);
    return client.call(procedure, args);
  };
  const refused = async <A, R>(name: Name & string, procedure: Procedure<A, R>, args: A, says: RegExp) => {
    const error = await call(name, procedure, args).then(
      () => undefined,
      (e: unknown) => e,
    );
    expect(error, `${name} is refused`).toBeInstanceOf(LibvirtError);
    if (!(error instanceof LibvirtError)) return;
    expect(understood, `${name}: ${error.code} ${error.message}`).toContain(error.code);
    expect(error.message).toMatch(says);
  };
  const p = procedures;

  // The daemon and its host.
  expect((await call('connectGetLibVersion', p.connectGetLibVersion, {})).version).toBeGreaterThan(6_000_000n);
  expect((await call('connectGetVersion', p.connectGetVersion, {})).version).toBeGreaterThan(4_000_000n);
  expect((await call('connectGetHostname', p.connectGetHostname, {})).hostname).not.toBe('');
  expect((await call('connectGetCapabilities', p.connectGetCapabilities, {})).xml).toContain('<capabilities>');
  const node = await call('nodeGetInfo', p.nodeGetInfo, {});
  expect(node.cpus).toBeGreaterThan(0);
  expect(node.memoryKiB).toBeGreaterThan(100_000n);
  const asked = { emulator: null, arch: 'x86_64', machine: 'pc', virtType: 'qemu', flags: 0 };
  const offered = await call('connectGetDomainCapabilities', p.connectGetDomainCapabilities, asked);
  expect(offered.xml).toContain('<domainCapabilities>');
  await call('authPolkit', p.authPolkit, {}).catch((e: unknown) =>
    expect(understood).toContain((e as LibvirtError).code),
  );

  // A domain, paused at its first instruction: nothing of it burns CPU.
  const xml = await host.guestXml({ name: 'table', address: 99 });
  let { dom } = await call('domainDefineXml', p.domainDefineXml, { xml, flags: 0 });
  ({ dom } = await call('domainCreate', p.domainCreate, { dom, flags: 1 }));
  expect((await call('domainLookupByName', p.domainLookupByName, { name: 'table' })).dom).toEqual(dom);
  expect((await call('domainLookupByUuid', p.domainLookupByUuid, { uuid: dom.uuid })).dom).toEqual(dom);
  const all = await call('connectListAllDomains', p.connectListAllDomains, { needResults: 1, flags: 0 });
  expect(all.domains).toContainEqual(dom);
  expect((await call('domainGetState', p.domainGetState, { dom, flags: 0 })).state).toBe(3);
  await call('domainResume', p.domainResume, { dom });
  expect((await call('domainGetState', p.domainGetState, { dom, flags: 0 })).state).toBe(1);
  await call('domainSuspend', p.domainSuspend, { dom });
  const info = await call('domainGetInfo', p.domainGetInfo, { dom });
  expect(info).toMatchObject({ state: 3, maxMemoryKiB: 131_072n, vcpus: 1 });
  const live = (await call('domainGetXmlDesc', p.domainGetXmlDesc, { dom, flags: 0 })).xml;
  expect(live).toContain('<name>table</name>');

  // Its devices.
  const path = 'vda';
  expect((await call('domainGetBlockInfo', p.domainGetBlockInfo, { dom, path, flags: 0 })).capacity).toBe(67_108_864n);
  expect((await call('domainBlockStats', p.domainBlockStats, { dom, path })).errors).toBeLessThanOrEqual(0n);
  const device = /<target dev='(vnet\d+)'\/>/.exec(live)?.[1] ?? '';
  expect((await call('domainInterfaceStats', p.domainInterfaceStats, { dom, device })).rxErrors).toBe(0n);
  const nic = (/<interface[\s\S]*?<\/interface>/.exec(live)?.[0] ?? '').replace(
    '</interface>',
    "<link state='down'/></interface>",
  );
  await call('domainUpdateDevice', p.domainUpdateDevice, { dom, xml: nic, flags: 1 });
  expect((await call('domainGetXmlDesc', p.domainGetXmlDesc, { dom, flags: 0 })).xml).toContain("<link state='down'/>");
  const second = `<interface type='bridge'><mac address='52:54:00:77:01:01'/><source bridge='ordeal0'/><model type='virtio'/></interface>`;
  await call('domainAttachDevice', p.domainAttachDevice, { dom, xml: second, flags: 2 });
  await call('domainDetachDevice', p.domainDetachDevice, { dom, xml: second, flags: 2 });
  const stats = await call('domainMemoryStats', p.domainMemoryStats, { dom, maxStats: 32, flags: 0 });
  expect(stats.stats.length).toBeGreaterThan(0);
  await call('domainSetMemory', p.domainSetMemory, { dom, memoryKiB: 131_072n, flags: 1 });
  const quota = [{ field: 'vcpu_quota', type: 'llong' as const, value: 50_000n }];
  await call('domainSetSchedulerParameters', p.domainSetSchedulerParameters, { dom, params: quota, flags: 1 });
  const limits = await call('domainGetSchedulerParameters', p.domainGetSchedulerParameters, {
    dom,
    nparams: 16,
    flags: 1,
  });
  expect(limits.params).toContainEqual({ field: 'vcpu_quota', type: 'llong', value: 50_000n });
  const throttle = [{ field: 'total_bytes_sec', type: 'ullong' as const, value: 9_000_000n }];
  await call('domainSetBlockIoTune', p.domainSetBlockIoTune, { dom, disk: path, params: throttle, flags: 1 });
  const tuned = await call('domainGetBlockIoTune', p.domainGetBlockIoTune, { dom, disk: path, nparams: 32, flags: 1 });
  expect(tuned.params).toContainEqual({ field: 'total_bytes_sec', type: 'ullong', value: 9_000_000n });
  const records = await call('connectGetAllDomainStats', p.connectGetAllDomainStats, {
    doms: [dom],
    stats: 1,
    flags: 0,
  });
  expect(records.records[0]?.params).toContainEqual({ field: 'state.state', type: 'int', value: 3 });

  // Words about it, and QEMU's own.
  const uri = 'https://example.org/x';
  const about = { dom, type: 2, metadata: '<x/>', key: 'k', uri, flags: 1 };
  await call('domainSetMetadata', p.domainSetMetadata, about);
  expect((await call('domainGetMetadata', p.domainGetMetadata, { dom, type: 2, uri, flags: 1 })).metadata).toContain(
    '<x',
  );
  const command = JSON.stringify({ execute: 'query-status' });
  expect((await call('qemuMonitorCommand', p.qemuMonitorCommand, { dom, command, flags: 0 })).result).toContain(
    'paused',
  );
  await call('domainSetAutostart', p.domainSetAutostart, { dom, autostart: 0 });
  await call('domainInjectNmi', p.domainInjectNmi, { dom, flags: 0 });
  await call('domainReset', p.domainReset, { dom, flags: 0 });

  // Jobs and migration.
  expect((await call('domainGetJobInfo', p.domainGetJobInfo, { dom })).type, 'no job').toBe(0);
  await refused('domainAbortJob', p.domainAbortJob, { dom }, /no job is active/i);
  const pause = { dom, downtimeMs: 77n, flags: 0 };
  await call('domainMigrateSetMaxDowntime', p.domainMigrateSetMaxDowntime, pause);
  expect(await call('domainMigrateGetMaxDowntime', p.domainMigrateGetMaxDowntime, { dom, flags: 0 })).toEqual({
    downtimeMs: 77n,
  });

  // Snapshots and block jobs.
  const { snap } = await call('domainSnapshotCreateXml', p.domainSnapshotCreateXml, {
    dom,
    xml: '<domainsnapshot><name>inside</name></domainsnapshot>',
    flags: 0,
  });
  expect(snap.name).toBe('inside');
  expect(
    (await call('domainSnapshotLookupByName', p.domainSnapshotLookupByName, { dom, name: 'inside', flags: 0 })).snap
      .name,
  ).toBe('inside');
  expect((await call('domainSnapshotGetXmlDesc', p.domainSnapshotGetXmlDesc, { snap, flags: 0 })).xml).toContain(
    '<domainsnapshot>',
  );
  const listed = await call('domainListAllSnapshots', p.domainListAllSnapshots, { dom, needResults: 1, flags: 0 });
  expect(listed.snapshots.map((s) => s.name)).toEqual(['inside']);
  await call('domainRevertToSnapshot', p.domainRevertToSnapshot, { snap, flags: 2 });
  ({ dom } = await call('domainLookupByName', p.domainLookupByName, { name: 'table' }));
  await call('domainSnapshotDelete', p.domainSnapshotDelete, { snap: { ...snap, dom }, flags: 0 });
  const overlay = join(host.folder, 'table.overlay.qcow2');
  await call('domainSnapshotCreateXml', p.domainSnapshotCreateXml, {
    dom,
    xml: `<domainsnapshot><disks><disk name='vda'><source file='${overlay}'/></disk></disks></domainsnapshot>`,
    flags: 16 | 4,
  });
  await call('domainBlockCommit', p.domainBlockCommit, {
    dom,
    disk: path,
    base: null,
    top: null,
    bandwidth: 0n,
    flags: 4,
  });
  await until(
    'the block commit is ready',
    async () => {
      const job = await call('domainGetBlockJobInfo', p.domainGetBlockJobInfo, { dom, path, flags: 0 });
      return job.found === 1 && job.cur === job.end && job.end > 0n;
    },
    { withinMs: 30_000 },
  );
  await call('domainBlockJobAbort', p.domainBlockJobAbort, { dom, path, flags: 2 });
  await refused(
    'domainBlockRebase',
    p.domainBlockRebase,
    { dom, path: 'vdz', base: null, bandwidth: 0n, flags: 0 },
    /vdz/,
  );

  // A paused guest's agent is silent: it is told so, by the guest agent's own procedures.
  await refused(
    'qemuAgentCommand',
    p.qemuAgentCommand,
    { dom, command: '{"execute":"guest-ping"}', timeout: 1, flags: 0 },
    /agent|running/,
  );
  await refused('domainFsFreeze', p.domainFsFreeze, { dom, mountpoints: [], flags: 0 }, /agent|running/);
  await refused('domainFsThaw', p.domainFsThaw, { dom, mountpoints: [], flags: 0 }, /agent|running/);

  // Its memory, and its end.
  const dump = join(host.folder, 'table.dump');
  await call('domainCoreDump', p.domainCoreDump, { dom, to: dump, format: 0, flags: 16 });
  const save = join(host.folder, 'table.save');
  await call('domainSave', p.domainSave, { dom, to: save, xml: null, flags: 4 });
  expect(
    (await call('domainSaveImageGetXmlDesc', p.domainSaveImageGetXmlDesc, { file: save, flags: 0 })).xml,
  ).toContain('table');
  await call('domainRestore', p.domainRestore, { from: save, xml: null, flags: 4 });
  ({ dom } = await call('domainLookupByName', p.domainLookupByName, { name: 'table' }));
  await refused('domainShutdown', p.domainShutdown, { dom, flags: 2 }, /agent|running/);
  await call('domainDestroy', p.domainDestroy, { dom, flags: 0 });
  await call('domainUndefine', p.domainUndefine, { dom, flags: 0 });
  const one = await call('connectDomainEventRegister', p.connectDomainEventRegister, { eventId: 1, dom: null });
  await call('connectDomainEventDeregister', p.connectDomainEventDeregister, { callbackId: one.callbackId });
  called.add('connectClose');
  await client.close();
  await Promise.all([dump, save, overlay].map((file) => rm(file, { force: true })));
  expect(Object.keys(procedures).filter((name) => !called.has(name as Name))).toEqual([]);
});

test('the client finds the daemon again after it was killed, and the VMs have not noticed', async ({
  libvirtHost: host,
}) => {
  const client = new LibvirtClient(host.uri);
  const { dom } = await client.call(procedures.domainDefineXml, {
    xml: await host.guestXml({ name: 'survivor', address: 98 }),
    flags: 0,
  });
  const started = (await client.call(procedures.domainCreate, { dom, flags: 1 })).dom;
  await host.daemon.killDaemon();
  const command = JSON.stringify({ execute: 'query-status' });
  const { result } = await until(
    'the daemon is back, and has its VM again',
    () => client.call(procedures.qemuMonitorCommand, { dom: started, command, flags: 0 }, 5000).catch(() => undefined),
    { withinMs: 60_000, everyMs: 100 },
  );
  expect(result).toContain('prelaunch');
  await client.call(procedures.domainDestroy, { dom: started, flags: 0 });
  await client.call(procedures.domainUndefine, { dom: started, flags: 0 });
  await client.close();
});
