import { fork } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
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

test('a run does not close while something is open', async () => {
  using journal = new Journal(await folder());
  journal.begin(run('r1'));
  const entry = journal.intend('r1', freeze('a'));
  expect(() => journal.close('r1')).toThrow(/1 open journal entries/);
  journal.settle(entry);
  journal.close('r1');
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
     for (let i = 0; ; i++) {
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
  expect(() => journal.intend('r1', freeze('a'))).toThrow(/taken over by another process/);
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
  await writeFile(join(state, 'journal.db'), 'not a database at all, but long enough to look like one'.repeat(100));
  expect(() => new Journal(state)).toThrow(/The journal cannot be opened/);
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
