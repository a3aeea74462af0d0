import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { expect, test } from '@playwright/test';
import type { CreateSnapshotRequest, Vim } from '../../../harness/model/vim.js';
import { type Sample, sample } from './sample.js';

const snapshot = async (vim: Vim, resource: string, request: Partial<CreateSnapshotRequest> = {}) => {
  const captured = await vim.snapshots.capture(await vim.locate(resource), { name: 's', type: 'warm', ...request });
  return captured.store();
};

/** Inputs that the whole history of the VNFC depends on; the answer to the last one is its hash. */
const play = async (s: Sample, resource: string, inputs: readonly string[]): Promise<string> => {
  let hash = '';
  for (const input of inputs) hash = await s.ask(resource, 'absorb', input);
  return hash;
};
const inputs = Array.from({ length: 50 }, (_, i) => `input ${i} ${'x'.repeat(i * 37)}`);

test('a warm snapshot is exact: the history goes on with the same hash, in place and as a new container', {
  tag: ['@OP-create.memory', '@OP-revert.revert', '@vim:embedded'],
}, async () => {
  await using s = await sample();
  await play(s, 'a', inputs.slice(0, 20));
  const { id } = await snapshot(s.vim, 'a');
  const first = await play(s, 'a', inputs);
  expect(await play(s, 'a', ['something else'])).not.toBe(first);

  const compute = await s.vim.locate('a');
  await s.vim.snapshots.revert(compute, id);
  expect(await play(s, 'a', inputs)).toBe(first);

  await s.vim.replacement!.quarantine(compute, 'run-1');
  const fresh = await s.vim.replacement!.restoreAsNew(id, 'run-1');
  await s.vim.replacement!.switchOver([{ resource: 'a', to: fresh }], 'run-1');
  expect(await s.vim.locate('a')).toBe(fresh);
  expect(await play(s, 'a', inputs)).toBe(first);
});

test('pending timers and the messages in the inbox are in the snapshot, with the time that was left', async () => {
  await using s = await sample();
  const a = await s.vim.locate('a');
  await s.ask('a', 'timer/7/600');
  await s.vim.pausing!.pause(a);
  await s.ask('b', 'burst/a/100');
  await new Promise((r) => setTimeout(r, 700));
  const { id } = await snapshot(s.vim, 'a');
  await s.vim.pausing!.resume(a);
  expect((await s.ask('a', 'received')).split('\n')).toHaveLength(100);
  expect(await s.ask('a', 'ticks')).toBe('0');
  await expect.poll(() => s.ask('a', 'ticks')).toBe('1');

  await s.vim.snapshots.revert(a, id, { state: 'on' });
  expect(await s.ask('a', 'ticks')).toBe('0');
  expect((await s.ask('a', 'received')).split('\n')).toEqual(Array.from({ length: 100 }, (_, i) => String(i)));
  await expect.poll(() => s.ask('a', 'ticks')).toBe('1');
});

test('a VNFC that was suspended stays suspended through a capture, and is suspended after the revert', {
  tag: ['@CO-power-states', '@OP-revert.state', '@vim:embedded'],
}, async () => {
  await using s = await sample();
  const a = await s.vim.locate('a');
  const first = await s.vim.pausing!.pause(a);
  expect(await s.vim.pausing!.pause(a)).toBe(first);
  const { id, powerState } = await snapshot(s.vim, 'a');
  expect(powerState).toBe('suspended');
  expect((await s.vim.inspect(a)).powerState).toBe('suspended');
  await s.vim.pausing!.resume(a);
  await s.vim.snapshots.revert(a, id);
  expect((await s.vim.inspect(a)).powerState).toBe('suspended');
  await s.vim.snapshots.revert(a, id, { state: 'off' });
  expect((await s.vim.inspect(a)).powerState).toBe('off');
  await s.vim.snapshots.revert(a, id, { state: 'on' });
  expect(await s.ask('a', 'counter')).toBe('0');
});

