import { expect, test } from '@playwright/test';
import {
  type LifecycleReport,
  lifecyclePolicy,
  withLifecycleSnapshot,
} from '../../harness/snapshot/lifecycle-procedure.js';
import { powerOff, powerOn } from '../../harness/snapshot/power.js';
import { type RootCauseReport, RootCauseTrigger, rootCausePolicy } from '../../harness/snapshot/root-cause-trigger.js';
import { compareVnfdWithInfo } from '../../harness/snapshot/vnfd-comparison.js';
import { openBench } from './bench.js';

test('a VNFC is snapshotted when it is powered off, if its descriptor says so or whoever is asked does', {
  tag: ['@Vnfsd.013'],
}, async () => {
  await using bench = await openBench({
    web: { vnfcs: { 'web-1': { whenPoweredOff: 'yes' }, 'web-2': { whenPoweredOff: 'ask' } } },
  });
  const engine = bench.engine();
  await expect(powerOff(engine, 'web')).rejects.toMatchObject({ kind: 'usage' });
  expect(bench.vim.calls).toEqual([]);
  const asked: string[] = [];
  const ask = async (vnfc: string) => asked.push(vnfc) < 0;
  bench.vim.computes.get('web-1@1')!.memory = { session: 'alive' };
  const snapshot = await powerOff(engine, 'web', { ask });
  expect(asked).toEqual(['web-2']);
  expect(snapshot?.vnfcSnapshots.map((s) => [s.vnfcInstanceId, s.userDefinedData.type])).toEqual([['web-1', 'warm']]);
  expect([...bench.vim.computes.values()].map((c) => c.powerState)).toEqual(['off', 'off', 'on']);
  expect(await powerOff(engine, 'db')).toBeUndefined();
});

test('a VNFC goes on from its latest snapshot when it is powered on, if its descriptor says so, else it boots', {
  tag: ['@Vnfsd.014'],
}, async () => {
  await using bench = await openBench({
    web: { vnfcs: { 'web-1': { revertWhenPoweredOn: true, whenPoweredOff: 'yes' } } },
  });
  const engine = bench.engine();
  bench.vim.computes.get('web-1@1')!.memory = { session: 'alive' };
  const snapshot = await powerOff(engine, 'web');
  await engine.create({ vnf: 'web', name: 'evidence', purpose: 'forensic' });
  expect(await powerOn(engine, 'web')).toEqual({ 'web-1': snapshot!.id });
  expect([...bench.vim.computes.values()].map((c) => c.powerState)).toEqual(['on', 'on', 'on']);
  expect(bench.vim.computes.get('web-1@1')!.memory).toEqual({ session: 'alive' });
  expect(bench.vim.computes.get('web-2@1')!.memory).toEqual({ counter: 0 });
});

test('a VNF falls back to the snapshot that was taken before a procedure when the procedure fails', {
  tag: ['@UC-4.3.1.1', '@UC-4.3.1.2'],
}, async () => {
  await using bench = await openBench();
  const engine = bench.engine();
  const web1 = bench.vim.computes.get('web-1@1')!;
  const reports: LifecycleReport[] = [];
  const upgrade = (isWell: boolean) => ({
    name: 'upgrade',
    vnf: 'web',
    run: async () => {
      web1.memory = { version: 2 };
      return 'upgraded';
    },
    isWell: async () => isWell,
  });
  const policy = lifecyclePolicy.parse({ procedures: ['upgrade'] });
  const inform = (r: LifecycleReport) => reports.push(r);
  await expect(withLifecycleSnapshot(engine, policy, upgrade(false), inform)).rejects.toThrow(/not well after upgrade/);
  expect(web1.memory).toEqual({ counter: 0 });
  expect(await withLifecycleSnapshot(engine, policy, upgrade(true), inform)).toBe('upgraded');
  expect(web1.memory).toEqual({ version: 2 });
  const scale = { ...upgrade(true), name: 'scale' };
  await withLifecycleSnapshot(engine, policy, scale, inform);
  expect(reports).toEqual([
    {
      procedure: 'upgrade',
      vnf: 'web',
      outcome: 'fell-back',
      snapshotId: expect.any(String),
      error: expect.any(String),
    },
    { procedure: 'upgrade', vnf: 'web', outcome: 'done', snapshotId: expect.any(String) },
    { procedure: 'scale', vnf: 'web', outcome: 'done' },
  ]);
  expect(engine.list()).toHaveLength(2);
});

test('evidence is captured when the observations of the policy come together, and the provider is told either way', {
  tag: ['@UC-4.2.1.1', '@UC-4.2.1.3'],
}, async () => {
  await using bench = await openBench();
  let now = 0;
  const told: RootCauseReport[] = [];
  const policy = rootCausePolicy.parse({ withinMs: 1000, quietMs: 5000, vnfcIds: ['web-2'] });
  const trigger = new RootCauseTrigger(
    bench.engine(),
    policy,
    (r) => told.push(r),
    () => now,
  );
  const fault = { kind: 'nfvi-fault', vnf: 'web', text: 'memory error on host 3' } as const;
  const slow = { kind: 'performance-degraded', vnf: 'web', text: 'p95 is 900 ms' } as const;
  expect(await trigger.observe(fault)).toBeUndefined();
  now = 1500;
  expect(await trigger.observe(slow)).toBeUndefined();
  expect(await trigger.observe({ ...fault, vnf: 'db' })).toBeUndefined();
  const report = await trigger.observe(fault);
  expect(report).toMatchObject({ snapshot: { userDefinedData: { purpose: 'forensic' } } });
  expect(bench.engine().list()[0]).toMatchObject({
    vnfcSnapshots: [{ vnfcInstanceId: 'web-2' }],
    userDefinedData: { description: 'performance-degraded: p95 is 900 ms; nfvi-fault: memory error on host 3' },
  });
  expect(await trigger.observe(slow)).toBeUndefined();
  now = 10_000;
  bench.vim.misbehave('capture web-2');
  await trigger.observe(slow);
  expect(await trigger.observe(fault)).toMatchObject({ error: { kind: 'vim-failed' } });
  expect(told).toHaveLength(2);
});

test('the VnfInfo of a snapshot is compared with its VNFD', { tag: ['@CO-vnf-snapshot'] }, async () => {
  await using bench = await openBench();
  const [vnf] = bench.service.descriptor.vnfs;
  const compared = async () => compareVnfdWithInfo(vnf!, await bench.engine().vnfInfo('web'));
  expect(await compared()).toEqual([]);
  bench.vim.computes.get('web-1@1')!.powerState = 'suspended';
  bench.vim.computes.get('web-1@1')!.disks.get('root')!.attached = false;
  bench.vim.computes.delete('web-2@1');
  bench.vim.linksNow = [
    {
      id: 'lan',
      vnfVirtualLinkDescId: 'lan',
      state: 'impaired',
      settings: {},
      ports: [{ vnfcId: 'web-1', cpId: 'cp', state: 'down' }],
    },
  ];
  expect(await compared()).toEqual([
    { path: 'web-1.powerState', described: 'on', running: 'suspended' },
    { path: 'web-1.disks.root.attached', described: 'true', running: 'false' },
    { path: 'web-2', described: 'there', running: 'none' },
    { path: 'lan.state', described: 'up', running: 'impaired' },
    { path: 'lan.web-1.cp', described: 'up', running: 'down' },
  ]);
});
