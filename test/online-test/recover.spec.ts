import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import Database from 'libsql';
import type { JournalAction } from '../../harness/model/journal.js';
import { type RunRecord, runRecord } from '../../harness/model/run-record.js';
import { recover, recoverRun, status } from '../../harness/online-test/recover.js';
import { Journal } from '../../harness/store/journal.js';
import { OrdealError } from '../../harness/util/errors.js';
import { packageRoot } from '../../harness/util/package-root.js';
import { TestServer } from '../monitor/test-server.js';
import { baselineOf, fakeSession, type Mischief, webService } from './recovery-fakes.js';
import { injection } from './undo-fakes.js';

/** Recovery of a real journal over a VIM in memory; the service that is looked at is a real HTTP server. */
let stateFolder: string;
let server: TestServer;
let journal: Journal;

test.beforeEach(async () => {
  stateFolder = await mkdtemp(join(tmpdir(), 'ordeal-recover-'));
  server = await TestServer.start();
  journal = new Journal(stateFolder);
});

test.afterEach(async () => {
  await server[Symbol.asyncDispose]();
  journal[Symbol.dispose]();
  await rm(stateFolder, { recursive: true, force: true });
});

/** No process has this id: it is beyond what Linux gives out. */
const gone = 2 ** 22 + 1;
const compute = { vim: 'fake', resource: 'web', computeId: 'web@1' };
const outFolder = () => join(stateFolder, 'out', 'run-1');

/** A run whose process has died, with these entries open. */
function deadRun(
  actions: readonly JournalAction[],
  { id = 'run-1', pid = gone, stopBy = '', serviceFile = 'service.yaml' } = {},
): void {
  const run = { id, serviceFile, serviceId: `svc-${id}`, outFolder: outFolder(), leaseMs: 500 };
  journal.begin({ ...run, pid: process.pid, startedAt: new Date().toISOString() });
  for (const action of actions) journal.intend(id, action);
  if (stopBy !== '') journal.requestStop(id, stopBy);
  give(id, pid);
}

/** As if that process held the run, and had given one more sign of life. */
function give(id: string, pid: number): void {
  const db = new Database(journal.file);
  db.prepare('update run set pid = ?, beats = beats + 1 where id = ?').run(pid, id);
  db.close();
}

async function recovered(mischief: Mischief = {}, rateHz?: number) {
  const { told, session } = fakeSession(stateFolder, webService(stateFolder, server.base, rateHz), mischief);
  const said: string[] = [];
  const steps = await recover(stateFolder, { open: async () => session, say: (line) => void said.push(line) });
  return { told, said, steps: steps.map((s) => [s.outcome, s.what, ...(s.reason === undefined ? [] : [s.reason])]) };
}

const record = async (): Promise<RunRecord> =>
  runRecord.parse(JSON.parse(await readFile(join(outFolder(), 'run.json'), 'utf8')));
const fault: JournalAction = { type: 'fault', injection: { ...injection, vim: 'fake' } };
const look = 'look whether front are as before, and restore them if not';

test('what a dead run left is undone, the latest first, and its run is closed', async () => {
  deadRun([{ type: 'freeze', ...compute }, fault]);
  const { told, said, steps } = await recovered({ engineDid: ['thaw web'] });
  expect(told).toEqual(['recover', 'heal', 'resume web@1', 'closed']);
  expect(said).toEqual(['recovering run-1 on svc-run-1']);
  expect(steps).toEqual([
    ['done', 'thaw web'],
    ['done', 'heal stall on web'],
    ['done', 'thaw web@1'],
  ]);
  expect(journal.open('run-1')).toEqual([]);
  expect(journal.run('run-1')).toMatchObject({ closed: true, pid: process.pid });
  expect(existsSync(outFolder())).toBe(false);
});

test('recovering again finds nothing', async () => {
  deadRun([fault]);
  await recovered();
  expect((await recovered()).steps).toEqual([]);
});

