import { fork } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import Database from 'libsql';
import type { JournalAction } from '../../harness/model/journal.js';
import { Journal } from '../../harness/store/journal.js';
import { until } from '../../harness/util/deadline.js';
import { temporaryFolder } from '../temporary-folder.js';

const folder = () => temporaryFolder('journal');
const run = (id: string, serviceId = 'svc') => ({
  id,
  serviceFile: '/service.yaml',
  serviceId,
  outFolder: '/out',
  pid: process.pid,
  startedAt: new Date().toISOString(),
});
const freeze = (computeId: string): JournalAction => ({
  type: 'freeze',
  vim: 'embedded',
  resource: computeId,
  computeId,
});

test('what is intended is open until it is settled, the latest first', async () => {
  using journal = new Journal(await folder());
  journal.begin(run('r1'));
  const [a, b] = [journal.intend('r1', freeze('a')), journal.intend('r1', freeze('b'))];
  journal.done(a);
  expect(journal.open('r1').map((e) => [e.id, e.state])).toEqual([
    [b, 'intended'],
    [a, 'done'],
  ]);
  journal.settle(b);
  journal.settle(b);
  expect(journal.open().map((e) => e.id)).toEqual([a]);
});

test('a service has at most one open run, and another service is not disturbed', async () => {
  using journal = new Journal(await folder());
  journal.begin(run('r1'));
  expect(() => journal.begin(run('r2'))).toThrow(/Run r1 \(process \d+\) is open on service "svc"/);
  journal.begin(run('r3', 'other'));
  journal.close('r1');
  journal.begin(run('r2'));
  expect(journal.runs({ open: true }).map((r) => r.id)).toEqual(['r3', 'r2']);
});

test('who cannot begin is told which run holds the service, whatever others are open or were', async () => {
  using journal = new Journal(await folder());
  journal.begin(run('elsewhere', 'other'));
  journal.begin(run('before'));
  journal.close('before');
  journal.begin(run('r1'));
  expect(() => journal.begin(run('r2'))).toThrow(
    expect.objectContaining({
      kind: 'busy',
      message: `Run r1 (process ${process.pid}) is open on service "svc". Wait for it to end, or run \`ordeal recover\` when it has died.`,
    }),
  );
});

test('a run that cannot begin for another reason is told that reason', async () => {
  using journal = new Journal(await folder());
  journal.begin(run('r1'));
  expect(() => journal.begin(run('r1', 'other'))).toThrow(/UNIQUE constraint failed: run\.id/);
  expect(journal.runs().map((r) => r.serviceId)).toEqual(['svc']);
});

test('all runs are told, the first that began first, and of each whether it is closed', async () => {
  using journal = new Journal(await folder());
  journal.begin({ ...run('late'), startedAt: '2026-02-01T00:00:00Z' });
  journal.begin({ ...run('early', 'other'), startedAt: '2026-01-01T00:00:00Z' });
  journal.close('early');
  expect(journal.runs().map((r) => [r.id, r.closed])).toEqual([
    ['early', true],
    ['late', false],
  ]);
  expect(journal.runs({ open: true }).map((r) => [r.id, r.closed])).toEqual([['late', false]]);
  expect(journal.run('early')?.closed).toBe(true);
});

test('what a run wrote stays to be read in its order, settled or not, and without what others wrote', async () => {
  using journal = new Journal(await folder());
  journal.begin(run('r1'));
  journal.begin(run('r2', 'other'));
  const [a, other, b] = [
    journal.intend('r1', freeze('a')),
    journal.intend('r2', freeze('x')),
    journal.intend('r1', freeze('b')),
  ];
  journal.settle(b);
  expect(journal.entries('r1').map((e) => [e.id, e.state, e.action])).toEqual([
    [a, 'intended', freeze('a')],
    [b, 'settled', freeze('b')],
  ]);
  expect(journal.entries('r2').map((e) => e.id)).toEqual([other]);
});

test('a run does not close while something is open', async () => {
  using journal = new Journal(await folder());
  journal.begin(run('r1'));
  const entry = journal.intend('r1', freeze('a'));
  expect(() => journal.close('r1')).toThrow(
    expect.objectContaining({
      kind: 'internal',
      message: 'Run r1 still has 1 open journal entries. Run `ordeal recover`.',
    }),
  );
  expect(journal.run('r1')?.closed).toBe(false);
  journal.settle(entry);
  journal.close('r1');
  expect(journal.run('r1')?.closed).toBe(true);
});

