import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { runRecord } from '../../harness/model/run-record.js';
import { runOnlineTest } from '../../harness/online-test/run.js';
import { readService, ServiceSession } from '../../harness/online-test/session.js';
import { stopRuns } from '../../harness/online-test/stop.js';
import { sleep, until } from '../../harness/util/deadline.js';
import { packageRoot } from '../../harness/util/package-root.js';
import { temporaryFolder } from '../temporary-folder.js';

test.describe.configure({ mode: 'serial', timeout: 120_000 });

const sample = join(packageRoot, 'scenarios', 'session-gateway');
const ordeal = join(packageRoot, 'bin', 'ordeal.js');
let stateFolder: string;
let session: ServiceSession;

test.beforeAll(async () => {
  stateFolder = await temporaryFolder('stop');
  session = await ServiceSession.open(await readService(join(sample, 'service.yaml')), { stateFolder });
  await session.start();
});

test.afterAll(async () => {
  await session[Symbol.asyncDispose]();
  await rm(stateFolder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
});

const request = {
  title: 'stopped',
  front: 'library' as const,
  baselineMs: 2500,
  measureMs: 2000,
  around: ['gateway', 'session-store'],
  faults: [{ kind: 'stall', target: { vnfc: 'store-1' }, durationMs: 20_000 }],
};
const options = () => ({ outFolder: join(stateFolder, 'out') });
const openRun = () => session.journal.runs({ open: true })[0];
const faultIsOn = () =>
  until('a fault is on', () => session.journal.open().some((e) => e.action.type === 'fault' && e.state === 'done'), {
    withinMs: 60_000,
  });

async function expectNothingLeft(): Promise<void> {
  expect(openRun()).toBeUndefined();
  expect(session.journal.open()).toEqual([]);
  for (const vim of session.vims.values()) expect(await vim.faults?.active()).toEqual([]);
}

function spawnOrdeal(...args: string[]): { child: ChildProcess; ended: Promise<{ code: number; out: string }> } {
  const child = spawn(process.execPath, [ordeal, ...args, '--state', stateFolder, '--out', join(stateFolder, 'out')]);
  let out = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (d) => (out += String(d)));
  return { child, ended: once(child, 'close').then(([code]) => ({ code: code as number, out })) };
}

test('a stop condition that is crossed heals at once, gives back, and the run says which figure it was', async () => {
  const condition = { kind: 'probe', probe: 'sessions', indicator: 'errorRatio', above: 0.2, holdMs: 200 } as const;
  const record = await runOnlineTest(
    session,
    { ...request, expectedRecoveryMs: 10_000, stopConditions: [condition] },
    options(),
  );
  expect(record.plan).toContainEqual('Stop at once when errorRatio of sessions over 1000 ms is above 0.2, for 200 ms');
  expect(record.exitCode).toBe(36);
  expect(record.stopped).toMatchObject({ cause: 'stop-condition', threshold: 0.2 });
  expect(record.stopped?.figure).toBeGreaterThan(0.2);
  expect(record.stopped?.reason).toMatch(/^errorRatio of probe "sessions" was 0\.\d+ over 1000 ms, above 0\.2/);
  expect(record.errors.join()).toMatch(/A stop condition was crossed: errorRatio/);
  const [stall] = record.injections;
  expect(stall?.healedMs).toBe(record.stopped?.healedMs);
  expect((stall?.healedMs ?? 0) - (record.stopped?.atMs ?? 0)).toBeLessThan(500);
  expect((stall?.healedMs ?? 0) - (stall?.injectedMs ?? 0)).toBeLessThan(10_000);
  expect(record.verdicts.restoration).not.toBe('not-restored');
  await expectNothingLeft();
});

test('a stop condition that is not crossed changes nothing', async () => {
  const condition = { kind: 'probe', probe: 'health', indicator: 'availability', below: 0.01 } as const;
  const record = await runOnlineTest(
    session,
    {
      ...request,
      faults: [{ kind: 'crash', target: { vnfc: 'worker-1' } }],
      stopConditions: [condition, { kind: 'command', command: ['true'], everyMs: 200 }],
    },
    options(),
  );
  expect(record.stopped).toBeUndefined();
  expect(record.verdicts.injection).toBe('confirmed');
  await expectNothingLeft();
});

