import { expect, test } from '@playwright/test';
import { sleep } from '../../harness/util/deadline.js';
import { OrdealError } from '../../harness/util/errors.js';
import { fakeInjector, fault } from './fake-faults.js';

test('the journal knows a fault before the target does, and until it is healed', async () => {
  const { injector, told, journal } = fakeInjector();
  const injected = await injector.inject(fault('stall'));
  expect(told).toEqual(['intend stall', 'inject stall', 'done 1']);
  expect(journal.open).toEqual([1]);
  expect(injected.healedMs).toBeUndefined();
  await injector.heal(injected);
  expect(told.slice(3)).toEqual(['heal stall', 'settle 1']);
  expect(injected.healedMs).toBeGreaterThanOrEqual(injected.injectedMs);
  expect(journal.open).toEqual([]);
});

test('what is journalled is enough to heal from another process', async () => {
  const { injector, journal } = fakeInjector();
  const first = await injector.inject(fault('stall', { durationMs: 1000 }));
  const second = await injector.inject(fault('clock-skew', { params: { offsetMs: 500 } }));
  expect(journal.actions).toEqual([
    { type: 'fault', injection: first.injection },
    { type: 'fault', injection: second.injection },
  ]);
  expect(first.injection).toMatchObject({
    runId: 'run-1',
    vim: 'fake',
    kind: 'stall',
    target: { vnfc: 'store-1' },
    seed: 7,
    expiresAfterMs: 61_000,
  });
  expect(second.injection).toMatchObject({ params: { offsetMs: 500 }, seed: 8, expiresAfterMs: 60_000 });
  expect(first.injection.id).toMatch(/^fault-/);
  expect(first.injection.id).not.toBe(second.injection.id);
});

test('healing twice is harmless, and heals once', async () => {
  const { injector, told } = fakeInjector();
  const injected = await injector.inject(fault('stall'));
  await injector.heal(injected);
  await injector.heal(injected);
  expect(told.filter((t) => t === 'heal stall')).toHaveLength(1);
});

test('an injection that throws half-way is healed, and the cause is what is thrown', async () => {
  const { injector, faults, journal, told } = fakeInjector();
  faults.inject = async (i) => {
    faults.on.set(i.id, i);
    throw new Error('half-way');
  };
  await expect(injector.inject(fault('stall'))).rejects.toThrow('half-way');
  expect(told).toContain('heal stall');
  expect(told).not.toContain('done 1');
  expect(await faults.active()).toEqual([]);
  expect(journal.open).toEqual([]);
  expect(injector.all[0]?.dose).toBe('not-injected');
});

test('a failed injection whose heal fails too throws the injection, and stays in the books', async () => {
  const { injector, faults, journal } = fakeInjector();
  faults.inject = () => Promise.reject(new Error('half-way'));
  faults.heal = () => Promise.reject(new Error('no heal'));
  await expect(injector.inject(fault('stall'))).rejects.toThrow('half-way');
  expect(journal.open).toEqual([1]);
  expect((await injector.healAll()).map((e) => e.message)).toEqual([expect.stringMatching(/is not healed: no heal/)]);
});

test('healing all goes in reverse, never stops at the first failure, and tells each outcome', async () => {
  const { injector, faults, journal, told } = fakeInjector();
  const heal = faults.heal.bind(faults);
  for (const kind of ['stall', 'crash', 'shutdown', 'disk-full']) await injector.inject(fault(kind));
  faults.heal = async (i) => {
    await heal(i);
    if (i.kind === 'crash' || i.kind === 'shutdown') throw new Error(`${i.kind} will not heal`);
  };
  const failures = await injector.healAll();
  expect(told.filter((t) => t.startsWith('heal'))).toEqual([
    'heal disk-full',
    ...['heal shutdown', 'heal shutdown'],
    ...['heal crash', 'heal crash'],
    'heal stall',
  ]);
  expect(failures).toHaveLength(2);
  expect(failures[0]).toBeInstanceOf(OrdealError);
  expect(failures.map((e) => [(e as OrdealError).kind, e.message])).toEqual([
    [
      'vim-failed',
      expect.stringMatching(/\(shutdown\) is not healed: shutdown will not heal\. Run `ordeal recover`\./),
    ],
    ['vim-failed', expect.stringMatching(/\(crash\) is not healed: crash will not heal/)],
  ]);
  expect(journal.open).toEqual([2, 3]);
  expect(injector.all.map((i) => i.healedMs !== undefined)).toEqual([true, false, false, true]);
  expect(injector.all.map((i) => i.healFailures.length)).toEqual([0, 2, 2, 0]);
});

