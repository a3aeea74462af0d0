import { expect, test } from '@playwright/test';
import { PolicyGrant } from '../../harness/snapshot/grant/policy-grant.js';
import { openBench } from './bench.js';

const request = { vnf: 'web', name: 'n', purpose: 'manual' } as const;

test('a VNF that forbids snapshots is not snapshotted', { tag: ['@Vnfsd.001'] }, async () => {
  await using bench = await openBench({ web: { creationAllowed: false } });
  await expect(bench.engine().create(request)).rejects.toMatchObject({ kind: 'snapshot-forbidden' });
  expect(bench.vim.calls).toEqual([]);
});

test('the VNFCs to include come from the request, else from the descriptor, and the others are named as left out', {
  tag: ['@Vnfsd.003', '@Vnfm.001', '@Vnfm.002', '@CO-selective'],
}, async () => {
  await using bench = await openBench({ web: { vnfcIds: ['web-2'] } });
  const described = await bench.engine().create(request);
  expect(described.vnfcSnapshots.map((s) => s.vnfcInstanceId)).toEqual(['web-2']);
  expect(described.userDefinedData.excluded).toEqual([
    { vnfcId: 'web-1', reason: 'not among the VNFCs to include (Vnfsd.003)' },
  ]);
  const asked = await bench.engine().create({ ...request, vnfcIds: ['web-1'] });
  expect(asked.userDefinedData.excluded).toEqual([{ vnfcId: 'web-2', reason: 'not asked for' }]);
});

test('a VNFC that forbids snapshots is left out even when it is asked for, and the snapshot says so', {
  tag: ['@CO-selective'],
}, async () => {
  await using bench = await openBench({ web: { vnfcs: { 'web-1': { forbidden: true } } } });
  const snapshot = await bench.engine().create({ ...request, vnfcIds: ['web-1', 'web-2'] });
  expect(snapshot.vnfcSnapshots.map((s) => s.vnfcInstanceId)).toEqual(['web-2']);
  expect(snapshot.userDefinedData.excluded).toEqual([{ vnfcId: 'web-1', reason: 'its descriptor forbids snapshots' }]);
  await expect(bench.engine().create({ ...request, vnfcIds: ['web-1'] })).rejects.toMatchObject({
    kind: 'snapshot-forbidden',
  });
});

test('a snapshot is refused outside the windows, and forensics of a quarantined VNFC are not held up by them', {
  tag: ['@Vnfsd.004'],
}, async () => {
  const windows = [{ days: ['mon'], start: '02:00', end: '04:00', timeZone: 'Europe/Paris' }];
  await using bench = await openBench({ web: { windows } });
  const at = (time: string) => bench.engine({ now: () => new Date(time) });
  await expect(at('2026-11-22T12:00:00Z').create(request)).rejects.toMatchObject({ kind: 'outside-window' });
  await at('2026-11-23T02:00:00Z').create(request);
  const forensic = { purpose: 'forensic', vnfcIds: ['web-1'], computeIds: { 'web-1': 'web-1@1' } } as const;
  await at('2026-11-22T12:00:00Z').create({ ...request, ...forensic });
});

test('cold or warm comes from the request, else from the descriptor, else it is warm', {
  tag: ['@Vnfsd.005', '@CO-cold-warm'],
}, async () => {
  await using bench = await openBench({ web: { vnfcs: { 'web-1': { type: 'cold' } } } });
  const types = async (more: object) =>
    (await bench.engine().planCreation({ ...request, ...more })).vnfcs.map((v) => v.parameters.type);
  expect(await types({})).toEqual(['cold', 'warm']);
  expect(await types({ type: 'warm' })).toEqual(['warm', 'warm']);
  expect(await types({ vnfcs: { 'web-2': { type: 'cold' } } })).toEqual(['cold', 'cold']);
});

test('memory and disk techniques reach the VIM when it has them, and are an error before anything when it has not', {
  tag: ['@Vnfsd.006', '@Vnfsd.007', '@GAP-2'],
}, async () => {
  const vnfcs = { 'web-1': { memory: 'internal', disk: { file: 'external', copy: 'incremental' } } };
  await using bench = await openBench({ web: { vnfcs } });
  const [, info] = bench.vim.stored;
  expect(info).toBeUndefined();
  await bench.engine().create(request);
  expect([...bench.vim.stored.values()][0]!.record.memory?.technique).toBe('internal');
  bench.vim.gaps.set('TQ-disk.incremental', 'full copies only');
  bench.vim.calls.length = 0;
  await expect(bench.engine().create(request)).rejects.toThrow(/TQ-disk.incremental \(full copies only\)/);
  expect(bench.vim.calls).toEqual([]);
});