test('an intent survives a kill in the very next instruction', async () => {
  const state = await folder();
  const script = join(state, 'writer.mjs');
  const journalModule = new URL('../../harness/store/journal.js', import.meta.url).href;
  await writeFile(
    script,
    `import { Journal } from ${JSON.stringify(journalModule)};
     const journal = new Journal(${JSON.stringify(state)});
     journal.begin({ ...${JSON.stringify(run('r1'))}, pid: process.pid });
     // Whoever kills the test with all its might must not leave a writer behind that fills the disk.
     for (let i = 0; process.ppid === ${process.pid}; i++) {
       journal.intend('r1', ${JSON.stringify(freeze('x'))});
       process.send(i);
     }`,
  );
  const writer = fork(script, { stdio: 'ignore' });
  let told = -1;
  writer.on('message', (n) => {
    told = Number(n);
  });
  await until('twenty intents', () => told >= 20, { withinMs: 20_000 });
  const ended = new Promise((done) => writer.once('exit', done));
  writer.kill('SIGKILL');
  await ended;
  using journal = new Journal(state);
  expect(journal.open('r1').length).toBeGreaterThan(told);
});

test('whoever was taken over must not act any more', async () => {
  const state = await folder();
  using journal = new Journal(state);
  journal.begin({ ...run('r1'), pid: 1 });
  expect(journal.heartbeat('r1')).toBe(false);
  expect(() => journal.intend('r1', freeze('a'))).toThrow(
    expect.objectContaining({
      kind: 'lease-lost',
      message:
        'Run r1 was taken over by another process. It gave no sign of life for too long. What it had begun is undone; see `ordeal status`.',
    }),
  );
  expect(journal.open('r1')).toEqual([]);
});

test('of two that take a run over, one wins', async () => {
  using journal = new Journal(await folder());
  journal.begin({ ...run('r1'), pid: 1 });
  const known = journal.run('r1')!;
  expect([journal.takeOver(known), journal.takeOver(known)]).toEqual([true, false]);
  expect(journal.run('r1')?.pid).toBe(process.pid);
  journal.intend('r1', freeze('a'));
});

test('only who holds an open run may act without an entry', async () => {
  using journal = new Journal(await folder());
  journal.begin({ ...run('r1'), pid: 1 });
  journal.begin(run('r2', 'other'));
  const lost = expect.objectContaining({ kind: 'lease-lost' });
  expect(() => journal.mustBeHeld('r1')).toThrow(lost);
  expect(() => journal.mustBeHeld('r2')).not.toThrow();
  journal.close('r2');
  expect(() => journal.mustBeHeld('r2')).toThrow(lost);
  expect(() => journal.mustBeHeld('unknown')).toThrow(lost);
});

test('a run that gave a sign of life in the meantime is not taken over', async () => {
  using journal = new Journal(await folder());
  journal.begin(run('r1'));
  const known = journal.run('r1')!;
  await new Promise((later) => setTimeout(later, 5));
  expect(journal.heartbeat('r1')).toBe(true);
  expect(journal.takeOver(known)).toBe(false);
});

test('a file that is no journal is refused and left as it was', async () => {
  const state = await folder();
  const file = join(state, 'journal.db');
  const content = 'not a database at all, but long enough to look like one'.repeat(100);
  await writeFile(file, content);
  expect(() => new Journal(state)).toThrow(
    expect.objectContaining({
      kind: 'file-invalid',
      message: `${file}: The journal cannot be opened: file is not a database. Nothing was touched. If a run is open, mend the file from a copy before you remove it.`,
    }),
  );
  expect(await readFile(file, 'utf8')).toBe(content);
});

test('a journal that another process holds while it is opened is busy, not broken', async () => {
  const state = await folder();
  const file = join(state, 'journal.db');
  const holder = new Database(file);
  holder.exec('begin exclusive');
  expect(() => new Journal(state, { busyMs: 20 })).toThrow(
    expect.objectContaining({
      kind: 'busy',
      message: `${file}: The journal is held by another process: database is locked. Retry. A process that was stopped in the middle of a write holds it until it goes on, or ends.`,
    }),
  );
  holder.exec('rollback');
  holder.close();
  using journal = new Journal(state, { busyMs: 20 });
  expect(journal.runs()).toEqual([]);
});