test('what fails is told, the rest is done, and the run stays open with what is left', async () => {
  deadRun([{ type: 'freeze', ...compute }, fault]);
  const { steps } = await recovered({ fails: ['heal', 'recover'] });
  expect(steps).toEqual([
    ['failed', 'finish the snapshot procedures', 'recover failed'],
    ['failed', 'heal stall on web', 'heal failed'],
    ['done', 'thaw web@1'],
  ]);
  expect(journal.run('run-1')?.closed).toBe(false);
  expect(journal.open('run-1').map((e) => e.action.type)).toEqual(['fault']);
  const again = await recovered();
  expect(again.steps).toEqual([['done', 'heal stall on web']]);
  expect(journal.run('run-1')?.closed).toBe(true);
});

test('a service that is gone for certain has nothing left to undo', async () => {
  deadRun([{ type: 'freeze', ...compute }, fault]);
  const { told, steps } = await recovered({ isGone: true });
  expect(told).toEqual(['closed']);
  expect(steps).toEqual([
    ['done', 'heal stall on web', 'the service is gone'],
    ['done', 'thaw web@1', 'the service is gone'],
  ]);
  expect(journal.run('run-1')?.closed).toBe(true);
});

test('a run whose process gives signs of life is left alone', async () => {
  deadRun([fault], { pid: process.pid });
  const beating = setInterval(() => journal.heartbeat('run-1'), 20);
  const { told, steps } = await recovered();
  clearInterval(beating);
  expect(steps).toEqual([['left', 'the whole run', `process ${process.pid} is alive`]]);
  expect(told).toEqual([]);
  expect(journal.run('run-1')?.closed).toBe(false);
});

test('a dry run tells what would be done, and does nothing', async () => {
  deadRun([fault]);
  deadRun([], { id: 'run-2' });
  const before = journal.runs();
  const steps = await recover(stateFolder, { dryRun: true, open: () => Promise.reject(new Error('not to be opened')) });
  expect(steps).toEqual([
    { runId: 'run-1', what: 'heal stall on web', outcome: 'planned' },
    { runId: 'run-2', what: 'close the run', outcome: 'planned' },
  ]);
  expect(journal.runs()).toEqual(before);
});

test('of two that recover one run one does, and the other leaves it', async () => {
  deadRun([fault]);
  const known = journal.run('run-1')!;
  give('run-1', gone - 1);
  const { told, session } = fakeSession(stateFolder, webService(stateFolder, server.base));
  const steps = await recoverRun(stateFolder, known, { open: async () => session });
  expect(steps).toEqual([
    { runId: 'run-1', what: 'take over', outcome: 'left', reason: 'another process has taken it over' },
  ]);
  expect(told).toEqual(['closed']);
});

test('a service that cannot be opened is told, with whether it may be later', async () => {
  deadRun([fault]);
  const known = journal.run('run-1')!;
  const failing = (e: Error) => recoverRun(stateFolder, known, { open: () => Promise.reject(e) });
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
  deadRun([fault]);
  const { told, session } = fakeSession(stateFolder, webService(stateFolder, server.base));
  Object.assign(session, { isGone: () => Promise.reject(new Error('cosmic ray')) });
  const steps = await recoverRun(stateFolder, journal.run('run-1')!, { open: async () => session });
  expect(steps).toEqual([{ runId: 'run-1', what: 'recover', outcome: 'failed', reason: 'cosmic ray' }]);
  expect(told).toEqual(['closed']);
});

test('a journal that is held when the run is to be taken over is a failure that may pass', async () => {
  deadRun([fault]);
  const { session } = fakeSession(stateFolder, webService(stateFolder, server.base));
  session.journal.takeOver = () => {
    throw new OrdealError('busy', 'The journal is held by another process');
  };
  expect(await recoverRun(stateFolder, journal.run('run-1')!, { open: async () => session })).toMatchObject([
    { what: 'take over', outcome: 'failed', mayPass: true },
  ]);
});

test('while it recovers, a process gives signs of life, and a beat that cannot be written is missed', async () => {
  deadRun([fault]);
  const { vim, session } = fakeSession(stateFolder, webService(stateFolder, server.base));
  let beats = 0;
  session.journal.heartbeat = () => {
    beats++;
    throw new Error('full');
  };
  // The lease of the run is 500 ms.
  vim.faults.heal = () => new Promise((resolve) => setTimeout(resolve, 220));
  const steps = await recoverRun(stateFolder, journal.run('run-1')!, { open: async () => session });
  expect(steps).toMatchObject([{ outcome: 'done' }]);
  expect(beats).toBeGreaterThanOrEqual(2);
  const atTheEnd = beats;
  await new Promise((resolve) => setTimeout(resolve, 120));
  expect(beats).toBe(atTheEnd);
});

