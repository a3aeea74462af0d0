import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { defaultLeaseMs } from '../../harness/model/journal.js';
import { isAlive } from '../../harness/online-test/lease.js';
import { recover } from '../../harness/online-test/recover.js';
import { readService, ServiceSession } from '../../harness/online-test/session.js';
import { sweepPopulation } from '../../harness/online-test/sweep.js';
import { Journal } from '../../harness/store/journal.js';
import { writersOf } from '../../harness/store/write-locks.js';
import { sleep, until } from '../../harness/util/deadline.js';
import { packageRoot } from '../../harness/util/package-root.js';
import { seededRandom } from '../../harness/util/random.js';
import { temporaryFolder } from '../temporary-folder.js';

/**
 * The gate of the sample service, killed at random points of all its stages. Whatever dies, the service is given back:
 * no fault, no frozen VNFC, no lost session, the run closed. ORDEAL_GATE_KILLS and ORDEAL_SEED make it longer, or repeat it.
 */
const kills = Number(process.env.ORDEAL_GATE_KILLS ?? 1);
const seed = Number(process.env.ORDEAL_SEED ?? 20261122);
/** From the start of `ordeal run` to the end of its run, about; the kill comes somewhere in it. */
const runMs = 18_000;
/** How long giving back may take once it has begun: look, restore, prove, evidence. */
const giveBackMs = 60_000;
const gate = join(packageRoot, 'scenarios', 'session-gateway', 'gate.feature');

test.describe.configure({ mode: 'serial', timeout: 180_000 });

let stateFolder: string;
let session: ServiceSession;

test.beforeAll(async () => {
  stateFolder = await temporaryFolder('kill');
  const service = await readService(join(packageRoot, 'scenarios', 'session-gateway', 'service.yaml'));
  session = await ServiceSession.open(service, { stateFolder });
  await session.start();
});

