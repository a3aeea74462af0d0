import { expect, test } from '@playwright/test';
import { sleep } from '../../harness/util/deadline.js';
import { OrdealError } from '../../harness/util/errors.js';
import { everything, openBench } from './bench.js';

const request = { vnf: 'web', name: 'before', purpose: 'manual' } as const;

test('a VNF Snapshot holds a VNFC Snapshot of every VNFC, the VNFD and the VnfInfo', {
  tag: ['@CO-vnf-snapshot', '@PR-6.5.1', '@Vnfm.004', '@Vnfm.003'],
}, async () => {
  await using bench = await openBench();
  const snapshot = await bench.engine().create(request);
  expect(snapshot.vnfcSnapshots.map((s) => s.vnfcInstanceId)).toEqual(['web-1', 'web-2']);
  expect(snapshot.vnfInstance.instantiatedVnfInfo.vnfcResourceInfo.map((r) => r.id)).toEqual(['web-1', 'web-2']);
  expect(bench.state.vnfSnapshots.vnfd(snapshot.id)).toMatchObject({
    descriptor: { id: 'web', vnfdId: 'web-vnfd' },
    files: [],
  });
  expect(bench.engine().show(snapshot.id)).toEqual(snapshot);
  expect(bench.engine().list()).toEqual([snapshot]);
});

test('a consistent cut freezes all VNFCs of all VNFs before it captures one, and stores when all run again', {
  tag: ['@CO-consistent', '@Vnfsd.008'],
}, async () => {
  await using bench = await openBench();
  const [web, db] = await bench.engine().createTogether([request, { ...request, vnf: 'db' }]);
  const order = bench.vim.calls.map((c) => c.split(' ')[0]);
  expect(order.filter((c, i) => order.indexOf(c) === i)).toEqual(['pause', 'capture', 'resume', 'store']);
  expect(order.slice(0, 3)).toEqual(['pause', 'pause', 'pause']);
  expect(order.slice(6, 9)).toEqual(['resume', 'resume', 'resume']);
  expect(web!.userDefinedData.cut).toMatchObject({ consistent: true });
  expect(web!.userDefinedData.cut!.skewMs).toBeLessThan(50);
  expect(web!.userDefinedData.cut!.pausedMs).toBeGreaterThan(0);
  expect(db!.userDefinedData.excluded).toEqual([{ vnfcId: 'db-1', diskId: 'journal', reason: 'independent disk' }]);
});

test('a VNFC that was suspended stays suspended, one that was off stays off, and the snapshot says which', {
  tag: ['@CO-power-states'],
}, async () => {
  await using bench = await openBench();
  bench.vim.computes.get('web-1@1')!.powerState = 'suspended';
  bench.vim.computes.get('web-2@1')!.powerState = 'off';
  const snapshot = await bench.engine().create({ ...request, type: 'warm' });
  expect([...bench.vim.computes.values()].map((c) => c.powerState)).toEqual(['suspended', 'off', 'on']);
  expect(snapshot.vnfcSnapshots.map((s) => [s.userDefinedData.powerState, s.userDefinedData.type])).toEqual([
    ['suspended', 'warm'],
    ['off', 'cold'],
  ]);
});

const steps = [
  ...['detach web-1', 'quiesce web-1', 'stop web-2', 'detach web-2', 'pause web-1', 'pause db-1', 'capture web-1'],
  ...['capture web-2', 'resume web-1', 'resume db-1', 'unquiesce web-1', 'attach web-1', 'attach web-2', 'start web-2'],
  ...['store web-1', 'store web-2', 'store db-1'],
];

for (const how of ['fails', 'hangs', 'late'] as const) {
  for (const step of steps) {
    test(`a creation whose "${step}" ${how} leaves every VNFC as it was and nothing stored`, {
      tag: ['@OP-create.atomic'],
    }, async () => {
      await using bench = await openBench(everything);
      const before = JSON.stringify(bench.vim.world());
      bench.vim.misbehave(step, how);
      const shortMs = how === 'late' ? 10 : 30;
      const deadlines = { vimMs: shortMs, storeMs: shortMs, freezeMs: 200, overdueMs: how === 'late' ? 100 : 20 };
      const creation = bench.engine({ deadlines }).createTogether([request, { ...request, vnf: 'db' }]);
      await expect(creation).rejects.toThrow(how === 'fails' ? /told to fail/ : /timed out/);
      if (how === 'late') await sleep(80);
      expect(JSON.stringify(bench.vim.world())).toEqual(before);
      expect(bench.engine().list()).toEqual([]);
      expect(bench.state.vnfSnapshots.unfinished()).toEqual([]);
      expect(bench.state.operations.list()[0]).toMatchObject({ state: 'ROLLED_BACK' });
    });
  }
}

test('a creation without those misbehaviours goes through all of these steps', async () => {
  await using bench = await openBench(everything);
  await bench.engine().createTogether([request, { ...request, vnf: 'db' }]);
  for (const step of steps) expect(bench.vim.calls).toContain(step);
});

test('of a crashed VNFC whose memory its VIM has lost, the disks are captured, and the snapshot says that it is cold', async () => {
  await using bench = await openBench();
  bench.vim.computes.get('web-1@1')!.powerState = 'crashed';
  bench.vim.misbehave('capture web-1');
  const snapshot = await bench.engine().create({ ...request, type: 'warm' });
  expect(snapshot.vnfcSnapshots.map((s) => s.userDefinedData.type)).toEqual(['cold', 'warm']);
  bench.vim.misbehave('capture web-2');
  await expect(bench.engine().create({ ...request, type: 'warm' })).rejects.toMatchObject({ kind: 'vim-failed' });
});

test('an error of the creation is the one that the VIM gave', async () => {
  await using bench = await openBench();
  bench.vim.misbehave('capture web-2');
  const e = await bench
    .engine()
    .create(request)
    .catch((x: unknown) => x);
  expect(e).toBeInstanceOf(OrdealError);
  expect(e).toMatchObject({ kind: 'vim-failed' });
});