test('a VIM that cannot freeze gives no consistent cut over two VNFCs, but single snapshots', async () => {
  await using bench = await openBench();
  bench.vim.gaps.set('pause', 'no freezer');
  await expect(bench.engine().create(request)).rejects.toMatchObject({ kind: 'capability-missing' });
  const snapshot = await bench.engine().create({ ...request, consistent: false });
  expect(snapshot.userDefinedData.cut).toMatchObject({ consistent: false });
  expect(bench.vim.calls).not.toContain('pause web-1');
});

test('VNFCs are frozen in the order of the descriptor, the unnamed ones last', { tag: ['@Vnfsd.017'] }, async () => {
  await using bench = await openBench({ web: { creationOrder: ['web-2'] } });
  await bench.engine().create(request);
  expect(bench.vim.calls.slice(0, 2)).toEqual(['pause web-2', 'pause web-1']);
});

test('a VNFC is powered off before or after, and on again, as the descriptor says', {
  tag: ['@Vnfsd.009', '@Vnfsd.010'],
}, async () => {
  const calls = async (options: object) => {
    await using bench = await openBench({ web: { vnfcIds: ['web-1'], vnfcs: { 'web-1': options } } });
    const snapshot = await bench.engine().create(request);
    const { type } = snapshot.vnfcSnapshots[0]!.userDefinedData;
    return [...bench.vim.calls, type, bench.vim.computes.get('web-1@1')!.powerState];
  };
  expect(await calls({ powerOff: 'before' })).toEqual([
    ...['stop web-1', 'capture web-1', 'store web-1', 'cold', 'off'],
  ]);
  expect(await calls({ powerOff: 'before', powerOnAfter: true })).toEqual([
    ...['stop web-1', 'capture web-1', 'start web-1', 'store web-1', 'cold', 'on'],
  ]);
  expect(await calls({ powerOff: 'after' })).toEqual([
    ...['capture web-1', 'store web-1', 'stop web-1', 'warm', 'off'],
  ]);
  expect(await calls({ powerOff: 'after', powerOnAfter: true })).toEqual([
    ...['capture web-1', 'store web-1', 'stop web-1', 'start web-1', 'warm', 'on'],
  ]);
});

test('a VNFC of a consistent cut that is powered off after does not run again before', async () => {
  await using bench = await openBench({ web: { vnfcs: { 'web-1': { powerOff: 'after' } } } });
  await bench.engine().create(request);
  expect(bench.vim.calls).not.toContain('resume web-1');
  expect([...bench.vim.computes.values()].map((c) => c.powerState)).toEqual(['off', 'on', 'on']);
});

test('memory of a VNFC that is powered off before cannot be asked for', async () => {
  await using bench = await openBench({ web: { vnfcs: { 'web-1': { powerOff: 'before' } } } });
  await expect(bench.engine().create({ ...request, type: 'warm' })).rejects.toMatchObject({ kind: 'usage' });
});

test('disks are detached before and attached after, or stay detached', {
  tag: ['@Vnfsd.011', '@Vnfsd.012'],
}, async () => {
  const attached = async (options: object) => {
    await using bench = await openBench({ web: { vnfcs: { 'web-1': { detachDisksBefore: true, ...options } } } });
    await bench.engine().create(request);
    expect(bench.vim.calls.indexOf('detach web-1')).toBeLessThan(bench.vim.calls.indexOf('capture web-1'));
    return bench.vim.computes.get('web-1@1')!.disks.get('root')!.attached;
  };
  expect(await attached({ attachDisksAfter: true })).toBe(true);
  expect(await attached({})).toBe(false);
});

test('the volumes to include are those that the descriptor names, and an unknown one is an error', {
  tag: ['@Vnfsd.016', '@CO-independent-disks'],
}, async () => {
  await using bench = await openBench({
    web: { vnfcs: { 'web-1': { volumes: [] }, 'web-2': { volumes: ['rooot'] } } },
  });
  await expect(bench.engine().create(request)).rejects.toMatchObject({ kind: 'unknown-target' });
  const snapshot = await bench.engine().create({ ...request, vnfcs: { 'web-2': { volumes: ['root'] } } });
  expect(snapshot.userDefinedData.excluded).toEqual([
    { vnfcId: 'web-1', diskId: 'root', reason: 'not among the volumes to include (Vnfsd.016)' },
  ]);
  expect(snapshot.vnfcSnapshots[0]!.storageSnapshotResources).toEqual([{ storageResourceId: 'web-1/root' }]);
});

