import { getEventListeners } from 'node:events';
import { expect, test } from '@playwright/test';
import { Timeline } from '../../harness/online-test/timeline.js';
import { sleep, until } from '../../harness/util/deadline.js';
import { fakeInjector, fault } from '../fault/fake-faults.js';

const at = (afterMs: number, kind: string, durationMs?: number) => ({
  ...fault(kind, durationMs === undefined ? {} : { durationMs }),
  afterMs,
});
const acts = (told: readonly string[]) => told.filter((t) => /^(inject|heal)/.test(t));

test('faults come and go at their times, and overlap', async () => {
  const { injector, told } = fakeInjector();
  const timeline = new Timeline(injector, [at(60, 'crash', 500), at(0, 'stall', 140)]);
  const first = await timeline.start();
  expect(first.fault.kind).toBe('stall');
  expect(first.dose).toBe('confirmed');
  await sleep(250);
  expect(acts(told)).toEqual(['inject stall', 'inject crash', 'heal stall']);
  expect(await timeline.stop()).toEqual([]);
  expect(acts(told)).toEqual(['inject stall', 'inject crash', 'heal stall', 'heal crash']);
  const [stall] = injector.all;
  expect((stall?.healedMs ?? 0) - (stall?.injectedMs ?? 0)).toBeGreaterThanOrEqual(135);
});

test('a fault without a duration is left on until the end', async () => {
  const { injector, faults } = fakeInjector();
  const timeline = new Timeline(injector, [at(0, 'stall')]);
  await timeline.start();
  await sleep(50);
  expect(await faults.active()).toHaveLength(1);
  expect(await timeline.stop()).toEqual([]);
  expect(await faults.active()).toEqual([]);
});

test('nothing new is injected once it has stopped', async () => {
  const { injector, told } = fakeInjector();
  const timeline = new Timeline(injector, [at(0, 'stall'), at(80, 'crash')]);
  await timeline.start();
  await timeline.stop();
  await sleep(120);
  expect(acts(told)).toEqual(['inject stall', 'heal stall']);
});

test('a stop from outside heals at once, though a measurement is still under way', async () => {
  const { injector, faults } = fakeInjector();
  faults.verify = () => new Promise(() => undefined);
  const stop = new AbortController();
  const timeline = new Timeline(injector, [at(0, 'stall')], stop.signal);
  const started = timeline.start();
  await sleep(20);
  stop.abort(new Error('stop condition'));
  await expect(started).rejects.toThrow('stop condition');
  const fromMs = performance.now();
  expect(await timeline.stop()).toEqual([]);
  expect(performance.now() - fromMs).toBeLessThan(200);
  expect(await faults.active()).toEqual([]);
});

test('a stop from outside does not wait for an injection that never answers', async () => {
  const { injector, faults } = fakeInjector();
  const inject = faults.inject.bind(faults);
  faults.inject = (i) => (i.kind === 'crash' ? new Promise(() => undefined) : inject(i));
  const stop = new AbortController();
  const timeline = new Timeline(injector, [at(0, 'stall'), at(1, 'crash')], stop.signal);
  await timeline.start();
  await sleep(30);
  stop.abort(new Error('stop condition'));
  // Who waited for it would never come to the heal.
  void timeline.stop();
  await until('the heal', async () => (await faults.active()).length === 0, { withinMs: 15_000 });
});

test('after a stop from outside no fault comes any more, though the end has not been asked for yet', async () => {
  const { injector, told } = fakeInjector();
  const stop = new AbortController();
  const timeline = new Timeline(injector, [at(0, 'stall'), at(80, 'crash')], stop.signal);
  await timeline.start();
  stop.abort(new Error('stop condition'));
  await sleep(160);
  expect(acts(told)).toEqual(['inject stall']);
  expect(await timeline.stop()).toEqual([]);
});

for (const [whom, outside] of [
  ['nobody may stop', undefined],
  ['somebody may stop, and does not', new AbortController().signal],
] as const) {
  test(`an ordinary end of what ${whom} waits for the measurement of a late fault, and for no later one`, async () => {
    const { injector, faults, told } = fakeInjector();
    const verify = faults.verify.bind(faults);
    const timeline = new Timeline(injector, [at(0, 'stall'), at(1, 'crash'), at(20_000, 'shutdown')], outside);
    await timeline.start();
    faults.verify = async (i) => {
      await sleep(60);
      return verify(i);
    };
    await sleep(20);
    const fromMs = performance.now();
    await timeline.stop();
    expect(performance.now() - fromMs).toBeLessThan(10_000);
    expect(injector.all.map((i) => i.dose)).toEqual(['confirmed', 'confirmed']);
    expect(acts(told)).not.toContain('inject shutdown');
  });
}

test('what failed on the way and what does not heal is told, the stop itself is not', async () => {
  const { injector, faults } = fakeInjector();
  const inject = faults.inject.bind(faults);
  faults.inject = (i) => (i.kind === 'crash' ? Promise.reject(new Error('no crash')) : inject(i));
  const timeline = new Timeline(injector, [at(0, 'stall'), at(20, 'crash'), at(5000, 'shutdown')]);
  await timeline.start();
  await sleep(50);
  faults.heal = () => Promise.reject(new Error('no heal'));
  expect((await timeline.stop()).map((e) => e.message)).toEqual([
    'no crash',
    expect.stringMatching(/\(stall\) is not healed: no heal/),
  ]);
});

test('a stopped run does not begin', async () => {
  const { injector, told } = fakeInjector();
  await expect(new Timeline(injector, [at(0, 'stall')], AbortSignal.abort(new Error('no'))).start()).rejects.toThrow(
    'no',
  );
  expect(told).toEqual([]);
});

test('a timeline without a fault is refused', async () => {
  const { injector } = fakeInjector();
  await expect(new Timeline(injector, []).start()).rejects.toThrow(new RangeError('a timeline needs a fault'));
});

test('what was measured counts as time that the fault was on', async () => {
  let nowMs = 0;
  const { injector, faults, told } = fakeInjector({ nowMs: () => nowMs });
  const verify = faults.verify.bind(faults);
  faults.verify = (i) => {
    nowMs += 60_000;
    return verify(i);
  };
  const timeline = new Timeline(injector, [at(0, 'stall', 60_000)]);
  await timeline.start();
  await sleep(50);
  expect(acts(told)).toEqual(['inject stall', 'heal stall']);
  await timeline.stop();
});

test('a stop from outside that comes while the end is waited for is told nowhere', async () => {
  const { injector, faults } = fakeInjector();
  faults.verify = (i) => (i.kind === 'crash' ? new Promise(() => undefined) : Promise.resolve(faults.reading));
  const stop = new AbortController();
  const timeline = new Timeline(injector, [at(0, 'stall'), at(1, 'crash')], stop.signal);
  await timeline.start();
  await sleep(30);
  const ended = timeline.stop();
  stop.abort(new Error('stop condition'));
  expect(await ended).toEqual([]);
  expect(await faults.active()).toEqual([]);
});

test('who measured listens to no stop any more', async () => {
  const { injector } = fakeInjector();
  const stop = new AbortController();
  const timeline = new Timeline(injector, [at(0, 'stall'), at(1, 'crash')], stop.signal);
  await timeline.start();
  await timeline.stop();
  expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
});