test.afterAll(async () => {
  await session[Symbol.asyncDispose]();
  await rm(stateFolder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
});

function startRun(): ChildProcess {
  const args = [join(packageRoot, 'bin', 'ordeal.js'), 'run', gate, '--no-allure', '--state', stateFolder];
  return spawn(process.execPath, [...args, '--out', join(stateFolder, 'out')], { stdio: 'ignore' });
}

const openRun = () => {
  using journal = new Journal(stateFolder);
  return journal.runs({ open: true })[0];
};

/**
 * A harness that hangs in the middle of a write to the state folder keeps the guard from its own, and is ended for it
 * (test/online-test/fence.spec.ts); one that hangs anywhere else is left alone.
 * @returns when it was stopped, in milliseconds since 1970
 */
async function stopBetweenWrites(run: ChildProcess): Promise<number> {
  const stop = async () => {
    run.kill('SIGSTOP');
    const stoppedAt = Date.now();
    await sleep(20);
    if (!writersOf(stateFolder).includes(run.pid ?? 0)) return stoppedAt;
    run.kill('SIGCONT');
    return undefined;
  };
  return until('a stop that is not in the middle of a write', stop, { withinMs: 2000 });
}

async function expectGivenBack(): Promise<void> {
  expect(openRun(), 'the run is closed').toBeUndefined();
  for (const vim of session.vims.values()) {
    expect(await vim.faults?.active(), 'no fault is left').toEqual([]);
    for (const id of ['lb', 'worker-1', 'worker-2', 'store-1', 'store-2']) {
      const state = await vim.inspect(await vim.locate(id));
      expect([id, state.powerState, state.quarantined]).toEqual([id, 'on', false]);
    }
    const kept = (await vim.replacement?.ownedBy())?.filter((c) => c.quarantined) ?? [];
    expect(kept, 'nothing stays in quarantine').toEqual([]);
  }
  const { checked, badCount, bad } = await sweepPopulation(session, 'sessions');
  expect({ checked, badCount, bad }).toEqual({ checked: 5000, badCount: 0, bad: [] });
}

const random = seededRandom(seed);
const moments = Array.from({ length: kills }, () => 2500 + Math.floor(random() * runMs));

for (const [i, afterMs] of moments.entries()) {
  test(`the harness is killed (${i + 1}), and the guard gives the service back`, async () => {
    console.log(`seed ${seed}: killed after ${afterMs} ms`);
    const run = startRun();
    const ended = once(run, 'exit');
    await Promise.race([sleep(afterMs), ended]);
    run.kill('SIGKILL');
    await ended;
    await until('the guard closed the run', () => openRun() === undefined, { withinMs: giveBackMs, everyMs: 200 });
    await expectGivenBack();
  });
}

test('a harness that hangs in mid-fault loses its lease, and does not act when it wakes up', async () => {
  const run = startRun();
  const ended = once(run, 'exit');
  using journal = new Journal(stateFolder);
  await until('a fault is on', () => journal.open().some((e) => e.action.type === 'fault'), { withinMs: 60_000 });
  const stoppedAt = await stopBetweenWrites(run);
  const [vim] = session.vims.values();
  await until('the fault is healed', async () => (await vim?.faults?.active())?.length === 0, { withinMs: 30_000 });
  expect(Date.now() - stoppedAt).toBeLessThan(defaultLeaseMs + 2000);
  await until('the guard closed the run', () => openRun() === undefined, { withinMs: giveBackMs, everyMs: 200 });
  run.kill('SIGCONT');
  const [code] = (await ended) as [number];
  expect(code).toBe(22);
  await expectGivenBack();
});

test('a guard that dies is replaced, and the run goes on', async () => {
  const run = startRun();
  const ended = once(run, 'exit');
  const guard = await until('a guard is up', () => openRun()?.guardPid ?? undefined, { withinMs: 60_000 });
  process.kill(guard, 'SIGKILL');
  const next = await until(
    'another guard is up',
    () => {
      const pid = openRun()?.guardPid;
      return pid !== null && pid !== undefined && pid !== guard && isAlive(pid) ? pid : undefined;
    },
    { withinMs: 20_000 },
  );
  expect(next).not.toBe(guard);
  const [code] = (await ended) as [number];
  expect(code).toBe(30);
  await expectGivenBack();
});

test('when harness and guard die together, `ordeal recover` gives the service back on a later day', async () => {
  const run = startRun();
  const ended = once(run, 'exit');
  using journal = new Journal(stateFolder);
  await until('a fault is on', () => journal.open().some((e) => e.action.type === 'fault'), { withinMs: 60_000 });
  const guard = openRun()?.guardPid;
  if (guard != null) process.kill(guard, 'SIGKILL');
  run.kill('SIGKILL');
  await ended;
  expect(openRun()).toBeDefined();
  const steps = await recover(stateFolder);
  expect(steps.filter((s) => s.outcome === 'failed')).toEqual([]);
  expect(steps.map((s) => s.what)).toEqual(expect.arrayContaining(['heal stall on store-1']));
  expect(await recover(stateFolder), 'recovering twice is harmless').toEqual([]);
  await expectGivenBack();
});

test('Ctrl-C in mid-fault heals at once, gives the service back, and ends with 130', async () => {
  const run = startRun();
  const ended = once(run, 'exit');
  using journal = new Journal(stateFolder);
  await until('a fault is on', () => journal.open().some((e) => e.action.type === 'fault'), { withinMs: 60_000 });
  run.kill('SIGINT');
  const [vim] = session.vims.values();
  await until('the fault is healed', async () => (await vim?.faults?.active())?.length === 0, {
    withinMs: 1500,
    everyMs: 10,
  });
  const [code] = (await ended) as [number];
  expect(code).toBe(130);
  await expectGivenBack();
});

test('a second Ctrl-C leaves at once, and the guard does the rest', async () => {
  const run = startRun();
  const ended = once(run, 'exit');
  using journal = new Journal(stateFolder);
  await until('a fault is on', () => journal.open().some((e) => e.action.type === 'fault'), { withinMs: 60_000 });
  run.kill('SIGINT');
  await sleep(500);
  run.kill('SIGINT');
  const [code] = (await ended) as [number];
  expect(code).toBe(130);
  await until('the guard closed the run', () => openRun() === undefined, { withinMs: giveBackMs, everyMs: 200 });
  await expectGivenBack();
});
