import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { Lease } from '../../harness/online-test/guard.js';
import { leaseTimes } from '../../harness/online-test/lease.js';
import { Journal } from '../../harness/store/journal.js';
import { sleep, until } from '../../harness/util/deadline.js';
import { OrdealError } from '../../harness/util/errors.js';

/** The harness' side of a lease, on a real journal; the guards are this process, as the test says. */
let stateFolder: string;
let journal: Journal;
let run = 0;

test.beforeAll(async () => {
  stateFolder = await mkdtemp(join(tmpdir(), 'ordeal-guard-'));
  journal = new Journal(stateFolder);
});

test.afterAll(async () => {
  journal[Symbol.dispose]();
  await rm(stateFolder, { recursive: true, force: true });
});

const leaseMs = 500;

/** @param of the journal: what is done otherwise */
function lease(of: Partial<Journal> = {}) {
  const runId = `run-${++run}`;
  const startedAt = new Date().toISOString();
  journal.begin({ id: runId, serviceFile: '', serviceId: runId, outFolder: '', pid: process.pid, startedAt, leaseMs });
  const guards: string[][] = [];
  const seen = new Proxy(journal, {
    get: (target, key) => {
      const value: unknown = Reflect.get(of, key) ?? Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const made = new Lease(seen, runId, { leaseMs, startGuard: (...told) => void guards.push(told) });
  const beating = setInterval(() => journal.guardHeartbeat(runId), 30);
  return {
    ...{ runId, guards, lease: made },
    silence: () => clearInterval(beating),
    [Symbol.dispose]: () => {
      clearInterval(beating);
      made[Symbol.dispose]();
    },
  };
}

test('a lease that is too short to be kept is refused', () => {
  expect(() => leaseTimes(499)).toThrow(/A lease of 499 ms cannot be kept: expected at least 500 ms/);
  expect(() => leaseTimes(Number.NaN)).toThrow(OrdealError);
  expect(leaseTimes(500)).toEqual({ leaseMs: 500, heartbeatMs: 50, lookMs: 25, stopLeaseMs: 125 });
  expect(leaseTimes()).toEqual({ leaseMs: 10_000, heartbeatMs: 1000, lookMs: 500, stopLeaseMs: 2500 });
});

test('a guard is started at once, and signs of life are given', async () => {
  using it = lease();
  expect(it.guards).toEqual([[stateFolder, it.runId, '']]);
  await until('some beats', () => (journal.run(it.runId)?.beats ?? 0) >= 3, { withinMs: 2000 });
  await it.lease.guarded();
  await sleep(leaseMs);
  expect(it.guards).toHaveLength(1);
  expect([it.lease.lost.aborted, it.lease.stopped.aborted, it.lease.failed.aborted]).toEqual([false, false, false]);
});

test('signs of life end with the lease', async () => {
  const it = lease();
  it[Symbol.dispose]();
  const beats = journal.run(it.runId)?.beats;
  await sleep(150);
  expect(journal.run(it.runId)?.beats).toBe(beats);
});

test('a guard that falls silent is replaced, not before its time, and the new one is told which', async () => {
  using it = lease();
  await it.lease.guarded();
  await sleep(leaseMs / 2);
  it.silence();
  const fromMs = performance.now();
  await until('another guard', () => it.guards.length > 1, { withinMs: 4 * leaseMs, everyMs: 5 });
  expect(performance.now() - fromMs).toBeGreaterThan(0.8 * leaseMs);
  expect(it.guards[1]).toEqual([stateFolder, it.runId, String(process.pid)]);
});

test('a guard that is on its way up is not started again and again', async () => {
  using it = lease();
  it.silence();
  await sleep(leaseMs * 0.4);
  expect(it.guards).toHaveLength(1);
  await sleep(leaseMs);
  expect(it.guards.length).toBeGreaterThan(1);
  expect(it.guards.length).toBeLessThan(5);
});

test('without a guard nothing may be injected', async () => {
  using it = lease({ run: () => undefined } as Partial<Journal>);
  it.silence();
  await expect(it.lease.guarded()).rejects.toThrow(/The guard of the run did not happen within 500 ms/);
});

test('a guard that has died is none', async () => {
  using it = lease({
    run: (id: string) => ({ ...new Journal(stateFolder).run(id), guardPid: 2 ** 22 - 1 }),
  } as Partial<Journal>);
  await expect(it.lease.guarded()).rejects.toMatchObject({ kind: 'timeout' });
});

test('a run that somebody else has taken over is lost, and gives no more signs of life', async () => {
  using it = lease({ heartbeat: () => false });
  await until('it is lost', () => it.lease.lost.aborted, { withinMs: 1000 });
  expect(it.lease.lost.reason).toMatchObject({
    kind: 'lease-lost',
    message: expect.stringContaining(`Run ${it.runId} was taken over`),
  });
  expect(it.lease.failed.aborted).toBe(false);
});

test('a stop that somebody asks for is seen at once, and names who asked', async () => {
  using it = lease();
  journal.requestStop(it.runId, 'ann');
  await until('it is stopped', () => it.lease.stopped.aborted, { withinMs: 200, everyMs: 5 });
  expect(it.lease.stopped.reason).toMatchObject({
    kind: 'interrupted',
    message: expect.stringMatching(/stopped by ann/),
  });
  expect(it.lease.lost.aborted).toBe(false);
});

test('a journal that is full for a moment is tried again', async () => {
  let thrown = 0;
  const heartbeat = (id: string) => {
    if (thrown++ < 3) throw new OrdealError('no-space', 'full');
    return journal.heartbeat(id);
  };
  using it = lease({ heartbeat });
  await until('it beats', () => (journal.run(it.runId)?.beats ?? 0) > 1, { withinMs: 2000 });
  await sleep(leaseMs);
  expect(it.lease.failed.aborted).toBe(false);
});

test('a journal that stays full ends the run before its lease is over, and says why', async () => {
  const fromMs = performance.now();
  using it = lease({
    heartbeat: () => {
      throw new OrdealError('no-space', 'The journal cannot be written');
    },
  });
  await until('it has failed', () => it.lease.failed.aborted, { withinMs: 2 * leaseMs, everyMs: 5 });
  const tookMs = performance.now() - fromMs;
  expect(tookMs).toBeGreaterThanOrEqual(leaseMs / 2);
  expect(tookMs).toBeLessThan(leaseMs);
  const reason = it.lease.failed.reason as OrdealError;
  expect(reason.kind).toBe('no-space');
  expect(reason.message).toMatch(
    /No sign of life could be given for \d+ ms: The journal cannot be written\. The run was ended/,
  );
});

test('what nobody expected ends the run as a defect', async () => {
  using it = lease({
    heartbeat: () => {
      throw new Error('cosmic ray');
    },
  });
  await until('it has failed', () => it.lease.failed.aborted, { withinMs: 2 * leaseMs });
  expect(it.lease.failed.reason).toMatchObject({ kind: 'internal' });
});