test('a running VNFC is quiesced for a consistent cold snapshot, and not for a warm one', {
  tag: ['@OP-create.quiesce'],
}, async () => {
  await using bench = await openBench();
  await bench.engine().create({ ...request, type: 'cold' });
  expect(bench.vim.calls.filter((c) => c.includes('quiesce'))).toHaveLength(4);
  bench.vim.calls.length = 0;
  await bench.engine().create({ ...request, type: 'warm' });
  expect(bench.vim.calls.filter((c) => c.includes('quiesce'))).toEqual([]);
});

test('a new VNF Snapshot replaces the previous one of its purpose, or is kept beside it, and evidence is kept', {
  tag: ['@CO-replace'],
}, async () => {
  await using replacing = await openBench({ web: { replacePrevious: true } });
  const evidence = await replacing.engine().create({ ...request, purpose: 'forensic' });
  await replacing.engine().create(request);
  const second = await replacing.engine().create(request);
  expect(
    replacing
      .engine()
      .list()
      .map((s) => s.id),
  ).toEqual([second.id, evidence.id]);
  expect(replacing.vim.stored.size).toBe(4);
  await using keeping = await openBench();
  await keeping.engine().create(request);
  await keeping.engine().create(request);
  expect(keeping.engine().list()).toHaveLength(2);
});

test('a VNF Snapshot is overwritten once the new one is stored, and not when it could not be', {
  tag: ['@OP-update.snapshot'],
}, async () => {
  await using bench = await openBench();
  const old = await bench.engine().create(request);
  bench.vim.misbehave('store web-2');
  await expect(bench.engine().create({ ...request, replaces: old.id })).rejects.toMatchObject({ kind: 'vim-failed' });
  expect(
    bench
      .engine()
      .list()
      .map((s) => s.id),
  ).toEqual([old.id]);
  const next = await bench.engine().create({ ...request, replaces: old.id });
  expect(
    bench
      .engine()
      .list()
      .map((s) => s.id),
  ).toEqual([next.id]);
});

test('a VNF Snapshot is renamed and described', { tag: ['@OP-update.rename', '@OP-update.metadata'] }, async () => {
  await using bench = await openBench();
  const { id } = await bench.engine().create(request);
  bench.engine().update(id, { name: 'better', description: 'of the good old days' });
  expect(bench.engine().list({ name: 'better' })[0]?.userDefinedData).toMatchObject({
    name: 'better',
    description: 'of the good old days',
  });
  expect(bench.engine().list({ name: 'n' })).toEqual([]);
});

test('the NFVO is asked when a grant is required, and its refusal comes before anything is touched', {
  tag: ['@Vnfsd.015', '@Nfvo.001'],
}, async () => {
  await using bench = await openBench({ web: { grants: { createSnapshot: 'required' } } });
  await expect(bench.engine().create(request)).rejects.toThrow(/no NFVO is configured/);
  const rules = [{ operations: ['createSnapshot' as const], decision: 'deny' as const, reason: 'busy hour' }];
  const grant = new PolicyGrant({ rules, otherwise: 'grant' });
  await expect(bench.engine({ grant }).create(request)).rejects.toThrow(/busy hour/);
  expect(bench.vim.calls).toEqual([]);
  const permissive = new PolicyGrant();
  const { id } = await bench.engine({ grant: permissive }).create(request);
  await bench.engine({ grant: permissive }).revert(id);
  expect(permissive.decisions.map((d) => d.request.operation)).toEqual(['createSnapshot', 'revertToSnapshot']);
});

test('a plan names what will be done and what is left out, line by line', async () => {
  await using bench = await openBench();
  const { lines } = await bench.engine().planCreation({ ...request, vnf: 'db' });
  expect(lines).toEqual([
    'VNF Snapshot "n" of db: one consistent cut over 1 VNFCs',
    '  db-1: warm, on, disks root',
    '  db-1 journal: left out, independent disk',
  ]);
});
