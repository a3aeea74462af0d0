import { expect, test } from '@playwright/test';
import { sleep } from '../../harness/util/deadline.js';
import { openBench } from './bench.js';

const request = { vnf: 'web', name: 'good', purpose: 'manual' } as const;
const powerStates = (bench: Awaited<ReturnType<typeof openBench>>) =>
  [...bench.vim.computes.values()].map((c) => `${c.resource} ${c.powerState}`);

test('a reversion brings memory and disks of all VNFCs back, and they run on together', {
  tag: ['@PR-6.5.2', '@CO-consistent'],
}, async () => {
  await using bench = await openBench();
  const web1 = bench.vim.computes.get('web-1@1')!;
  web1.memory = { session: 'alive' };
  const { id } = await bench.engine().create(request);
  web1.memory = { session: 'lost' };
  web1.disks.get('root')!.content = 'overwritten';
  bench.vim.calls.length = 0;
  await bench.engine().revert(id);
  expect(web1.memory).toEqual({ session: 'alive' });
  expect(web1.disks.get('root')!.content).toBe('root of web-1');
  expect(powerStates(bench)).toEqual(['web-1 on', 'web-2 on', 'db-1 on']);
  expect(bench.vim.calls.map((c) => c.split(' ')[0])).toEqual([
    ...['pause', 'pause', 'capture', 'capture', 'store', 'store'],
    ...['revert', 'revert', 'resume', 'resume', 'delete', 'delete'],
  ]);
});

test('a reversion restores the power state that was recorded, and another one on request', {
  tag: ['@OP-revert.state'],
}, async () => {
  await using bench = await openBench();
  bench.vim.computes.get('web-1@1')!.powerState = 'suspended';
  bench.vim.computes.get('web-2@1')!.powerState = 'off';
  const { id } = await bench.engine().create(request);
  for (const c of bench.vim.computes.values()) c.powerState = 'on';
  await bench.engine().revert(id);
  expect(powerStates(bench)).toEqual(['web-1 suspended', 'web-2 off', 'db-1 on']);
  await bench.engine().revert(id, { state: 'on' });
  expect(powerStates(bench)).toEqual(['web-1 on', 'web-2 on', 'db-1 on']);
  await bench.engine().revert(id, { state: 'off' });
  expect(powerStates(bench)).toEqual(['web-1 off', 'web-2 off', 'db-1 on']);
});

test('a reversion to a cold snapshot boots the VNFCs that ran', { tag: ['@CO-cold-warm'] }, async () => {
  await using bench = await openBench();
  const { id } = await bench.engine().create({ ...request, type: 'cold' });
  bench.vim.computes.get('web-1@1')!.memory = { session: 'lost' };
  await bench.engine().revert(id);
  expect(bench.vim.computes.get('web-1@1')!.memory).toEqual({ counter: 0 });
  expect(powerStates(bench)).toEqual(['web-1 on', 'web-2 on', 'db-1 on']);
});

test('a reversion of selected VNFCs leaves the others alone', async () => {
  await using bench = await openBench();
  const { id } = await bench.engine().create(request);
  bench.vim.computes.get('web-1@1')!.memory = { a: 1 };
  bench.vim.computes.get('web-2@1')!.memory = { b: 1 };
  await bench.engine().revert(id, { vnfcIds: ['web-2'] });
  expect(bench.vim.computes.get('web-1@1')!.memory).toEqual({ a: 1 });
  expect(bench.vim.computes.get('web-2@1')!.memory).toEqual({ counter: 0 });
});

test('VNFCs are reverted in the order of the descriptor', { tag: ['@Vnfsd.018'] }, async () => {
  await using bench = await openBench({ web: { reversionOrder: ['web-2', 'web-1'] } });
  const { id } = await bench.engine().create(request);
  bench.vim.calls.length = 0;
  await bench.engine().revert(id, { safetyPoint: false });
  expect(bench.vim.calls).toEqual([
    ...['pause web-2', 'pause web-1', 'revert web-2', 'revert web-1', 'resume web-2', 'resume web-1'],
  ]);
});

test('a warm snapshot that was taken while quiesced does not wake up quiesced', async () => {
  await using bench = await openBench();
  const { id } = await bench.engine().create({ ...request, quiesce: 'yes' });
  for (const c of bench.vim.computes.values()) c.quiesced = true;
  await bench.engine().revert(id);
  expect([...bench.vim.computes.values()].map((c) => c.quiesced)).toEqual([false, false, true]);
});

test('volumes are detached for the reversion and attached again', async () => {
  await using bench = await openBench();
  const { id } = await bench.engine().create(request);
  bench.vim.calls.length = 0;
  await bench.engine().revert(id, { detachDisks: true, stopFirst: true, safetyPoint: false });
  expect(bench.vim.calls).toEqual([
    ...['stop web-1', 'detach web-1', 'stop web-2', 'detach web-2', 'revert web-1', 'revert web-2'],
    ...['attach web-1', 'attach web-2', 'resume web-1', 'resume web-2'],
  ]);
  expect(powerStates(bench)).toEqual(['web-1 on', 'web-2 on', 'db-1 on']);
});