test('disks go with the snapshot, independent disks do not, and the record says so', {
  tag: ['@OP-create.disk', '@CO-independent-disks', '@vim:embedded'],
}, async () => {
  const disks = [
    { id: 'data', sizeBytes: 1 << 20 },
    { id: 'scratch', sizeBytes: 1 << 16, independent: true },
  ];
  await using s = await sample({ disks });
  await s.ask('a', 'disk-write/0/70000', 'before');
  await s.ask('a', 'disk-write/1/0', 'before');
  const record = await snapshot(s.vim, 'a', { type: 'cold' });
  expect(record.disks).toEqual([
    { id: 'data', bytes: 1 << 20, included: true },
    { id: 'scratch', bytes: 1 << 16, included: false, reason: 'independent disk' },
  ]);
  await s.ask('a', 'disk-write/0/70000', 'after!');
  await s.ask('a', 'disk-write/1/0', 'after!');
  await s.ask('a', 'count');
  await s.vim.snapshots.revert(await s.vim.locate('a'), record.id);
  expect(await s.ask('a', 'disk-read/0/70000/6')).toBe('before');
  expect(await s.ask('a', 'disk-read/1/0/6')).toBe('after!');
  expect(await s.ask('a', 'counter'), 'cold: it boots afresh').toBe('0');
});

test('a quarantined VNFC is frozen and cut off, and its forensic snapshot is taken while the new one serves', {
  tag: ['@CO-vnfc-snapshot', '@vim:embedded'],
}, async () => {
  await using s = await sample();
  const { vim } = s;
  const replacement = vim.replacement!;
  await s.ask('a', 'count');
  const good = await snapshot(vim, 'a', { runId: 'run-1' });
  await s.ask('a', 'count');
  const failed = await vim.locate('a');
  await replacement.quarantine(failed, 'run-1');
  await replacement.quarantine(failed, 'run-1');
  await expect(replacement.quarantine(failed, 'run-2')).rejects.toMatchObject({ kind: 'busy' });
  await expect(vim.start(failed)).rejects.toMatchObject({ kind: 'busy' });
  await expect(s.ask('a', 'counter')).rejects.toThrow();
  expect(await vim.inspect(failed)).toMatchObject({ quarantined: true, powerState: 'suspended', runId: 'run-1' });

  const fresh = await replacement.restoreAsNew(good.id, 'run-1');
  expect(await vim.inspect(fresh)).toMatchObject({ powerState: 'suspended', runId: 'run-1', resource: 'a' });
  expect((await replacement.ownedBy('run-1')).map((c) => c.computeId)).toEqual([failed, fresh]);
  await expect(replacement.release(failed, 'run-1')).rejects.toMatchObject({ kind: 'busy' });
  await replacement.switchOver([{ resource: 'a', to: fresh }], 'run-1');
  await replacement.switchOver([{ resource: 'a', to: fresh }], 'run-1');
  expect(await s.ask('a', 'counter'), 'the state of the snapshot').toBe('1');
  expect(await s.ask('b', 'ping/a', 'x'), 'the address of old').toBe('pong');

  const forensic = await (await vim.snapshots.capture(failed, { name: 'f', type: 'warm', runId: 'run-1' })).store();
  expect(forensic).toMatchObject({ powerState: 'suspended', computeId: failed });
  await replacement.release(failed, 'run-1');
  await replacement.release(failed, 'run-1');
  expect(await replacement.ownedBy('run-1')).toEqual([]);
  expect(await s.ask('a', 'count')).toBe('2');
});

test('unquarantine gives the VNFC back as it was, as long as nothing stands in its place', async () => {
  await using s = await sample();
  await s.ask('a', 'count');
  const a = await s.vim.locate('a');
  await s.vim.replacement!.quarantine(a, 'run-1');
  await s.vim.replacement!.unquarantine(a, 'run-1');
  await s.vim.replacement!.unquarantine(a, 'run-1');
  await expect.poll(() => s.ask('a', 'count').catch(() => '')).toBe('2');
});

