import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { recover, recoverRun, status } from '../../harness/online-test/recover.js';
import { OrdealError } from '../../harness/util/errors.js';
import { packageRoot } from '../../harness/util/package-root.js';
import { compute, DeadRuns, fault, gone } from './dead-runs.js';
import { fakeSession, webService } from './recovery-fakes.js';

let dead: DeadRuns;

test.beforeEach(async () => {
  dead = await DeadRuns.open();
});

test.afterEach(async () => {
  await dead[Symbol.asyncDispose]();
});

test('what a dead run left is undone, the latest first, and its run is closed', async () => {
  dead.run([{ type: 'freeze', ...compute }, fault]);
  const { told, said, steps } = await dead.recovered({ engineDid: ['thaw web'] });
  expect(told).toEqual(['recover', 'heal', 'resume web@1', 'closed']);
  expect(said).toEqual(['recovering run-1 on svc-run-1']);
  expect(steps).toEqual([
    ['done', 'thaw web'],
    ['done', 'heal stall on web'],
    ['done', 'thaw web@1'],
  ]);
  expect(dead.journal.open('run-1')).toEqual([]);
  expect(dead.journal.run('run-1')).toMatchObject({ closed: true, pid: process.pid });
  expect(existsSync(dead.outFolder)).toBe(false);
});

test('recovering again finds nothing', async () => {
  dead.run([fault]);
  await dead.recovered();
  expect((await dead.recovered()).steps).toEqual([]);
});

test('what fails is told, the rest is done, and the run stays open with what is left', async () => {
  dead.run([{ type: 'freeze', ...compute }, fault]);
  const { steps } = await dead.recovered({ fails: ['heal', 'recover'] });
  expect(steps).toEqual([
    ['failed', 'finish the snapshot procedures', 'recover failed'],
    ['failed', 'heal stall on web', 'heal failed'],
    ['done', 'thaw web@1'],
  ]);
  expect(dead.journal.run('run-1')?.closed).toBe(false);
  expect(dead.journal.open('run-1').map((e) => e.action.type)).toEqual(['fault']);
  const again = await dead.recovered();
  expect(again.steps).toEqual([['done', 'heal stall on web']]);
  expect(dead.journal.run('run-1')?.closed).toBe(true);
});

test('a service that is gone for certain has nothing left to undo', async () => {
  dead.run([{ type: 'freeze', ...compute }, fault]);
  const { told, steps } = await dead.recovered({ isGone: true });
  expect(told).toEqual(['closed']);
  expect(steps).toEqual([
    ['done', 'heal stall on web', 'the service is gone'],
    ['done', 'thaw web@1', 'the service is gone'],
  ]);
  expect(dead.journal.run('run-1')?.closed).toBe(true);
});

test('a run whose process gives signs of life is left alone', async () => {
  dead.run([fault], { pid: process.pid });
  const beating = setInterval(() => dead.journal.heartbeat('run-1'), 20);
  const { told, steps } = await dead.recovered();
  clearInterval(beating);
  expect(steps).toEqual([['left', 'the whole run', `process ${process.pid} is alive`]]);
  expect(told).toEqual([]);
  expect(dead.journal.run('run-1')?.closed).toBe(false);
});

test('a dry run tells what would be done, and does nothing', async () => {
  dead.run([fault]);
  dead.run([], { id: 'run-2' });
  const before = dead.journal.runs();
  const steps = await recover(dead.stateFolder, {
    dryRun: true,
    open: () => Promise.reject(new Error('not to be opened')),
  });
  expect(steps).toEqual([
    { runId: 'run-1', what: 'heal stall on web', outcome: 'planned' },
    { runId: 'run-2', what: 'close the run', outcome: 'planned' },
  ]);
  expect(dead.journal.runs()).toEqual(before);
});

test('of two that recover one run one does, and the other leaves it', async () => {
  dead.run([fault]);
  const known = dead.journal.run('run-1')!;
  dead.give('run-1', gone - 1);
  const { told, session } = fakeSession(dead.stateFolder, webService(dead.stateFolder, dead.server.base));
  const steps = await recoverRun(dead.stateFolder, known, { open: async () => session });
  expect(steps).toEqual([
    { runId: 'run-1', what: 'take over', outcome: 'left', reason: 'another process has taken it over' },
  ]);
  expect(told).toEqual(['closed']);
});

test('a service that cannot be opened is told, with whether it may be later', async () => {
  dead.run([fault]);
  const known = dead.journal.run('run-1')!;
  const failing = (e: Error) => recoverRun(dead.stateFolder, known, { open: () => Promise.reject(e) });
  expect(await failing(new Error('no such file'))).toEqual([
    { runId: 'run-1', what: 'open the service service.yaml', outcome: 'failed', reason: 'no such file' },
  ]);
  for (const kind of ['timeout', 'vim-unreachable', 'busy'] as const)
    expect(await failing(new OrdealError(kind, 'later'))).toMatchObject([{ outcome: 'failed', mayPass: true }]);
  expect(await failing(new OrdealError('vim-failed', 'never'))).toEqual([
    { runId: 'run-1', what: 'open the service service.yaml', outcome: 'failed', reason: 'never.' },
  ]);
});

