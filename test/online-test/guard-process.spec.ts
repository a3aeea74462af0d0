import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@playwright/test';
import { Lease, type LeaseOptions } from '../../harness/online-test/guard.js';
import { recover } from '../../harness/online-test/recover.js';
import { Journal } from '../../harness/store/journal.js';
import { until } from '../../harness/util/deadline.js';
import { packageRoot } from '../../harness/util/package-root.js';
import { temporaryFolder } from '../temporary-folder.js';
import { runs } from './kills/processes.js';

/** Guards as real processes, over runs on a service that does not run: what they have to give back is the run itself. */
const leaseMs = 2000;
/** A process comes up, on a machine that is busy. */
const bootMs = 20_000;
const serviceFile = join(packageRoot, 'scenarios', 'session-gateway', 'service.yaml');

let stateFolder: string;
let journal: Journal;
let holder: ChildProcess | undefined;

test.beforeEach(async () => {
  stateFolder = await temporaryFolder('guards');
  journal = new Journal(stateFolder);
});

test.afterEach(async () => {
  if (holder?.exitCode === null && holder.signalCode === null) {
    const ended = once(holder, 'exit');
    holder.kill('SIGKILL');
    await ended;
  }
  holder = undefined;
  journal[Symbol.dispose]();
  await rm(stateFolder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
});

const isClosed = (runId: string) => journal.run(runId)?.closed === true;
const guardPid = (runId: string) => journal.run(runId)?.guardPid ?? undefined;
/** The guard writes it last of all. */
const log = async () =>
  existsSync(join(stateFolder, 'guard.log')) ? readFile(join(stateFolder, 'guard.log'), 'utf8') : '';

function leaseOf(runId: string, { startGuard, leaseMs: ms = leaseMs }: LeaseOptions = {}): Lease {
  const startedAt = new Date().toISOString();
  const run = { id: runId, serviceFile, serviceId: 'session-gateway', outFolder: stateFolder, startedAt };
  journal.begin({ ...run, leaseMs: ms, pid: process.pid });
  return new Lease(journal, runId, { leaseMs: ms, ...(startGuard === undefined ? {} : { startGuard }) });
}

test('a guard that hangs is replaced, goes when it wakes up, and the new one gives the run back', async () => {
  test.setTimeout(90_000);
  const lease = leaseOf('run-1');
  const first = await until('a guard', () => guardPid('run-1'), { withinMs: bootMs });
  process.kill(first, 'SIGSTOP');
  const other = () => (guardPid('run-1') === first ? undefined : guardPid('run-1'));
  const second = await until('another guard', other, { withinMs: leaseMs + bootMs });
  process.kill(first, 'SIGCONT');
  await until('the first guard has gone', () => !runs(first), { withinMs: bootMs });
  await lease.guarded();
  expect([guardPid('run-1'), lease.lost.aborted]).toEqual([second, false]);
  // From here on nobody beats: the holder hangs.
  lease[Symbol.dispose]();
  await until('the run is closed', () => isClosed('run-1'), { withinMs: leaseMs + bootMs });
  await until('the second guard has gone', () => !runs(second), { withinMs: bootMs });
  expect(journal.run('run-1')?.pid).toBe(second);
});

test('a guard that is killed is replaced at once, not at the end of its lease', async () => {
  test.setTimeout(60_000);
  using lease = leaseOf('run-1');
  const first = await until('a guard', () => guardPid('run-1'), { withinMs: bootMs });
  process.kill(first, 'SIGKILL');
  await until('another guard', () => guardPid('run-1') !== first, { withinMs: bootMs, everyMs: 5 });
  expect(lease.lost.aborted).toBe(false);
  journal.close('run-1');
});

function hold(as: 'guarded' | 'alone' | 'guard', doing: 'writing' | 'idle'): ChildProcess {
  const main = fileURLToPath(new URL('./holder-main.js', import.meta.url));
  const args = [main, as, doing, stateFolder, serviceFile, String(leaseMs)];
  holder = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  return holder;
}

const isStopped = async ({ pid }: ChildProcess): Promise<boolean> => {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  return stat[stat.lastIndexOf(')') + 2] === 'T';
};

const locks = () => test.skip(!existsSync('/proc/locks'), 'this kernel does not list its locks');

test('a holder that was stopped in the middle of a write is ended by its guard, within the lease and two seconds', async () => {
  locks();
  test.setTimeout(60_000);
  const held = hold('guarded', 'writing');
  const ended = once(held, 'exit');
  await until('it stands still', () => isStopped(held), { withinMs: bootMs, everyMs: 5 });
  const fromMs = performance.now();
  expect(await ended).toEqual([null, 'SIGKILL']);
  await until('the run is closed', () => isClosed('run-held'), { withinMs: bootMs });
  console.log(`given back ${Math.round(performance.now() - fromMs)} ms after it was stopped`);
  expect(journal.open('run-held')).toEqual([]);
  await expect
    .poll(log)
    .toMatch(/done: end process \d+, which stands still in the middle of something\n.* done: heal stall on web/);
});

test('a holder that was stopped between two writes is taken over, and left alone', async () => {
  test.setTimeout(60_000);
  const held = hold('guarded', 'idle');
  await until('the run is closed', () => isClosed('run-held'), { withinMs: 2 * bootMs });
  expect(await isStopped(held)).toBe(true);
  await expect.poll(log).toMatch(/done: heal stall on web/);
  expect(await log()).not.toMatch(/end process/);
});

test('a guard that was stopped in the middle of a write is ended by its harness, which goes on', async () => {
  locks();
  test.setTimeout(60_000);
  let started = 0;
  const startGuard = () => {
    if (started++ === 0) hold('guard', 'writing');
  };
  // So long a lease that a busy machine alone is no reason to give up.
  using lease = leaseOf('run-held', { startGuard, leaseMs: 10_000 });
  const hung = holder as ChildProcess;
  expect(await once(hung, 'exit')).toEqual([null, 'SIGKILL']);
  const beats = journal.run('run-held')?.beats ?? 0;
  await until('it beats again', () => (journal.run('run-held')?.beats ?? 0) > beats, { withinMs: bootMs });
  expect([lease.lost.aborted, lease.failed.aborted]).toEqual([false, false]);
  await until('another guard is started', () => started > 1, { withinMs: bootMs });
  journal.close('run-held');
});

test('when no guard is left either, `ordeal recover` ends who stands still in the middle of a write', async () => {
  locks();
  test.setTimeout(60_000);
  const held = hold('alone', 'writing');
  const ended = once(held, 'exit');
  await until('it stands still', () => isStopped(held), { withinMs: bootMs });
  const steps = await recover(stateFolder);
  expect(steps.map((s) => [s.outcome, s.what])).toEqual([
    ['done', `end process ${held.pid}, which stands still in the middle of something`],
    ['done', 'heal stall on web'],
  ]);
  expect(await ended).toEqual([null, 'SIGKILL']);
  expect(isClosed('run-held')).toBe(true);
});
