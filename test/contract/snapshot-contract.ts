import { readdir } from 'node:fs/promises';
import { expect, test } from '@playwright/test';
import type { CapabilityRow } from '../../harness/model/capability.js';
import type { CreateSnapshotRequest } from '../../harness/model/vim.js';
import { bootMs, bringsMemoryBack, type Contract, snapshotOf } from './contract-sample.js';

/** Tables 5.1.3.2-1 to 5.1.3.9-1 and clause 5.1.2. */
export function snapshotContract({ name, gaps, sample, proves }: Contract): void {
  proves(
    ['OP-create.instance', 'OP-create.memory', 'OP-create.live', 'OP-create.leave-running', 'OP-revert.revert'],
    'captures a running VNFC with its memory, leaves it running, and reverts to it',
    async (s) => {
      const then = await s.bump();
      const record = await snapshotOf(s);
      expect(record).toMatchObject({ type: 'warm', powerState: 'on', resource: s.subject });
      expect(record.memory?.bytes).toBeGreaterThan(0);
      expect(record.pausedMs).toBeGreaterThanOrEqual(0);
      expect(await s.bump()).toBe(then + 1);
      const compute = await s.vim.locate(s.subject);
      if (await bringsMemoryBack(s)) {
        await s.vim.snapshots.revert(compute, record.id);
        expect(await s.counter()).toBe(then);
      } else {
        await expect(s.vim.snapshots.revert(compute, record.id)).rejects.toMatchObject({ kind: 'capability-missing' });
        expect(await s.counter(), 'nothing was touched').toBe(then + 1);
        await s.vim.snapshots.revert(compute, (await snapshotOf(s, { type: 'cold' })).id);
        await expect.poll(() => s.counter().catch(() => -1), { timeout: bootMs }).toBe(0);
      }
      expect(await s.ping()).toBe(true);
    },
  );

  proves(['OP-create.disk'], 'captures the disks, cold, and the VNFC boots from them after the revert', async (s) => {
    await s.writeDisk('before');
    const record = await snapshotOf(s, { type: 'cold' });
    expect(record.memory).toBeUndefined();
    expect(record.disks).toContainEqual(expect.objectContaining({ id: s.disk, included: true }));
    await s.writeDisk('after!');
    await s.vim.snapshots.revert(await s.vim.locate(s.subject), record.id);
    await expect.poll(() => s.readDisk(6).catch(() => ''), { timeout: bootMs }).toBe('before');
  });

  test('captures the disks of a VNFC that is off, and refuses its memory', { tag: `@vim:${name}` }, async () => {
    const s = sample();
    const compute = await s.vim.locate(s.subject);
    await s.vim.stop(compute);
    expect(await snapshotOf(s, { type: 'cold' })).toMatchObject({ type: 'cold', powerState: 'off' });
    await expect(snapshotOf(s, { type: 'warm' })).rejects.toMatchObject({ name: 'OrdealError' });
    expect(await s.vim.inspect(compute)).toMatchObject({ powerState: 'off' });
  });

  proves(['OP-create.stop'], 'stops the VNFC once it is captured, when it is asked to', async (s) => {
    const then = await s.bump();
    const record = await snapshotOf(s, { after: 'stopped' });
    const compute = await s.vim.locate(s.subject);
    expect(await s.vim.inspect(compute)).toMatchObject({ powerState: 'off' });
    if (!(await bringsMemoryBack(s))) return;
    await s.vim.snapshots.revert(compute, record.id, { state: 'on' });
    expect(await s.counter()).toBe(then);
  });

  proves(['OP-create.tcp-established'], 'captures a VNFC with open TCP connections, which stay open', async (s) => {
    const connection = await s.connect();
    expect(await connection.say('before')).toBe('before');
    await snapshotOf(s);
    expect(await connection.say('after')).toBe('after');
    connection.close();
  });

  proves(['OP-revert.tcp-established'], 'reverts a VNFC with open TCP connections, which go on', async (s) => {
    const connection = await s.connect();
    expect(await connection.say('before')).toBe('before');
    const { id } = await snapshotOf(s);
    await s.vim.snapshots.revert(await s.vim.locate(s.subject), id);
    expect(await connection.say('after')).toBe('after');
    connection.close();
  });

  proves(
    ['OP-create.atomic'],
    'stores all of a snapshot or nothing, and a failure leaves the VNFC as it was',
    async (s) => {
      const compute = await s.vim.locate(s.subject);
      const then = await s.bump();
      const captured = await s.vim.snapshots.capture(compute, { name: 'discarded', type: 'warm' });
      expect(await s.vim.snapshots.list(), 'not before it is stored').toEqual([]);
      await captured.discard();
      await expect(snapshotOf(s, { volumes: ['no-such-disk'] })).rejects.toMatchObject({ kind: 'unknown-target' });
      expect(await s.vim.snapshots.list()).toEqual([]);
      expect(await s.vim.inspect(compute)).toMatchObject({ powerState: 'on' });
      expect(await s.counter()).toBe(then);
    },
  );

  proves(['OP-create.path'], 'puts the images where it is told to', async (s, info) => {
    const path = info.outputPath('images');
    const record = await snapshotOf(s, { path });
    expect(record.location.startsWith(path)).toBe(true);
    expect((await readdir(path)).length).toBeGreaterThan(0);
    await s.bump();
    await s.vim.snapshots.revert(await s.vim.locate(s.subject), record.id);
    await s.vim.snapshots.delete([record.id]);
    expect(await readdir(path), 'deleted with the snapshot').toEqual([]);
  });

  proves(
    ['OP-revert.state'],
    'is on, suspended or off after a revert, as it is asked, and as it was by default',
    async (s) => {
      const { pausing, snapshots } = s.vim;
      const compute = await s.vim.locate(s.subject);
      const powerState = async () => (await s.vim.inspect(await s.vim.locate(s.subject))).powerState;
      const then = await s.bump();
      await pausing?.pause(compute);
      const { id } = await snapshotOf(s);
      expect(await powerState(), 'capture leaves it suspended').toBe('suspended');
      await pausing?.resume(compute);
      await snapshots.revert(compute, id);
      expect(await powerState(), 'as it was').toBe('suspended');
      await snapshots.revert(compute, id, { state: 'off' });
      expect(await powerState()).toBe('off');
      await snapshots.revert(compute, id, { state: 'on' });
      expect(await powerState()).toBe('on');
      expect(await s.counter()).toBe(then);
    },
  );

  proves(['OP-revert.force'], 'reverts by force', async (s) => {
    const then = await s.bump();
    const { id } = await snapshotOf(s);
    await s.bump();
    await s.vim.snapshots.revert(await s.vim.locate(s.subject), id, { force: true });
    expect(await s.counter()).toBe(then);
  });

  proves(
    ['OP-create.metadata', 'OP-update.metadata', 'OP-update.rename', 'OP-show.details'],
    'keeps a name, a description and metadata, and changes them',
    async (s) => {
      const { snapshots } = s.vim;
      const made = await snapshotOf(s, { name: 'first', description: 'why', metadata: { ticket: '1' } });
      expect(await snapshots.show(made.id)).toEqual(made);
      expect(made).toMatchObject({ name: 'first', description: 'why', metadata: { ticket: '1' } });
      await snapshots.update(made.id, { name: 'second', description: 'because', metadata: { owner: 'me' } });
      const shown = await snapshots.show(made.id);
      expect(shown).toMatchObject({ name: 'second', description: 'because', metadata: { ticket: '1', owner: 'me' } });
      await expect(snapshots.show('no-such-snapshot')).rejects.toMatchObject({ kind: 'snapshot-missing' });
      await expect(snapshots.update('no-such-snapshot', {})).rejects.toMatchObject({ kind: 'snapshot-missing' });
    },
  );

  proves(
    ['OP-list.list', 'OP-list.filter', 'OP-delete.filter'],
    'lists with filters, and deletes what was listed, all of it or nothing',
    async (s) => {
      const { snapshots } = s.vim;
      const cold = await snapshotOf(s, { type: 'cold', name: 'cold', runId: 'run-1' });
      const warm = await snapshotOf(s, { type: 'warm', name: 'warm', runId: 'run-2' });
      const ids = async (filter?: Parameters<typeof snapshots.list>[0]) =>
        (await snapshots.list(filter)).map((r) => r.id);
      expect(await ids()).toEqual([cold.id, warm.id]);
      expect(await ids({ type: 'cold' })).toEqual([cold.id]);
      expect(await ids({ name: 'warm' })).toEqual([warm.id]);
      expect(await ids({ runId: 'run-1' })).toEqual([cold.id]);
      expect(await ids({ resource: s.subject, ids: [warm.id] })).toEqual([warm.id]);
      expect(await ids({ resource: s.peer })).toEqual([]);
      await expect(snapshots.delete([cold.id, 'no-such-snapshot'])).rejects.toMatchObject({ kind: 'snapshot-missing' });
      expect(await ids()).toEqual([cold.id, warm.id]);
      await snapshots.delete(await ids({ type: 'cold' }));
      expect(await ids()).toEqual([warm.id]);
    },
  );

  proves(
    ['OP-delete.consolidate'],
    'deletes a snapshot on which another one follows, which still reverts',
    async (s) => {
      await s.writeDisk('one');
      const first = await snapshotOf(s);
      await s.writeDisk('two');
      const second = await snapshotOf(s);
      await s.vim.snapshots.delete([first.id], { consolidate: true });
      await s.writeDisk('xxx');
      await s.vim.snapshots.revert(await s.vim.locate(s.subject), second.id);
      expect(await s.readDisk(3)).toBe('two');
    },
  );

  proves(
    ['OP-export.image-files', 'OP-import.image-files'],
    'exports the images and takes them in again',
    async (s) => {
      const { snapshots } = s.vim;
      const then = await s.bump();
      const made = await snapshotOf(s);
      const images = await snapshots.exportImages(made.id);
      expect(images.length).toBeGreaterThan(0);
      const imported = await snapshots.importImages({ ...made, name: 'imported' }, images);
      expect(imported).toMatchObject({ name: 'imported', type: 'warm', resource: s.subject });
      await snapshots.delete([made.id]);
      await s.bump();
      await snapshots.revert(await s.vim.locate(s.subject), imported.id);
      expect(await s.counter()).toBe(then);
    },
  );

  const techniques: [CapabilityRow, Partial<CreateSnapshotRequest>][] = [
    ['TQ-memory.internal', { memory: 'internal' }],
    ['TQ-memory.external', { memory: 'external' }],
    ['TQ-disk.sequential', { disk: { copy: 'sequential' } }],
    ['TQ-disk.incremental', { disk: { copy: 'incremental' } }],
    ['TQ-disk.internal', { disk: { file: 'internal' } }],
    ['TQ-disk.external', { disk: { file: 'external' } }],
  ];
  for (const [row, request] of techniques) {
    proves([row], `uses the technique ${row} when it is asked to`, async (s) => {
      await s.writeDisk('technique');
      const then = await s.bump();
      const keepsMemory = await bringsMemoryBack(s);
      const record = await snapshotOf(
        s,
        keepsMemory || request.memory !== undefined ? request : { type: 'cold', ...request },
      );
      if (request.memory !== undefined) expect(record.memory).toMatchObject({ technique: request.memory });
      if (!keepsMemory && request.memory !== undefined) return;
      await s.writeDisk('overwrite');
      await s.bump();
      await s.vim.snapshots.revert(await s.vim.locate(s.subject), record.id);
      if (keepsMemory) expect(await s.counter()).toBe(then);
      await expect.poll(() => s.readDisk(9).catch(() => ''), { timeout: bootMs }).toBe('technique');
    });
    if (gaps[row] === undefined) continue;
    test(`refuses the technique ${row}, which it does not have, and stores nothing`, {
      tag: `@vim:${name}`,
    }, async () => {
      await expect(snapshotOf(sample(), request)).rejects.toMatchObject({ kind: 'capability-missing' });
      expect(await sample().vim.snapshots.list()).toEqual([]);
    });
  }
}