test('what nobody expected is a step that failed, and the service is closed', async () => {
  dead.run([fault]);
  const { told, session } = fakeSession(dead.stateFolder, webService(dead.stateFolder, dead.server.base));
  Object.assign(session, { isGone: () => Promise.reject(new Error('cosmic ray')) });
  const steps = await recoverRun(dead.stateFolder, dead.journal.run('run-1')!, { open: async () => session });
  expect(steps).toEqual([{ runId: 'run-1', what: 'recover', outcome: 'failed', reason: 'cosmic ray' }]);
  expect(told).toEqual(['closed']);
});

test('a journal that is held when the run is to be taken over is a failure that may pass', async () => {
  dead.run([fault]);
  const { session } = fakeSession(dead.stateFolder, webService(dead.stateFolder, dead.server.base));
  session.journal.takeOver = () => {
    throw new OrdealError('busy', 'The journal is held by another process');
  };
  expect(await recoverRun(dead.stateFolder, dead.journal.run('run-1')!, { open: async () => session })).toMatchObject([
    { what: 'take over', outcome: 'failed', mayPass: true },
  ]);
});

test('while it recovers, a process gives signs of life, and a beat that cannot be written is missed', async () => {
  dead.run([fault]);
  const { vim, session } = fakeSession(dead.stateFolder, webService(dead.stateFolder, dead.server.base));
  let beats = 0;
  session.journal.heartbeat = () => {
    beats++;
    throw new Error('full');
  };
  // The lease of the run is 500 ms.
  vim.faults.heal = () => new Promise((resolve) => setTimeout(resolve, 220));
  const steps = await recoverRun(dead.stateFolder, dead.journal.run('run-1')!, { open: async () => session });
  expect(steps).toMatchObject([{ outcome: 'done' }]);
  expect(beats).toBeGreaterThanOrEqual(2);
  const atTheEnd = beats;
  await new Promise((resolve) => setTimeout(resolve, 120));
  expect(beats).toBe(atTheEnd);
});

test('who stands still in the middle of a write is ended first, holder and guard, and that is told', async () => {
  dead.run([fault]);
  dead.journal.guardHeartbeat('run-1');
  const { session } = fakeSession(dead.stateFolder, webService(dead.stateFolder, dead.server.base));
  const fenced: unknown[][] = [];
  const steps = await recoverRun(dead.stateFolder, dead.journal.run('run-1')!, {
    open: async () => session,
    fence: async (...of) => {
      fenced.push(of);
      return of[1] === gone;
    },
  });
  expect(fenced).toEqual([
    [dead.stateFolder, gone, { serviceId: 'svc-run-1' }],
    [dead.stateFolder, process.pid, { serviceId: 'svc-run-1' }],
  ]);
  expect(steps.map((s) => [s.runId, s.outcome, s.what])).toEqual([
    ['run-1', 'done', `end process ${gone}, which stands still in the middle of something`],
    ['run-1', 'done', 'heal stall on web'],
  ]);
});

test('who stands still in a write and cannot be ended keeps the run from being taken over', async () => {
  dead.run([fault]);
  const steps = await recoverRun(dead.stateFolder, dead.journal.run('run-1')!, {
    open: () => Promise.reject(new Error('not to be opened')),
    fence: () => Promise.reject(new OrdealError('timeout', 'The end of process 1 did not happen')),
  });
  const what = `end process ${gone}, which stands still in the middle of something`;
  expect(steps).toMatchObject([{ what, outcome: 'failed', mayPass: true }]);
  expect(dead.journal.run('run-1')?.pid).toBe(gone);
});

test('a service that cannot be claimed again stays open, and may be later', async () => {
  dead.run([fault]);
  const { told, vim, session } = fakeSession(dead.stateFolder, webService(dead.stateFolder, dead.server.base));
  Object.assign(vim, { exclusion: { claim: () => Promise.reject(new OrdealError('busy', 'Another run has it')) } });
  const steps = await recoverRun(dead.stateFolder, dead.journal.run('run-1')!, { open: async () => session });
  expect(steps).toMatchObject([{ what: 'claim the service again', outcome: 'failed', mayPass: true }]);
  expect(told).toEqual(['closed']);
  expect(dead.journal.open('run-1')).toHaveLength(1);
});

test('by itself it opens the service from its descriptor: one that does not run has nothing left to undo', async () => {
  dead.run([fault], { serviceFile: join(packageRoot, 'scenarios', 'session-gateway', 'service.yaml') });
  expect(await recover(dead.stateFolder)).toEqual([
    { runId: 'run-1', what: 'heal stall on web', outcome: 'done', reason: 'the service is gone' },
  ]);
  expect(existsSync(join(dead.stateFolder, 'ordeal.db'))).toBe(true);
  expect(dead.journal.run('run-1')?.closed).toBe(true);
});

test('status shows the open runs with what is open, and whether they seem alive', () => {
  dead.run([fault, { type: 'freeze', ...compute }]);
  dead.run([], { id: 'run-2', pid: process.pid });
  dead.run([], { id: 'run-3' });
  dead.journal.close('run-3');
  expect(status(dead.stateFolder).map((s) => [s.run.id, s.alive, s.open.map((e) => e.action.type)])).toEqual([
    ['run-1', false, ['freeze', 'fault']],
    ['run-2', true, []],
  ]);
});
