import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from '@playwright/test';
import type { JournalledRun } from '../../harness/model/journal.js';
import { HolderWatch, isAlive, isHeldNow, leaseTimes, Pulse, seemsHeld } from '../../harness/online-test/lease.js';
import { Journal } from '../../harness/store/journal.js';
import { temporaryFolder } from '../temporary-folder.js';

const { leaseMs, lookMs, stopLeaseMs } = leaseTimes();

const run = (change: Partial<JournalledRun> = {}): JournalledRun => ({
  id: 'r1',
  serviceFile: '/service.yaml',
  serviceId: 'svc',
  outFolder: '/out',
  pid: process.pid,
  startedAt: new Date().toISOString(),
  leaseMs,
  heartbeatAt: Date.now(),
  beats: 1,
  closed: false,
  guardPid: null,
  guardAt: null,
  guardBeats: 0,
  stopBy: null,
  ...change,
});

/** A watcher's clock that a test moves. */
function clock() {
  let nowMs = 1000;
  const pass = (ms: number) => {
    nowMs += ms;
  };
  return { now: () => nowMs, pass };
}

/** Looks every `lookMs` until the holder counts as gone. @returns how long that took on the watcher's clock */
function goneAfter(of: () => JournalledRun, limitMs = 60_000): number {
  const { now, pass } = clock();
  const watch = new HolderWatch(of(), now);
  let ms = 0;
  for (; watch.isHeld(of()) && ms < limitMs; ms += lookMs) pass(lookMs);
  return ms;
}

test('a holder that gives no sign of life loses its lease after ten seconds, not before', () => {
  expect(goneAfter(() => run())).toBe(leaseMs);
});

test('a holder that gives signs of life keeps it', () => {
  let beats = 0;
  expect(goneAfter(() => run({ beats: ++beats }))).toBe(60_000);
});

test('a wall clock that jumps forward does not make a healthy holder look dead', () => {
  let beats = 0;
  expect(goneAfter(() => run({ beats: ++beats, heartbeatAt: Date.now() - 3_600_000 }))).toBe(60_000);
});

test('a wall clock that jumps backward does not hide a hung holder', () => {
  expect(goneAfter(() => run({ heartbeatAt: Date.now() + 3_600_000 }))).toBe(leaseMs);
});

test('a dead holder is gone at the first look, whatever it last said', async () => {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  let beats = 0;
  expect(goneAfter(() => run({ pid: child.pid ?? 0, beats: ++beats }))).toBe(0);
});

test('a holder that was asked to stop and does not even see that is gone sooner', () => {
  expect(goneAfter(() => run({ stopBy: 'somebody' }))).toBe(stopLeaseMs);
});

test('a watcher that was held up itself does not count the time in which it did not watch', () => {
  const { now, pass } = clock();
  const pulse = new Pulse(lookMs, now);
  expect(pulse.silentMs('1')).toBe(0);
  pass(3_600_000);
  expect(pulse.silentMs('1')).toBe(2 * lookMs);
  pass(lookMs);
  expect(pulse.silentMs('1')).toBe(3 * lookMs);
  expect(pulse.silentMs('2')).toBe(0);
});

test('who looks once watches until there is a sign of life', async () => {
  using journal = new Journal(await temporaryFolder('lease'));
  journal.begin(run());
  const beating = setTimeout(() => journal.heartbeat('r1'), 700);
  const fromMs = performance.now();
  expect(await isHeldNow(journal, 'r1')).toBe(true);
  expect(performance.now() - fromMs).toBeGreaterThan(600);
  clearTimeout(beating);
});

test('who looks once does not wait for a process that is gone', async () => {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  using journal = new Journal(await temporaryFolder('lease'));
  journal.begin(run({ pid: child.pid ?? 0 }));
  expect(await isHeldNow(journal, 'r1')).toBe(false);
});

test('a run that is closed or unknown is nobody’s to take', async () => {
  using journal = new Journal(await temporaryFolder('lease'));
  journal.begin(run({ pid: 2 ** 22 + 1 }));
  expect(await isHeldNow(journal, 'r9')).toBe(true);
  journal.close('r1');
  expect(await isHeldNow(journal, 'r1')).toBe(true);
});

test('a run that is closed while it is watched is nobody’s to take', async () => {
  using journal = new Journal(await temporaryFolder('lease'));
  journal.begin(run({ leaseMs: 500 }));
  const closing = setTimeout(() => journal.close('r1'), 100);
  expect(await isHeldNow(journal, 'r1')).toBe(true);
  clearTimeout(closing);
});

test('a holder that is there and silent for as long as its lease does not hold the run', async () => {
  using journal = new Journal(await temporaryFolder('lease'));
  journal.begin(run({ leaseMs: 500 }));
  expect(await isHeldNow(journal, 'r1')).toBe(false);
});

test('the times of a lease are shares of it', () => {
  expect(leaseTimes()).toEqual({ leaseMs: 10_000, heartbeatMs: 1000, lookMs: 500, stopLeaseMs: 2500 });
  expect(leaseTimes(500)).toEqual({ leaseMs: 500, heartbeatMs: 50, lookMs: 25, stopLeaseMs: 125 });
});

test('a lease that cannot be kept is refused', () => {
  for (const ms of [499, 0, -1, Number.NaN]) {
    expect(() => leaseTimes(ms)).toThrow(
      expect.objectContaining({
        kind: 'scenario-invalid',
        message: `A lease of ${ms} ms cannot be kept: expected at least 500 ms. Nothing was touched.`,
      }),
    );
  }
});

test('what is shown at a glance goes by the wall clock', () => {
  expect(seemsHeld(run())).toBe(true);
  expect(seemsHeld(run({ heartbeatAt: Date.now() - leaseMs - 1000 }))).toBe(false);
  expect(seemsHeld(run({ heartbeatAt: Date.now() + leaseMs + 1000 }))).toBe(false);
});

test('a process of another user is alive, one that has ended is not', () => {
  expect([isAlive(process.pid), isAlive(1), isAlive(2 ** 22 + 1)]).toEqual([true, true, false]);
  const { kill } = process;
  try {
    process.kill = () => {
      throw Object.assign(new Error('kill EPERM'), { code: 'EPERM' });
    };
    expect(isAlive(4711)).toBe(true);
  } finally {
    process.kill = kill;
  }
});
