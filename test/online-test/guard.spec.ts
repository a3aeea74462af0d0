import { readFileSync, readlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { expect, test } from '@playwright/test';
import { Lease } from '../../harness/online-test/guard.js';
import { isAlive, leaseTimes } from '../../harness/online-test/lease.js';
import { Journal } from '../../harness/store/journal.js';
import { sleep, until } from '../../harness/util/deadline.js';
import { OrdealError } from '../../harness/util/errors.js';
import { temporaryFolder } from '../temporary-folder.js';

/** The harness' side of a lease, on a real journal and a clock that a test moves; the guards are this process, as it says. */
let stateFolder: string;
let journal: Journal;
let run = 0;

test.beforeAll(async () => {
  stateFolder = await temporaryFolder('guard');
  journal = new Journal(stateFolder);
});

test.afterAll(async () => {
  journal[Symbol.dispose]();
  await rm(stateFolder, { recursive: true, force: true });
});

const leaseMs = 1000;
const { heartbeatMs } = leaseTimes(leaseMs);
/** No process has this id: it is beyond what Linux gives out. */
const gone = 2 ** 22 + 1;

/** @param of the journal: what is done otherwise */
function lease(of: Partial<Journal> = {}, bootMs?: number, ofMs = leaseMs) {
  const runId = `run-${++run}`;
  const startedAt = new Date().toISOString();
  journal.begin({
    id: runId,
    serviceFile: '',
    serviceId: runId,
    outFolder: '',
    pid: process.pid,
    startedAt,
    leaseMs: ofMs,
  });
  const guards: { readonly atMs: number; readonly told: readonly string[]; readonly ended: () => void }[] = [];
  const seen = new Proxy(journal, {
    get: (target, key) => {
      const value: unknown = Reflect.get(of, key) ?? Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const fenced: [string, number][] = [];
  let nowMs = 0;
  let guardIsWell = true;
  const timers = new Map<number, { readonly work: () => void; dueMs: number }>();
  const made = new Lease(seen, runId, {
    leaseMs: ofMs,
    ...(bootMs === undefined ? {} : { bootMs }),
    nowMs: () => nowMs,
    fence: async (...of) => {
      fenced.push(of);
      throw new Error('it does not end');
    },
    startGuard: (...told) => void guards.push({ atMs: nowMs, told: told.slice(0, 3) as string[], ended: told[3] }),
    every: (ms, work) => {
      timers.set(ms, { work, dueMs: nowMs + ms });
      return () => timers.delete(ms);
    },
  });
  /** In steps of the finest timer. A guard that is well gives a sign of life at each. */
  const pass = (forMs: number) => {
    for (const endMs = nowMs + forMs; nowMs < endMs; ) {
      nowMs += 25;
      if (guardIsWell) journal.guardHeartbeat(runId);
      for (const [everyMs, timer] of [...timers]) {
        if (timer.dueMs > nowMs) continue;
        timer.dueMs += everyMs;
        timer.work();
      }
    }
  };
  const silence = () => {
    guardIsWell = false;
  };
  return {
    ...{ runId, guards, fenced, lease: made, pass, silence, timers, beats: () => journal.run(runId)?.beats ?? 0 },
    [Symbol.dispose]: () => made[Symbol.dispose](),
  };
}

test('a guard is started at once, and signs of life are given ten times in a lease', async () => {
  using it = lease();
  expect(it.guards.map((g) => g.told)).toEqual([[stateFolder, it.runId, '']]);
  it.pass(5 * leaseMs);
  expect(it.beats()).toBe(50);
  await it.lease.guarded();
  expect(it.guards).toHaveLength(1);
  expect([it.lease.lost.aborted, it.lease.stopped.aborted, it.lease.failed.aborted]).toEqual([false, false, false]);
});

test('signs of life end with the lease', () => {
  const it = lease();
  it.pass(leaseMs);
  it[Symbol.dispose]();
  expect(it.timers.size).toBe(0);
  it.pass(leaseMs);
  expect(it.beats()).toBe(10);
});

test('by itself a lease beats by timers, and ends them', async () => {
  const runId = `run-${++run}`;
  journal.begin({ id: runId, serviceFile: '', serviceId: runId, outFolder: '', pid: process.pid, startedAt: '' });
  {
    using _ = new Lease(journal, runId, { leaseMs: 500, startGuard: () => undefined });
    await until('some beats', () => (journal.run(runId)?.beats ?? 0) >= 3, { withinMs: 10_000 });
  }
  const beats = journal.run(runId)?.beats;
  await sleep(150);
  expect(journal.run(runId)?.beats).toBe(beats);
});

test('a guard that falls silent is replaced after its lease, not before, and the new one is told which', () => {
  using it = lease();
  it.pass(6 * leaseMs);
  it.silence();
  it.pass(leaseMs - heartbeatMs);
  expect(it.guards).toHaveLength(1);
  it.pass(2 * heartbeatMs);
  expect(it.guards.slice(1).map((g) => g.told)).toEqual([[stateFolder, it.runId, String(process.pid)]]);
});

test('a guard that is on its way up is given five seconds, and not started again and again', () => {
  using it = lease();
  it.silence();
  it.pass(4900);
  expect(it.guards).toHaveLength(1);
  it.pass(10_000);
  expect(it.guards.map((g) => g.atMs)).toEqual([0, 5000, 10_000]);
});

test('where a lease is long, a guard may take half of it to come up', () => {
  using it = lease({}, undefined, 20_000);
  it.silence();
  it.pass(30_000);
  expect(it.guards.map((g) => g.atMs)).toEqual([0, 10_000, 20_000, 30_000]);
});

test('a guard that ends is replaced at once', () => {
  let guardPid = process.pid;
  using it = lease({
    run: (id: string) => {
      const found = journal.run(id);
      return found && { ...found, guardPid };
    },
  } as Partial<Journal>);
  it.pass(3 * leaseMs);
  guardPid = gone;
  it.guards[0]?.ended();
  expect(it.guards.map((g) => g.atMs)).toEqual([0, 3 * leaseMs]);
  // One that cannot live is not started in a circle.
  it.guards[1]?.ended();
  expect(it.guards).toHaveLength(2);
});

test('a guard that ends because another one is well is not replaced', () => {
  using it = lease();
  it.pass(3 * leaseMs);
  it.guards[0]?.ended();
  expect(it.guards).toHaveLength(1);
});

test('a guard that ends with the run or with the lease is not replaced', () => {
  using it = lease();
  it.silence();
  it.pass(heartbeatMs);
  journal.close(it.runId);
  it.guards[0]?.ended();
  expect(it.guards).toHaveLength(1);
  const other = lease();
  other.silence();
  other.pass(heartbeatMs);
  other[Symbol.dispose]();
  other.guards[0]?.ended();
  expect(other.guards).toHaveLength(1);
});

test('without a guard nothing may be injected', async () => {
  using it = lease({ run: () => undefined } as Partial<Journal>, 10);
  await expect(it.lease.guarded()).rejects.toThrow(/The guard of the run did not happen within 1000 ms/);
});

test('a guard that has died is none', async () => {
  using it = lease({ run: (id: string) => ({ ...journal.run(id), guardPid: gone }) } as Partial<Journal>, 10);
  await expect(it.lease.guarded()).rejects.toMatchObject({ kind: 'timeout' });
});

test('a run that somebody else has taken over is lost, and gives no more signs of life', () => {
  using it = lease({ heartbeat: () => false });
  it.pass(heartbeatMs);
  expect(it.lease.lost.aborted).toBe(true);
  expect(it.lease.lost.reason).toMatchObject({
    kind: 'lease-lost',
    message:
      `Run ${it.runId} was taken over by another process. ` +
      'This process gave no sign of life for too long. The service is given back by the other one.',
  });
  expect(it.lease.failed.aborted).toBe(false);
  expect(it.timers.size).toBe(0);
});

test('a stop that somebody asks for is seen at the next look, once, and names who asked', () => {
  using it = lease();
  journal.requestStop(it.runId, 'ann');
  it.pass(25);
  expect(it.lease.stopped.aborted).toBe(true);
  expect(it.lease.stopped.reason).toMatchObject({
    kind: 'interrupted',
    message: 'The run was stopped by ann. The service was given back first.',
  });
  expect(it.lease.lost.aborted).toBe(false);
  expect([...it.timers.keys()]).toEqual([heartbeatMs]);
});

test('a journal that is full for a moment is tried again', () => {
  let thrown = 0;
  const heartbeat = (id: string) => {
    if (thrown++ < 3) throw new OrdealError('no-space', 'full');
    return journal.heartbeat(id);
  };
  using it = lease({ heartbeat });
  it.pass(3 * leaseMs);
  expect(it.beats()).toBe(27);
  thrown = 0;
  it.pass(leaseMs);
  expect(it.beats()).toBe(34);
  expect(it.lease.failed.aborted).toBe(false);
});

test('a journal that stays full ends the run at half of its lease, and says why', () => {
  using it = lease({
    heartbeat: () => {
      throw new OrdealError('no-space', 'The journal cannot be written');
    },
  });
  it.pass(leaseMs / 2 - heartbeatMs);
  expect(it.lease.failed.aborted).toBe(false);
  it.pass(heartbeatMs);
  expect(it.lease.failed.aborted).toBe(true);
  const reason = it.lease.failed.reason as OrdealError;
  expect(reason.kind).toBe('no-space');
  expect(reason.message).toMatch(
    /No sign of life could be given for 500 ms: The journal cannot be written\. The run was ended before its lease was over; .*`ordeal recover`/,
  );
  it.pass(leaseMs);
  expect(it.lease.failed.reason).toBe(reason);
});

test('a guard that keeps the journal from being written is ended, and no other failure ends it', () => {
  let kind: 'busy' | 'no-space' = 'no-space';
  const heartbeat = () => {
    throw new OrdealError(kind, 'not now');
  };
  using it = lease({ heartbeat });
  it.pass(heartbeatMs);
  expect(it.fenced).toEqual([]);
  kind = 'busy';
  it.pass(2 * heartbeatMs);
  expect(it.fenced).toEqual([
    [stateFolder, process.pid],
    [stateFolder, process.pid],
  ]);
  using alone = lease({ heartbeat });
  alone.silence();
  alone.pass(heartbeatMs);
  expect(alone.fenced).toEqual([]);
  using unknown = lease({ heartbeat, run: () => undefined } as Partial<Journal>);
  unknown.pass(heartbeatMs);
  expect(unknown.fenced).toEqual([]);
});

test('a beat waits for who writes no longer than until the next', () => {
  const waits: number[] = [];
  using it = lease({
    within: <T>(ms: number, work: () => T): T => {
      waits.push(ms);
      return work();
    },
  });
  it.pass(heartbeatMs);
  expect(waits).toEqual([heartbeatMs]);
});

test('what nobody expected ends the run as a defect', () => {
  using it = lease({
    heartbeat: () => {
      throw new Error('cosmic ray');
    },
  });
  it.pass(leaseMs);
  expect(it.lease.failed.reason).toMatchObject({ kind: 'internal' });
});

test('by itself a guard is a process of a session of its own, without pipes, and the next one is started when it ends', async () => {
  test.skip(process.platform !== 'linux', 'what a process is made of is read from /proc');
  const runId = `run-${++run}`;
  journal.begin({
    id: runId,
    serviceFile: '',
    serviceId: runId,
    outFolder: '',
    pid: process.pid,
    startedAt: '',
    leaseMs,
  });
  using it = new Lease(journal, runId, { leaseMs });
  await it.guarded();
  const pid = journal.run(runId)?.guardPid ?? 0;
  const of = (name: string) => readFileSync(`/proc/${pid}/${name}`, 'utf8');
  const [, , session] = of('stat').split(') ')[1]?.split(' ').slice(1) ?? [];
  expect(Number(session)).toBe(pid);
  for (const fd of [0, 1, 2]) expect(readlinkSync(`/proc/${pid}/fd/${fd}`)).toBe('/dev/null');
  const environment = of('environ').split('\0');
  expect(environment).toContain('NODE_OPTIONS=');
  expect(environment).toContain(`PATH=${process.env.PATH}`);
  process.kill(pid, 'SIGKILL');
  const isAnother = () => ![pid, undefined, null].includes(journal.run(runId)?.guardPid);
  await until('another guard', isAnother, { withinMs: 20_000 });
  journal.close(runId);
  const last = journal.run(runId)?.guardPid ?? 0;
  await until('the end of the guard', () => !isAlive(last), { withinMs: 20_000 });
});