test('a stop condition on a probe that does not exist is an error of the plan', async () => {
  const condition = { kind: 'probe', probe: 'nothing', indicator: 'errorRatio', above: 0.2 } as const;
  await expect(runOnlineTest(session, { ...request, stopConditions: [condition] }, options())).rejects.toThrow(
    /A stop condition names the probe "nothing": expected one of sessions, hits, health/,
  );
  await expectNothingLeft();
});

test('`ordeal stop` from another terminal ends a run, and the record says who asked', async () => {
  const running = runOnlineTest(session, { ...request, expectedRecoveryMs: 10_000 }, options());
  await faultIsOn();
  const { code, out } = await spawnOrdeal('stop', '--all').ended;
  expect(out).toMatch(/run-\S+ +session-gateway +no fault is on, after \d+ ms/);
  expect(code).toBe(0);
  const record = await running;
  expect(record.exitCode).toBe(130);
  expect(record.stopped?.cause).toBe('stop-request');
  expect(record.stopped?.reason).toMatch(/The run was stopped by \S+@\S+ \(process \d+\)/);
  expect(record.stopped?.healedMs).toBeDefined();
  await expectNothingLeft();
});

test('`ordeal stop` says what is not clear, and what is not there', async () => {
  const [nothing, unknown, none] = await Promise.all([
    spawnOrdeal('stop').ended,
    spawnOrdeal('stop', 'run-of-yesterday').ended,
    spawnOrdeal('stop', '--all').ended,
  ]);
  expect([nothing.code, nothing.out]).toEqual([2, expect.stringMatching(/expected either a run or --all/)]);
  expect([unknown.code, unknown.out]).toEqual([7, expect.stringMatching(/Run run-of-yesterday is not open/)]);
  expect([none.code, none.out]).toEqual([0, 'No run is open.\n']);
});

test('a harness that hangs does not see the request, so its guard honours it, long before the lease is over', async () => {
  const gate = join(sample, 'gate.feature');
  const { child, ended } = spawnOrdeal('run', gate, '--no-allure');
  await faultIsOn();
  child.kill('SIGSTOP');
  const [stopped] = await stopRuns(stateFolder, { by: 'a test' });
  expect(stopped).toMatchObject({ healed: true, held: true });
  expect(stopped?.afterMs).toBeLessThan(8000);
  await until('the guard closed the run', () => openRun() === undefined, { withinMs: 60_000, everyMs: 100 });
  child.kill('SIGCONT');
  expect((await ended).code).toBe(22);
  const folder = join(stateFolder, 'out', stopped?.runId ?? '');
  const record = runRecord.parse(JSON.parse(await readFile(join(folder, 'run.json'), 'utf8')));
  expect(record.stopped).toMatchObject({ cause: 'stop-request', reason: expect.stringMatching(/a test/) });
  await expectNothingLeft();
});

test('two runs on one service exclude each other, and one on another service runs beside it', async () => {
  const other = join(packageRoot, 'scenarios', 'ballast', 'service.yaml');
  await using ballast = await ServiceSession.open(await readService(other), { stateFolder });
  await ballast.start();
  const abort = new AbortController();
  const first = runOnlineTest(session, request, { ...options(), signal: abort.signal });
  await until('the first run is open', () => openRun(), { withinMs: 10_000 });
  await expect(runOnlineTest(session, request, options())).rejects.toThrow(
    /Run run-\S+ \(process \d+\) is open on service "session-gateway"/,
  );
  const vnfc = ballast.service.descriptor.vnfs[0]?.vnfcs[0]?.id ?? '';
  const beside = runOnlineTest(
    ballast,
    { ...request, around: [], baselineMs: 1500, faults: [{ kind: 'stall', target: { vnfc }, durationMs: 300 }] },
    options(),
  );
  await until('both are open', () => session.journal.runs({ open: true }).length === 2, { withinMs: 10_000 });
  await sleep(1000);
  abort.abort(new Error('enough'));
  const [a, b] = await Promise.all([first, beside]);
  expect([a.service, b.service]).toEqual(['session-gateway', 'ballast']);
  expect(b.verdicts.injection).toBe('confirmed');
  await expectNothingLeft();
});