test('who stands still in the middle of a write is ended first, holder and guard, and that is told', async () => {
  deadRun([fault]);
  journal.guardHeartbeat('run-1');
  const { session } = fakeSession(stateFolder, webService(stateFolder, server.base));
  const fenced: [string, number][] = [];
  const steps = await recoverRun(stateFolder, journal.run('run-1')!, {
    open: async () => session,
    fence: async (...of) => {
      fenced.push(of);
      return of[1] === gone;
    },
  });
  expect(fenced).toEqual([
    [stateFolder, gone],
    [stateFolder, process.pid],
  ]);
  expect(steps.map((s) => [s.runId, s.outcome, s.what])).toEqual([
    ['run-1', 'done', `end process ${gone}, which stands still in a write`],
    ['run-1', 'done', 'heal stall on web'],
  ]);
});

test('who stands still in a write and cannot be ended keeps the run from being taken over', async () => {
  deadRun([fault]);
  const steps = await recoverRun(stateFolder, journal.run('run-1')!, {
    open: () => Promise.reject(new Error('not to be opened')),
    fence: () => Promise.reject(new OrdealError('timeout', 'The end of process 1 did not happen')),
  });
  const what = `end process ${gone}, which stands still in a write`;
  expect(steps).toMatchObject([{ what, outcome: 'failed', mayPass: true }]);
  expect(journal.run('run-1')?.pid).toBe(gone);
});

test('a service that cannot be claimed again stays open, and may be later', async () => {
  deadRun([fault]);
  const { told, vim, session } = fakeSession(stateFolder, webService(stateFolder, server.base));
  Object.assign(vim, { exclusion: { claim: () => Promise.reject(new OrdealError('busy', 'Another run has it')) } });
  const steps = await recoverRun(stateFolder, journal.run('run-1')!, { open: async () => session });
  expect(steps).toMatchObject([{ what: 'claim the service again', outcome: 'failed', mayPass: true }]);
  expect(told).toEqual(['closed']);
  expect(journal.open('run-1')).toHaveLength(1);
});

test('by itself it opens the service from its descriptor: one that does not run has nothing left to undo', async () => {
  deadRun([fault], { serviceFile: join(packageRoot, 'scenarios', 'session-gateway', 'service.yaml') });
  expect(await recover(stateFolder)).toEqual([
    { runId: 'run-1', what: 'heal stall on web', outcome: 'done', reason: 'the service is gone' },
  ]);
  expect(existsSync(join(stateFolder, 'ordeal.db'))).toBe(true);
  expect(journal.run('run-1')?.closed).toBe(true);
});

test('status shows the open runs with what is open, and whether they seem alive', () => {
  deadRun([fault, { type: 'freeze', ...compute }]);
  deadRun([], { id: 'run-2', pid: process.pid });
  deadRun([], { id: 'run-3' });
  journal.close('run-3');
  expect(status(stateFolder).map((s) => [s.run.id, s.alive, s.open.map((e) => e.action.type)])).toEqual([
    ['run-1', false, ['freeze', 'fault']],
    ['run-2', true, []],
  ]);
});