test('once a lock was met and is gone, what is written is durable, and keeps nobody else from writing', async () => {
  const state = await folder();
  using journal = new Journal(state, { busyMs: 20 });
  journal.begin(run('r1'));
  using other = new Journal(state, { busyMs: 20 });
  const holder = new Database(journal.file);
  holder.exec('begin immediate');
  expect(() => journal.intend('r1', freeze('a'))).toThrow(expect.objectContaining({ kind: 'busy' }));
  holder.exec('rollback');
  holder.close();
  journal.intend('r1', freeze('b'));
  expect(other.open('r1').map((e) => e.action)).toEqual([freeze('b')]);
  expect(other.heartbeat('r1')).toBe(true);
  expect(journal.run('r1')?.beats).toBe(1);
});

test('a wait for who writes is as long as was said, and only there', async () => {
  const state = await folder();
  using journal = new Journal(state, { busyMs: 300 });
  journal.begin(run('r1'));
  const holder = new Database(journal.file);
  holder.exec('begin immediate');
  const waited = (work: () => unknown) => {
    const fromMs = performance.now();
    expect(work).toThrow(/The journal is held by another process: database is locked/);
    return performance.now() - fromMs;
  };
  expect(waited(() => journal.within(20, () => journal.heartbeat('r1')))).toBeLessThan(250);
  expect(waited(() => journal.heartbeat('r1'))).toBeGreaterThanOrEqual(280);
  holder.exec('rollback');
  holder.close();
  expect(journal.heartbeat('r1')).toBe(true);
});

test('a stop that somebody asks for is durable, and names the first who asked', async () => {
  const state = await folder();
  {
    using journal = new Journal(state);
    journal.begin(run('r1'));
    journal.begin(run('r2', 'other'));
    expect(journal.stopRequest('r1')).toBeUndefined();
    expect(journal.requestStop('r1', 'ann on host')).toBe(true);
    expect(journal.requestStop('r1', 'bob on host')).toBe(true);
  }
  using journal = new Journal(state);
  expect(journal.stopRequest('r1')).toBe('ann on host');
  expect(journal.run('r1')?.stopBy).toBe('ann on host');
  expect(journal.stopRequest('r2')).toBeUndefined();
});

test('a run that is closed or unknown cannot be stopped', async () => {
  using journal = new Journal(await folder());
  journal.begin(run('r1'));
  journal.close('r1');
  expect([journal.requestStop('r1', 'ann'), journal.requestStop('r9', 'ann')]).toEqual([false, false]);
  expect([journal.stopRequest('r1'), journal.stopRequest('r9')]).toEqual([undefined, undefined]);
});

test('signs of life are counted, so that a clock which jumps changes nothing', async () => {
  using journal = new Journal(await folder());
  journal.begin(run('r1'));
  expect(journal.run('r1')).toMatchObject({ beats: 0, guardBeats: 0, stopBy: null });
  const known = journal.run('r1')!;
  journal.heartbeat('r1');
  journal.heartbeat('r1');
  journal.guardHeartbeat('r1');
  expect(journal.run('r1')).toMatchObject({ beats: 2, guardBeats: 1, guardPid: process.pid });
  expect(journal.takeOver({ ...known, heartbeatAt: journal.run('r1')!.heartbeatAt })).toBe(false);
});

test('a journal of the first version is opened, and gets what it lacks', async () => {
  const state = await folder();
  {
    const old = new Database(join(state, 'journal.db'));
    old.exec(`create table run (
      id text primary key, serviceFile text not null, serviceId text not null, outFolder text not null,
      pid integer not null, startedAt text not null, heartbeatAt integer not null, closed integer not null default 0,
      guardPid integer, guardAt integer) strict;
      insert into run (id, serviceFile, serviceId, outFolder, pid, startedAt, heartbeatAt)
      values ('r1', '/service.yaml', 'svc', '/out', ${process.pid}, '2026-01-01T00:00:00Z', 1)`);
    old.close();
  }
  using journal = new Journal(state);
  expect(journal.run('r1')).toMatchObject({ id: 'r1', beats: 0, stopBy: null });
  expect(journal.heartbeat('r1')).toBe(true);
  expect(journal.requestStop('r1', 'ann')).toBe(true);
});

test('a run says how long its holder may be silent; a run of the first version ten seconds', async () => {
  using journal = new Journal(await folder());
  journal.begin({ ...run('r1'), leaseMs: 2500 });
  journal.begin(run('r2', 'other'));
  expect([journal.run('r1')?.leaseMs, journal.run('r2')?.leaseMs]).toEqual([2500, 10_000]);
});
