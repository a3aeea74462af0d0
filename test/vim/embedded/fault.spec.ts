import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import type { Injection } from '../../../harness/model/fault.js';
import { sleep } from '../../../harness/util/deadline.js';
import { openVim } from '../../../harness/vim/registry.js';
import { type Sample, sample } from './sample.js';

let count = 0;
const injection = (kind: string, target: Injection['target'], params: Injection['params'] = {}): Injection => ({
  id: `fault-${++count}`,
  runId: 'run-1',
  kind,
  vim: 'embedded',
  target,
  params,
  seed: 42,
  expiresAfterMs: 60_000,
});
/** Injects twice, verifies, does the work, heals twice; afterwards verify must not see it any more. */
async function during<T>(s: Sample, it: Injection, work: (reading: { measured: object }) => Promise<T>): Promise<T> {
  const faults = s.vim.faults!;
  await faults.inject(it);
  await faults.inject(it);
  const reading = await faults.verify(it);
  expect(reading, `${it.kind}: ${JSON.stringify(reading)}`).toMatchObject({ effective: true });
  expect((await faults.active()).map((i) => i.id)).toEqual([it.id]);
  try {
    return await work(reading);
  } finally {
    await faults.heal(it);
    await faults.heal(it);
    expect((await faults.verify(it)).effective).toBe(false);
    expect(await faults.active()).toEqual([]);
  }
}
const lan = { link: 'lan' };
const a = { vnfc: 'a' };
const received = async (s: Sample): Promise<string[]> =>
  (await s.ask('b', 'received')).split('\n').filter((m) => m !== '');

test('link-cut lets nothing through, either way, and the heal lets everything through again', async () => {
  await using s = await sample();
  await during(s, injection('link-cut', lan), async () => {
    await s.ask('a', 'burst/b/10');
    await s.ask('b', 'burst/a/10');
    expect(await received(s)).toEqual([]);
    expect(await s.vim.links()).toMatchObject([{ state: 'cut', ports: [{ state: 'down' }, { state: 'down' }] }]);
  });
  expect(await s.vim.links()).toMatchObject([{ state: 'up', ports: [{ state: 'up' }, { state: 'up' }] }]);
  expect(await s.ask('a', 'ping/b', 'x')).toBe('pong');
});

test('a partition is one-way', async () => {
  await using s = await sample();
  await during(s, injection('partition', { ...lan, from: 'a', to: 'b' }), async ({ measured }) => {
    expect(measured).toMatchObject({ arrived: 0, arrivedOnTheWayBack: 5 });
    await s.ask('a', 'burst/b/10');
    expect(await received(s)).toEqual([]);
    await s.ask('b', 'tell/a', 'this way is open');
    expect(await s.ask('a', 'received')).toBe('this way is open');
  });
});

test('delay and jitter hold messages back without reordering them', async () => {
  await using s = await sample();
  await during(s, injection('delay', lan, { delayMs: 60, jitterMs: 20 }), async ({ measured }) => {
    const { delayMs, jitterMs } = measured as { delayMs: number; jitterMs: number };
    expect(delayMs).toBeGreaterThan(55);
    expect(delayMs).toBeLessThan(90);
    expect(jitterMs).toBeGreaterThan(5);
    const begin = performance.now();
    await s.ask('a', 'ping/b', 'x');
    expect(performance.now() - begin).toBeGreaterThan(78);
    await s.ask('a', 'burst/b/200');
    await expect.poll(() => received(s)).toEqual(Array.from({ length: 200 }, (_, i) => String(i)));
  });
});

test('loss, duplication and corruption strike as often as they were asked to', async () => {
  await using s = await sample();
  for (const [kind, ratio] of [
    ['loss', 0.3],
    ['duplication', 0.2],
    ['corruption', 0.1],
  ] as const) {
    const got = await during(s, injection(kind, lan, { ratio }), async ({ measured }) => {
      expect((measured as { ratio: number }).ratio).toBeCloseTo(ratio, 1);
      await s.ask('a', 'burst/b/1000');
      await new Promise((r) => setTimeout(r, 100));
      return received(s);
    });
    const whole = got.filter((m) => /^\d+$/.test(m)).length;
    if (kind === 'loss') expect(got.length).toBeLessThan(800);
    if (kind === 'duplication') expect(got.length).toBeGreaterThan(1100);
    if (kind === 'corruption') expect(whole).toBeLessThan(1000);
  }
});

test('the same seed loses the same messages', async () => {
  await using s = await sample();
  const lost = async (): Promise<string[]> => {
    const it = injection('loss', lan, { ratio: 0.5 });
    await s.vim.faults!.inject(it);
    await s.ask('a', 'burst/b/200');
    await new Promise((r) => setTimeout(r, 50));
    await s.vim.faults!.verify(it);
    await s.ask('a', 'burst/b/200');
    await new Promise((r) => setTimeout(r, 50));
    await s.vim.faults!.heal(it);
    return received(s);
  };
  expect(await lost()).toEqual(await lost());
});