for (const how of ['fails', 'hangs', 'late'] as const) {
  for (const step of [
    ...['capture web-2', 'store web-1', 'detach web-2', 'pause web-2', 'revert web-1', 'revert web-2'],
    ...['attach web-1', 'resume web-1', 'resume web-2'],
  ]) {
    test(`a reversion whose "${step}" ${how} leaves the VNFCs as they were before it`, async () => {
      await using bench = await openBench();
      const { id } = await bench.engine().create(request);
      for (const c of bench.vim.computes.values()) c.memory = { later: c.resource };
      const before = structuredClone(bench.vim.world());
      bench.vim.misbehave(step, how);
      const short = how === 'late' ? 10 : 30;
      const deadlines = { vimMs: short, storeMs: short, overdueMs: how === 'late' ? 100 : 20 };
      const reversion = bench.engine({ deadlines }).revert(id, { detachDisks: true });
      const e: unknown = await reversion.catch((x: unknown) => x);
      expect(String(e)).toMatch(how === 'fails' ? /told to fail/ : /timed out/);
      expect(String(e)).not.toMatch(/in part|not everything/);
      if (how === 'late') await sleep(80);
      // With a VIM that never answers the way back is kept, for the case that it does in the end.
      const seen = ({ computes, stored }: ReturnType<typeof bench.vim.world>) => (how === 'hangs' ? computes : stored);
      expect(seen(bench.vim.world())).toEqual(seen(before));
      expect(bench.vim.world().computes).toEqual(before.computes);
      await bench.engine().revert(id);
    });
  }
}

test('without a way back, a reversion that fails says which VNFCs are of which time, and none stays frozen', async () => {
  await using bench = await openBench();
  const { id } = await bench.engine().create(request);
  bench.vim.gaps.set('OP-create.memory', 'no memory here');
  const plan = await bench.engine().planReversion(id);
  expect(plan.lines.join('\n')).toContain(
    'web-1: warm, now on, then on, no way back: VIM "fake" cannot capture its memory',
  );
  bench.vim.misbehave('revert web-2');
  await expect(bench.engine().revert(id)).rejects.toThrow(
    /reverted in part: web-1 as in the snapshot, web-2 not[\s\S]*told to fail/,
  );
  expect(powerStates(bench)).toEqual(['web-1 on', 'web-2 on', 'db-1 on']);
  await bench.engine().revert(id);
});

test('a target host is named in a reversion and reaches the VIM, in both modes', { tag: ['@GAP-4'] }, async () => {
  await using bench = await openBench();
  const { id } = await bench.engine().create(request);
  const { revert } = bench.vim.snapshots;
  const hosts: unknown[] = [];
  Object.assign(bench.vim.snapshots, {
    revert: (compute: string, snapshot: string, options: { host?: string }) => {
      hosts.push(options.host);
      return revert(compute, snapshot, options);
    },
  });
  await bench.engine({ mode: 'direct' }).revert(id, { host: 'host-2' });
  await bench.engine({ mode: 'indirect' }).revert(id, { host: 'host-3' });
  expect(hosts).toEqual(['host-2', 'host-2', 'host-3', 'host-3']);
  bench.vim.gaps.set('OP-revert.host', 'there is one host');
  bench.vim.calls.length = 0;
  await expect(bench.engine().revert(id, { host: 'host-2' })).rejects.toMatchObject({ kind: 'capability-missing' });
  expect(bench.vim.calls).toEqual([]);
});

test('a snapshot that is being reverted to cannot be deleted', async () => {
  await using bench = await openBench();
  const { id } = await bench.engine().create(request);
  bench.vim.misbehave('revert web-2', 'late', 60);
  const reversion = bench.engine().revert(id);
  await sleep(20);
  await expect(bench.engine().delete([id])).rejects.toMatchObject({ kind: 'snapshot-in-use' });
  await expect(bench.engine().create(request)).rejects.toMatchObject({ kind: 'busy' });
  await reversion;
  await bench.engine().delete([id]);
  expect(bench.vim.stored.size).toBe(0);
  await expect(bench.engine().revert(id)).rejects.toMatchObject({ kind: 'snapshot-missing' });
});

test('a VNF that forbids reversion is not reverted', { tag: ['@Vnfsd.002'] }, async () => {
  await using bench = await openBench({ web: { reversionAllowed: false } });
  const { id } = await bench.engine().create(request);
  bench.vim.calls.length = 0;
  await expect(bench.engine().revert(id)).rejects.toMatchObject({ kind: 'snapshot-forbidden' });
  expect(bench.vim.calls).toEqual([]);
});