test('a runaway is quarantined by ending its thread, and its memory is kept', async () => {
  await using s = await sample();
  const a = await s.vim.locate('a');
  await s.ask('a', 'absorb', 'evidence');
  await s.ask('a', 'loop').catch(() => '');
  await expect(s.vim.pausing!.pause(a)).rejects.toMatchObject({ kind: 'timeout' });
  await s.vim.replacement!.quarantine(a, 'run-1');
  expect(await s.vim.inspect(a)).toMatchObject({ powerState: 'crashed', quarantined: true });
  const forensic = await snapshot(s.vim, 'a');
  expect(forensic.infrastructure.eventBoundary).toBe(false);
  const images = await s.vim.snapshots.exportImages(forensic.id);
  const memory = await buffer(await images.find((i) => i.name === 'memory.raw')!.open());
  expect(memory.length).toBe(forensic.memory!.bytes);
  await s.vim.replacement!.unquarantine(a, 'run-1');
  await expect(s.vim.snapshots.revert(a, forensic.id, { state: 'on' })).rejects.toThrow('what was left of a crash');
});

test('a damaged image is refused by name, unless it is forced', {
  tag: ['@OP-revert.force', '@vim:embedded'],
}, async () => {
  await using s = await sample();
  const a = await s.vim.locate('a');
  await s.ask('a', 'count');
  const { id, location } = await snapshot(s.vim, 'a');
  const file = await open(join(location, 'memory.raw'), 'r+');
  await file.write(Buffer.from('damage'), 0, 6, 40_000);
  await file.close();
  await s.ask('a', 'count');
  await expect(s.vim.snapshots.revert(a, id)).rejects.toMatchObject({ kind: 'snapshot-corrupt' });
  expect(await s.ask('a', 'count'), 'nothing changed').toBe('3');
  await s.vim.snapshots.revert(a, id, { force: true });
  expect(await s.ask('a', 'count')).toBe('2');
});

test('images leave and come back: the snapshot is imported under a new id and reverts the same', {
  tag: ['@OP-export.image-files', '@OP-import.image-files', '@vim:embedded'],
}, async () => {
  await using s = await sample();
  const { vim } = s;
  await s.ask('a', 'count');
  const record = await snapshot(vim, 'a');
  const images = await vim.snapshots.exportImages(record.id);
  const imported = await vim.snapshots.importImages(record, images);
  expect(imported.id).not.toBe(record.id);
  await vim.snapshots.delete([record.id]);
  await expect(vim.snapshots.show(record.id)).rejects.toMatchObject({ kind: 'snapshot-missing' });
  await s.ask('a', 'count');
  await vim.snapshots.revert(await vim.locate('a'), imported.id);
  expect(await s.ask('a', 'count')).toBe('2');
});

test('a captured snapshot is listed only once it is stored, and a discarded one leaves nothing', {
  tag: ['@OP-create.atomic', '@vim:embedded'],
}, async () => {
  await using s = await sample();
  const captured = await s.vim.snapshots.capture(await s.vim.locate('a'), { name: 'x', type: 'warm' });
  expect(await s.vim.snapshots.list()).toEqual([]);
  await captured.discard();
  await expect(captured.store()).rejects.toMatchObject({ kind: 'snapshot-missing' });
  expect(await readdir(join(s.folder, 'state', 'embedded', 'sample')).then((n) => n.includes('snapshots'))).toBe(false);
  const record = await snapshot(s.vim, 'a', { name: 'kept' });
  expect(await s.vim.snapshots.list({ name: 'kept' })).toEqual([record]);
});

test('the memory grows and shrinks with the snapshot', async () => {
  await using s = await sample();
  const a = await s.vim.locate('a');
  const before = await s.ask('a', 'size');
  const small = await snapshot(s.vim, 'a');
  await s.ask('a', 'ballast/20');
  const large = await snapshot(s.vim, 'a');
  expect(large.memory!.bytes).toBeGreaterThan(20 << 20);
  await s.vim.snapshots.revert(a, small.id);
  expect(await s.ask('a', 'size')).toBe(before);
  await s.vim.snapshots.revert(a, large.id);
  expect(Number(await s.ask('a', 'ballast/1'))).toBeGreaterThan(320);
});