test('reordering lets later messages overtake', async () => {
  await using s = await sample();
  const got = await during(s, injection('reordering', lan, { ratio: 0.2, holdBackMs: 30 }), async ({ measured }) => {
    expect((measured as { ratio: number }).ratio).toBeCloseTo(0.2, 1);
    await s.ask('a', 'burst/b/100');
    await new Promise((r) => setTimeout(r, 100));
    return received(s);
  });
  expect(got).toHaveLength(100);
  expect(got).not.toEqual(Array.from({ length: 100 }, (_, i) => String(i)));
});

test('a rate limits what gets through', async () => {
  await using s = await sample();
  await during(s, injection('rate', lan, { bytesPerSecond: 20_000 }), async ({ measured }) => {
    const { bytesPerSecond } = measured as { bytesPerSecond: number };
    expect(bytesPerSecond).toBeGreaterThan(12_000);
    expect(bytesPerSecond).toBeLessThan(22_000);
  });
});

test('a stall freezes the VNFC without its being suspended, and an operator who resumes does not end it', async () => {
  await using s = await sample();
  const compute = await s.vim.locate('a');
  await during(s, injection('stall', a), async () => {
    expect(await s.vim.inspect(compute)).toMatchObject({ powerState: 'on' });
    await s.vim.pausing!.pause(compute);
    await s.vim.pausing!.resume(compute);
    const waiting = s.ask('a', 'count');
    await expect(Promise.race([waiting, new Promise((_, no) => setTimeout(no, 300, 'silent'))])).rejects.toBe('silent');
    await s.vim.pausing!.pause(compute);
    waiting.catch(() => undefined);
  });
  expect(await s.vim.inspect(compute), 'the heal does not resume for the operator').toMatchObject({
    powerState: 'suspended',
  });
  await s.vim.pausing!.resume(compute);
  expect(await s.ask('a', 'counter')).toBe('1');
});

test('a crash is respawned by the NFVI when the descriptor asks for it, and else brought back by the heal', async () => {
  await using s = await sample({ deployment: { respawnMs: 100 } });
  await s.ask('a', 'count');
  await during(s, injection('crash', a), async () => {
    await expect.poll(() => s.ask('a', 'counter').catch(() => '')).toBe('0');
  });
  await using t = await sample();
  const compute = await t.vim.locate('a');
  await during(t, injection('crash', a), async () => {
    expect(await t.vim.inspect(compute)).toMatchObject({ powerState: 'crashed' });
  });
  expect(await t.vim.inspect(compute)).toMatchObject({ powerState: 'on' });
});

test('a shutdown is off until it is healed; a heal does not start what was quarantined in the meantime', async () => {
  await using s = await sample();
  const compute = await s.vim.locate('a');
  await during(s, injection('shutdown', a), async () => {
    expect(await s.vim.inspect(compute)).toMatchObject({ powerState: 'off' });
  });
  expect(await s.vim.inspect(compute)).toMatchObject({ powerState: 'on' });
  await during(s, injection('shutdown', a), () => s.vim.replacement!.quarantine(compute, 'run-1'));
  expect(await s.vim.inspect(compute)).toMatchObject({ powerState: 'off' });
});

test('cpu-starvation leaves the VNFC its share of the time', async () => {
  await using s = await sample();
  await during(s, injection('cpu-starvation', a, { share: 0.25 }), async ({ measured }) => {
    const { share } = measured as { share: number };
    expect(share).toBeGreaterThan(0.05);
    expect(share).toBeLessThan(0.3);
    await s.vim.pausing!.pause(await s.vim.locate('a'));
    await s.vim.pausing!.resume(await s.vim.locate('a'));
  });
});

test('memory-pressure refuses growth beyond what it leaves', async () => {
  await using s = await sample();
  await during(s, injection('memory-pressure', a, { leaveBytes: 3 * 65536 }), async ({ measured }) => {
    expect(measured).toMatchObject({ leaveBytes: 3 * 65536 });
    expect(await s.ask('a', 'grow/4')).toBe('-1');
    expect(Number(await s.ask('a', 'grow/3'))).toBeGreaterThan(0);
    expect(await s.ask('a', 'grow/1')).toBe('-1');
  });
  expect(Number(await s.ask('a', 'grow/1'))).toBeGreaterThan(0);
});

