import { expect, test } from '@playwright/test';
import fc from 'fast-check';
import type { PowerState } from '../../../harness/model/vnf-info.js';
import { sample } from './sample.js';

/** What a VNFC should be, as far as it can be seen. */
interface Model {
  power: PowerState;
  counter: number;
  disk: string;
  stalled: boolean;
  snapshots: { id: string; type: 'cold' | 'warm'; power: PowerState; counter: number; disk: string }[];
}

const operations = [
  'bump',
  'bump',
  'write',
  'pause',
  'resume',
  'stop',
  'start',
  'crash',
  'stall',
  'heal',
  'warm',
  'cold',
  'stop-after',
  'discard',
  'revert',
  'revert-on',
  'revert-suspended',
  'revert-off',
  'replace',
  'quarantine-and-back',
  'rename',
  'delete',
] as const;

const seed = Number(process.env.ORDEAL_SEED ?? Date.now() % 1_000_000);

test('random operations leave a VNFC as a plain model says', async ({}, info) => {
  info.annotations.push({ type: 'seed', description: `ORDEAL_SEED=${seed}` });
  test.setTimeout(240_000);
  await using s = await sample({ options: { maxLifetimeMs: 300_000 } });
  const { vim } = s;
  const model: Model = { power: 'on', counter: 0, disk: 'empty', stalled: false, snapshots: [] };
  await s.ask('a', 'disk-write/0/0', model.disk);
  let n = 0;
  const stall = () => ({
    id: `stall-${n}`,
    runId: 'r',
    kind: 'stall',
    vim: 'embedded',
    target: { vnfc: 'a' },
    params: {},
    seed: 1,
    expiresAfterMs: 300_000,
  });
  let stalledBy = stall();
  const answers = (): boolean => model.power === 'on' && !model.stalled;
  const boot = (): void => {
    model.power = 'on';
    model.counter = 0;
    model.stalled = false;
  };
  const capture = async (type: 'cold' | 'warm', after?: 'stopped') => {
    const captured = await vim.snapshots.capture(await vim.locate('a'), {
      name: `s${n}`,
      type,
      ...(after && { after }),
    });
    const { id } = await captured.store();
    model.snapshots.push({ id, type, power: model.power, counter: model.counter, disk: model.disk });
  };
  const revert = async (pick: number, state?: 'on' | 'suspended' | 'off'): Promise<void> => {
    const snapshot = model.snapshots[pick % model.snapshots.length];
    if (snapshot === undefined) return;
    await vim.snapshots.revert(await vim.locate('a'), snapshot.id, state === undefined ? {} : { state });
    model.power = state ?? (snapshot.power === 'crashed' ? 'off' : snapshot.power);
    model.disk = snapshot.disk;
    model.counter = snapshot.type === 'warm' ? snapshot.counter : 0;
    model.stalled = false;
  };
  const act = async (operation: (typeof operations)[number], pick: number): Promise<void> => {
    const a = await vim.locate('a');
    const runs = model.power === 'on' || model.power === 'suspended';
    switch (operation) {
      case 'bump':
        if (answers()) expect(await s.ask('a', 'count')).toBe(String(++model.counter));
        return;
      case 'write':
        model.disk = answers() ? `disk-${String(n).padStart(4, '0')}` : model.disk;
        if (answers()) await s.ask('a', 'disk-write/0/0', model.disk);
        return;
      case 'pause':
        if (!runs) await expect(vim.pausing!.pause(a)).rejects.toMatchObject({ kind: 'vim-failed' });
        else await vim.pausing!.pause(a);
        model.power = runs ? 'suspended' : model.power;
        return;
      case 'resume':
        await vim.pausing!.resume(a);
        model.power = runs ? 'on' : model.power;
        return;
      case 'stop':
        await vim.stop(a);
        model.power = 'off';
        model.stalled = false;
        return;
      case 'start':
        if (!runs) boot();
        return vim.start(a);
      case 'crash': {
        const crash = { ...stall(), id: `crash-${n}`, kind: 'crash' };
        if (!runs) return expect(vim.faults!.inject(crash)).rejects.toMatchObject({ kind: 'vim-failed' });
        await vim.faults!.inject(crash);
        expect((await vim.inspect(a)).powerState).toBe('crashed');
        await vim.faults!.heal(crash);
        return boot();
      }
      case 'stall':
        if (!runs || model.stalled) return;
        stalledBy = stall();
        await vim.faults!.inject(stalledBy);
        model.stalled = true;
        return;
      case 'heal':
        await vim.faults!.heal(stalledBy);
        model.stalled = false;
        return;
      case 'warm':
        if (!runs && model.power === 'off') await expect(capture('warm')).rejects.toMatchObject({ kind: 'vim-failed' });
        else if (runs) await capture('warm');
        return;
      case 'cold':
        return capture('cold');
      case 'stop-after':
        if (!runs) return;
        await capture('warm', 'stopped');
        model.power = 'off';
        model.stalled = false;
        return;
      case 'discard':
        return (await vim.snapshots.capture(a, { name: 'x', type: 'cold' })).discard();
      case 'revert':
        return revert(pick);
      case 'revert-on':
        return revert(pick, 'on');
      case 'revert-suspended':
        return revert(pick, 'suspended');
      case 'revert-off':
        return revert(pick, 'off');
      case 'replace': {
        const snapshot = model.snapshots[pick % model.snapshots.length];
        if (snapshot === undefined) return;
        await vim.replacement!.quarantine(a, 'r');
        const fresh = await vim.replacement!.restoreAsNew(snapshot.id, 'r');
        await vim.replacement!.switchOver([{ resource: 'a', to: fresh }], 'r');
        await vim.replacement!.release(a, 'r');
        model.power = 'on';
        model.disk = snapshot.disk;
        model.counter = snapshot.type === 'warm' ? snapshot.counter : 0;
        model.stalled = false;
        return;
      }
      case 'quarantine-and-back':
        await vim.replacement!.quarantine(a, 'r');
        await expect(vim.start(a)).rejects.toMatchObject({ kind: 'busy' });
        return vim.replacement!.unquarantine(a, 'r');
      case 'rename': {
        const snapshot = model.snapshots[pick % model.snapshots.length];
        if (snapshot === undefined) return;
        await vim.snapshots.update(snapshot.id, { name: `renamed-${n}` });
        expect((await vim.snapshots.show(snapshot.id)).name).toBe(`renamed-${n}`);
        return;
      }
      case 'delete': {
        if (model.snapshots.length < 3) return;
        const [snapshot] = model.snapshots.splice(pick % model.snapshots.length, 1);
        return vim.snapshots.delete([snapshot!.id]);
      }
    }
  };
  const check = async (what: string): Promise<void> => {
    const state = await vim.inspect(await vim.locate('a'));
    expect(state, what).toMatchObject({ powerState: model.power, quarantined: false });
    expect((await vim.snapshots.list()).map((r) => r.id).sort(), what).toEqual(model.snapshots.map((r) => r.id).sort());
    if (!answers()) return;
    const read = async (path: string): Promise<string> => {
      await expect
        .poll(() => s.ask('a', 'counter').catch(() => ''), { message: what, intervals: [5, 20, 100] })
        .not.toBe('');
      return s.ask('a', path);
    };
    expect(await read('counter'), what).toBe(String(model.counter));
    expect(await read(`disk-read/0/0/${model.disk.length}`), what).toBe(model.disk);
  };
  const chosen = fc.sample(fc.tuple(fc.constantFrom(...operations), fc.nat(1000)), { numRuns: 120, seed });
  const done: string[] = [];
  for (const [operation, pick] of chosen) {
    n++;
    done.push(operation);
    await test.step(`${n} ${operation}, ORDEAL_SEED=${seed}`, () => act(operation, pick));
    await check(`ORDEAL_SEED=${seed}, after ${done.slice(-12).join(', ')}`);
  }
  expect(await vim.replacement!.ownedBy()).toEqual([]);
});