test('a heal that throws once is tried again, and the failure is kept', async () => {
  const { injector, faults, journal } = fakeInjector();
  const injected = await injector.inject(fault('stall'));
  const heal = faults.heal.bind(faults);
  let thrown = 0;
  faults.heal = (i) => (thrown++ === 0 ? Promise.reject(new Error('once')) : heal(i));
  expect(await injector.healAll()).toEqual([]);
  expect(injected.healFailures).toEqual(['once']);
  expect(injected.healedMs).toBeDefined();
  expect(journal.open).toEqual([]);
});

test('a heal does not overtake its injection', async () => {
  const { injector, faults, told } = fakeInjector();
  const inject = faults.inject.bind(faults);
  faults.inject = async (i) => {
    await sleep(50);
    await inject(i);
  };
  const injecting = injector.inject(fault('stall'));
  expect(await injector.healAll()).toEqual([]);
  await injecting;
  expect(told.filter((t) => !t.startsWith('done'))).toEqual(['intend stall', 'inject stall', 'heal stall', 'settle 1']);
});

test('an injection that never answers is healed all the same, and stays open for recovery', async () => {
  test.setTimeout(20_000);
  const { injector, faults, journal, told } = fakeInjector();
  faults.inject = () => new Promise(() => undefined);
  void injector.inject(fault('stall'));
  const [failure] = await injector.healAll();
  expect(failure?.message).toMatch(/The injection timed out after 2000 ms/);
  expect(told).toContain('heal stall');
  expect(journal.open).toEqual([1]);
});

test('an injection that does not answer does not keep the faults before it on', async () => {
  const { injector, faults, journal } = fakeInjector();
  const before = [await injector.inject(fault('stall')), await injector.inject(fault('disk-full'))];
  let answer = () => {};
  faults.inject = () =>
    new Promise((resolve) => {
      answer = resolve;
    });
  const late = injector.inject(fault('clock-skew', { params: { offsetMs: 500 } }));
  const healing = injector.healAll();
  await expect.poll(() => before.every((i) => i.healedMs !== undefined)).toBe(true);
  expect((await faults.active()).length).toBe(0);
  expect(journal.open).toEqual([3]);
  answer();
  expect(await healing).toEqual([]);
  const { healedMs = 0 } = await late;
  expect(before.map((i) => (i.healedMs ?? 0) < healedMs)).toEqual([true, true]);
  expect(journal.open).toEqual([]);
});

test('a heal that does not end does not keep the faults before it on', async () => {
  const { injector, faults } = fakeInjector();
  const first = await injector.inject(fault('stall'));
  const second = await injector.inject(fault('disk-full'));
  const heal = faults.heal.bind(faults);
  let letGo = () => {};
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  faults.heal = async (i) => {
    if (i.kind === 'disk-full') await held;
    await heal(i);
  };
  const healing = injector.healAll();
  await expect.poll(() => first.healedMs).toBeDefined();
  expect(second.healedMs).toBeUndefined();
  letGo();
  expect(await healing).toEqual([]);
  expect(second.healedMs).toBeDefined();
});

test('healing all waits for a heal that takes a moment before it goes on with the fault before', async () => {
  const { injector, faults, told } = fakeInjector();
  for (const kind of ['stall', 'disk-full']) await injector.inject(fault(kind));
  const heal = faults.heal.bind(faults);
  faults.heal = async (i) => {
    if (i.kind === 'disk-full') await sleep(100);
    await heal(i);
  };
  expect(await injector.healAll()).toEqual([]);
  expect(told.slice(-4)).toEqual(['heal disk-full', 'settle 2', 'heal stall', 'settle 1']);
});

test('a journal that cannot be written leaves the fault healed, in the books, and told', async () => {
  const { injector, faults, journal } = fakeInjector();
  await injector.inject(fault('stall'));
  journal.settle = () => {
    throw new Error('database or disk is full');
  };
  const [failure] = await injector.healAll();
  expect(failure?.message).toMatch(/\(stall\) is not healed: database or disk is full/);
  expect(await faults.active()).toEqual([]);
  expect(journal.open).toEqual([1]);
});

test('an intent that cannot be written is not acted on', async () => {
  const { injector, journal, told } = fakeInjector();
  journal.intend = () => {
    throw new Error('database or disk is full');
  };
  await expect(injector.inject(fault('stall'))).rejects.toThrow('disk is full');
  expect(told).toEqual([]);
});

test('a VIM without faults is refused before anything is written', async () => {
  const { injector, journal } = fakeInjector();
  const context = { ...injector.context, vimOf: () => ({ kind: 'bare' }) };
  const bare = new (injector.constructor as typeof import('../../harness/fault/injector.js').Injector)(context);
  await expect(bare.inject(fault('stall'))).rejects.toMatchObject({
    kind: 'capability-missing',
    message: expect.stringContaining('VIM "bare" injects no faults'),
  });
  expect(journal.actions).toEqual([]);
});