test('a full disk refuses new blocks and still takes what overwrites', async () => {
  await using s = await sample();
  await s.ask('a', 'disk-write/0/0', 'old');
  await during(s, injection('disk-full', a, { leaveBytes: 8192 }), async ({ measured }) => {
    expect(measured).toMatchObject({ leaveBytes: 8192 });
    expect(await s.ask('a', 'disk-write/0/1', 'new')).toBe('3');
    expect(await s.ask('a', 'disk-write/0/8192', 'x'.repeat(8192))).toBe('8192');
    expect(await s.ask('a', 'disk-write/0/65536', 'x')).toBe('-28');
  });
  expect(await s.ask('a', 'disk-write/0/65536', 'x')).toBe('1');
});

test('disk-error fails reads and writes as often as it was asked to', async () => {
  await using s = await sample();
  await during(s, injection('disk-error', a, { on: 'write' }), async ({ measured }) => {
    expect(measured).toMatchObject({ ratio: 1, readRatio: 0, writeRatio: 1 });
    expect(await s.ask('a', 'disk-write/0/0', 'x')).toBe('-5');
    expect(await s.ask('a', 'disk-read/0/0/1')).toBe('\0');
  });
  await during(s, injection('disk-error', a, { ratio: 0.5, disk: 'data' }), async ({ measured }) => {
    expect((measured as { readRatio: number }).readRatio).toBeCloseTo(0.5, 0);
  });
});

test('clock-skew is what the VNFC reads, and its monotonic clock does not jump', async () => {
  await using s = await sample();
  await during(s, injection('clock-skew', a, { offsetMs: -3_600_000 }), async () => {
    expect(Number(await s.ask('a', 'now')) - Date.now()).toBeLessThan(-3_590_000);
    expect(Number(await s.ask('a', 'monotonic'))).toBeGreaterThan(0);
    expect(Number(await s.ask('a', 'monotonic'))).toBeLessThan(60_000);
  });
  expect(Math.abs(Number(await s.ask('a', 'now')) - Date.now())).toBeLessThan(1000);
});

test('a fault heals itself when nobody does, and another process can heal it too', async () => {
  await using s = await sample();
  const brief = { ...injection('link-cut', lan), expiresAfterMs: 300 };
  await s.vim.faults!.inject(brief);
  expect(await s.vim.faults!.active()).toEqual([brief]);
  await expect.poll(() => s.vim.faults!.active()).toEqual([]);
  expect(await s.ask('a', 'ping/b', 'x')).toBe('pong');

  const long = injection('stall', a);
  await s.vim.faults!.inject(long);
  await using other = await openVim('embedded', { service: s.service, stateFolder: `${s.folder}/state`, options: {} });
  await other.faults!.heal(long);
  expect(await s.ask('a', 'echo', 'x')).toBe('x');
});

test('a fault that is renewed stays on beyond its time, and heals itself once nobody renews it', async () => {
  await using s = await sample();
  const faults = s.vim.faults!;
  const brief = { ...injection('link-cut', lan), expiresAfterMs: 500 };
  await faults.inject(brief);
  const untilMs = performance.now() + 1500;
  for (; performance.now() < untilMs; await sleep(50)) expect(await faults.renew?.(brief)).toBe(true);
  await expect.poll(() => faults.active(), { timeout: 5000 }).toEqual([]);
  expect(await faults.renew?.(brief)).toBe(false);
});

test('who freezes a VNFC and dies has not frozen it for good; who thawed it before has no say any more', async () => {
  await using s = await sample();
  const a = await s.vim.locate('a');
  const state = async () => (await s.vim.inspect(a)).powerState;
  const another = () => openVim('embedded', { service: s.service, stateFolder: join(s.folder, 'state'), options: {} });
  const dying = await another();
  await dying.pausing!.pause(a);
  expect(await state()).toBe('suspended');
  await dying[Symbol.asyncDispose]();
  await expect.poll(state).toBe('on');
  const done = await another();
  await done.pausing!.pause(a);
  await done.pausing!.resume(a);
  await s.vim.pausing!.pause(a);
  await done[Symbol.asyncDispose]();
  await sleep(200);
  expect(await state()).toBe('suspended');
});

test('a fault with a wrong target or dose is refused, and is not on', async () => {
  await using s = await sample();
  const refused = async (it: Injection, kind: string): Promise<void> => {
    await expect(s.vim.faults!.inject(it)).rejects.toMatchObject({ kind });
    expect(await s.vim.faults!.active()).toEqual([]);
  };
  await refused(injection('stall', { vnfc: 'nobody' }), 'unknown-target');
  await refused(injection('stall', lan), 'scenario-invalid');
  await refused(injection('loss', { link: 'wan' }, { ratio: 0.5 }), 'unknown-target');
  await refused(injection('loss', lan, { ratio: 7 }), 'scenario-invalid');
  await refused(injection('disk-full', a, { disk: 'none' }), 'unknown-target');
  await refused(injection('meteorite', a), 'capability-missing');
});