test.describe('a run that was covered', () => {
  test('is looked at: as before, nothing is restored, and the record says who died', async () => {
    deadRun([await baselineOf(stateFolder), fault], { stopBy: 'ann' });
    const { told, steps } = await recovered();
    expect(steps).toEqual([
      ['done', 'heal stall on web'],
      ['done', look],
    ]);
    expect(told).toEqual(['recover', 'heal', 'closed']);
    expect(journal.run('run-1')?.closed).toBe(true);
    const told_ = await record();
    expect(told_).toMatchObject({
      ...{ id: 'run-1', title: 'a crash', service: 'svc-run-1', exitCode: 22 },
      verdicts: { service: 'inconclusive', restoration: 'not-needed', evidence: 'not-needed' },
      stopped: { cause: 'stop-request', reason: 'The run was stopped by ann' },
      plan: [`Recovery of run-1, whose process ${gone} died or hung`],
      environment: { seed: '1' },
    });
    expect(told_.errors).toEqual([
      `Process ${gone} of the run died or hung. The run was recovered by another process.`,
    ]);
    expect(existsSync(join(outFolder(), 'recovery-samples.jsonl'))).toBe(true);
  });

  test('and was not stopped by anybody says so', async () => {
    deadRun([await baselineOf(stateFolder)]);
    await recovered();
    expect((await record()).stopped).toBeUndefined();
  });

  test('is inconclusive when too little can be measured: closed, and told', async () => {
    deadRun([await baselineOf(stateFolder)]);
    const { steps } = await recovered({}, 3);
    expect(steps).toEqual([['inconclusive', look, expect.stringMatching(/errorRatio of page: /)]]);
    expect(journal.run('run-1')?.closed).toBe(true);
  });

  test('is restored when it is not as before, and the run stays open until it is', async () => {
    server.answer = (_, response) => response.writeHead(503).end();
    deadRun([await baselineOf(stateFolder)]);
    const { told, steps } = await recovered({ fails: ['restoreAsNew'] });
    expect(told).toEqual([
      ...['recover', 'quarantine web@1 run-1', 'restoreAsNew snap-1'],
      ...['unquarantine web@1 run-1', 'closed'],
    ]);
    expect(steps).toEqual([['failed', look, 'restoreAsNew failed']]);
    expect(journal.run('run-1')?.closed).toBe(false);
    expect(journal.open('run-1').map((e) => e.action.type)).toContain('covered');
    const { verdicts, exitCode, errors } = await record();
    expect([verdicts.service, verdicts.restoration, exitCode]).toEqual(['failed', 'not-restored', 32]);
    expect(errors).toContain('restoreAsNew failed');
  });

  test('whose switch had happened has its evidence kept, and stays open when that cannot be', async () => {
    deadRun([await baselineOf(stateFolder), { type: 'quarantine', ...compute }]);
    const { told, steps } = await recovered({ placed: 'web@2' });
    expect(told).toEqual(['recover', 'capture', 'closed']);
    expect(steps).toEqual([
      ['done', expect.any(String)],
      [
        ...['failed', look],
        expect.stringMatching(
          /^Not all that failed could be captured: got The evidence of VNF "front" is incomplete: nothing can be captured\..*It stays in quarantine, and `ordeal recover` tries again\.$/,
        ),
      ],
    ]);
    expect((await record()).verdicts).toMatchObject({
      ...{ service: 'failed', restoration: 'restored', evidence: 'incomplete' },
    });
    expect(journal.open('run-1').map((e) => e.action.type)).toEqual(['quarantine']);
    expect(journal.run('run-1')?.closed).toBe(false);
  });

  test('which had restored the service already, and died before what failed was captured, has that done', async () => {
    deadRun([await baselineOf(stateFolder), { type: 'quarantine', ...compute }]);
    const [cover] = journal.entries('run-1');
    journal.settle(cover!.id);
    const { told } = await recovered({ placed: 'web@2' });
    expect(told).toEqual(['recover', 'capture', 'closed']);
  });

  test('which had given its service back, with nothing left to capture, is not looked at again', async () => {
    deadRun([await baselineOf(stateFolder), fault]);
    const [cover] = journal.entries('run-1');
    journal.settle(cover!.id);
    const { told, steps } = await recovered();
    expect(told).toEqual(['recover', 'heal', 'closed']);
    expect(steps).toEqual([['done', 'heal stall on web']]);
    expect(existsSync(outFolder())).toBe(false);
    expect(journal.run('run-1')?.closed).toBe(true);
  });

  test('twice, of which it had given back the first, is looked at for the second alone', async () => {
    const covered = await baselineOf(stateFolder);
    deadRun([covered, { ...covered, title: 'a stall' }]);
    const [first] = journal.entries('run-1');
    journal.settle(first!.id);
    const { steps } = await recovered();
    expect(steps).toEqual([['done', look]]);
    expect((await record()).title).toBe('a stall');
    expect(journal.open('run-1')).toEqual([]);
  });
});
