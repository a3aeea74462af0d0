import { spawnSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import Database from 'libsql';
import type { LocatedService } from '../../harness/model/network-service.js';
import type { NativeFaults, Vim } from '../../harness/model/vim.js';
import type { OnlineTestRequest } from '../../harness/online-test/request.js';
import { runOnlineTest } from '../../harness/online-test/run.js';
import { readService, ServiceSession } from '../../harness/online-test/session.js';
import { sleep, until } from '../../harness/util/deadline.js';
import { OrdealError } from '../../harness/util/errors.js';
import { packageRoot } from '../../harness/util/package-root.js';
import { temporaryFolder } from '../temporary-folder.js';

/** A real service on the embedded VIM, and something of the harness or its VIM that lies, throws or does nothing. */

test.describe.configure({ mode: 'serial', timeout: 150_000 });

const sample = join(packageRoot, 'scenarios', 'session-gateway');
let stateFolder: string;
let service: LocatedService;
let honest: ServiceSession;

test.beforeAll(async () => {
  stateFolder = await temporaryFolder('sabotage');
  service = await readService(join(sample, 'service.yaml'));
  honest = await ServiceSession.open(service, { stateFolder });
  await honest.start();
});

test.afterAll(async () => {
  await honest[Symbol.asyncDispose]();
  await rm(stateFolder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
});

const stall: OnlineTestRequest = {
  title: 'sabotage',
  front: 'library',
  baselineMs: 2500,
  measureMs: 2500,
  expectedRecoveryMs: 1500,
  seed: 11,
  faults: [{ kind: 'stall', target: { vnfc: 'worker-1' }, durationMs: 400 }],
};
const delay: OnlineTestRequest = {
  ...stall,
  faults: [{ kind: 'delay', target: { link: 'front' }, params: { delayMs: 60 }, durationMs: 600 }],
};

/** @param lie what the double does instead, given the real thing */
async function runWith(lie: (real: NativeFaults) => Partial<NativeFaults>, request = stall, of = service) {
  const wrapVim = (vim: Vim): Vim => {
    const real = vim.faults;
    if (real === undefined) return vim;
    const faults = { ...real, ...lie(real) };
    return new Proxy(vim, {
      get(target, key) {
        const value: unknown = key === 'faults' ? faults : Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  };
  await using session = await ServiceSession.open(of, { stateFolder, wrapVim });
  return await runOnlineTest(session, request, { outFolder: join(stateFolder, 'out') });
}

async function active() {
  const all = [];
  for (const vim of honest.vims.values()) all.push(...((await vim.faults?.active()) ?? []));
  return all;
}

async function expectNothingLeft(): Promise<void> {
  expect(await active()).toEqual([]);
  expect(honest.journal.open()).toEqual([]);
  expect(honest.journal.runs({ open: true })).toEqual([]);
}

const failing = (what: string) => Promise.reject(new OrdealError('vim-failed', what));

test('without sabotage the same test passes', async () => {
  const record = await runWith(() => ({}));
  expect(record.errors).toEqual([]);
  expect([record.verdicts.service, record.verdicts.injection, record.exitCode]).toEqual(['recovered', 'confirmed', 0]);
  await expectNothingLeft();
});

test('an injector that does nothing is no effect, and never a pass', async () => {
  const record = await runWith(() => ({ inject: () => Promise.resolve() }));
  expect([record.verdicts.injection, record.exitCode]).toEqual(['no-effect', 35]);
  expect(record.injections[0]?.how).toMatch(/the fault is not on/);
  await expectNothingLeft();
});

test('an injector that does nothing and a measurement that lies about it are no effect all the same', async () => {
  const record = await runWith(() => ({
    inject: () => Promise.resolve(),
    verify: () => Promise.resolve({ effective: true, measured: {}, how: 'a lie' }),
  }));
  expect([record.verdicts.injection, record.exitCode]).toEqual(['no-effect', 35]);
  expect(record.injections[0]?.how).toMatch(/the VIM does not list it, though it was read: a lie/);
  await expectNothingLeft();
});

test('another dose is a wrong dose, and says which it was', async () => {
  const record = await runWith(
    (real) => ({ inject: (i) => real.inject({ ...i, params: { delayMs: 200, jitterMs: 0 } }) }),
    delay,
  );
  expect([record.verdicts.injection, record.exitCode]).toEqual(['wrong-dose', 35]);
  expect(Number(record.injections[0]?.measured.delayMs)).toBeGreaterThan(150);
  await expectNothingLeft();
});

test('an injection that throws half-way is healed, and the run fails with what the VIM said', async () => {
  const record = await runWith((real) => ({
    inject: async (i) => {
      await real.inject(i);
      await failing('The VIM lost its head');
    },
  }));
  expect([record.verdicts.injection, record.exitCode]).toEqual(['not-injected', 17]);
  expect(record.errors.join()).toMatch(/The VIM lost its head/);
  await expectNothingLeft();
});

test('a heal that throws once is tried again; the run passes, and the record keeps the failure', async () => {
  let thrown = 0;
  const record = await runWith((real) => ({
    heal: (i) => (thrown++ === 0 ? failing('The VIM was busy') : real.heal(i)),
  }));
  expect(record.injections[0]?.healFailures).toEqual(['The VIM was busy']);
  expect([record.verdicts.injection, record.exitCode]).toEqual(['confirmed', 0]);
  await expectNothingLeft();
});

test('a heal that always throws fails the run, and the guard heals what it left', async () => {
  const record = await runWith(() => ({ heal: () => failing('The VIM will not heal') }));
  expect([17, 32]).toContain(record.exitCode);
  expect(record.errors.join()).toMatch(/\(stall\) is not healed: The VIM will not heal.*ordeal recover/);
  expect(record.injections[0]?.healedMs).toBeUndefined();
  expect(honest.journal.open().map((e) => e.action.type)).toContain('fault');
  await until('the guard closed the run', () => honest.journal.runs({ open: true }).length === 0, {
    withinMs: 90_000,
    everyMs: 200,
  });
  await expectNothingLeft();
});

test('a fault that comes on only once the run was taken over is healed by who injected it', async () => {
  const record = await runWith((real) => ({
    inject: async (i) => {
      // As a process that is stopped between the journal and the VIM, and goes on when the run is another's.
      giveToNobody(i.runId);
      await sleep(1500);
      await real.inject(i);
    },
  }));
  expect(record.exitCode).toBe(22);
  expect(record.errors.join()).toMatch(/was taken over by another process/);
  expect(await active()).toEqual([]);
  await until('the guard closed the run', () => honest.journal.runs({ open: true }).length === 0, {
    withinMs: 60_000,
    everyMs: 200,
  });
  await expectNothingLeft();
});

/** The run's holder is a process that has died: no process has this id, it is beyond what Linux gives out. */
function giveToNobody(runId: string): void {
  const db = new Database(honest.journal.file);
  db.pragma('busy_timeout = 5000');
  db.prepare('update run set pid = ? where id = ?').run(2 ** 22 + 1, runId);
  db.close();
}

test('a measurement that throws proves nothing', async () => {
  const record = await runWith(() => ({ verify: () => failing('The VIM cannot look') }));
  expect([record.verdicts.injection, record.exitCode]).toEqual(['no-effect', 35]);
  expect(record.injections[0]?.how).toMatch(/could not be measured: The VIM cannot look/);
  await expectNothingLeft();
});

/** A probe that takes every answer for good, or every answer for bad. */
const withLiar = (status: number[]): LocatedService => {
  const { descriptor } = service;
  const health = descriptor.probes.find((p) => p.id === 'health');
  if (health?.kind !== 'http') throw new Error('the sample service has a probe of its health');
  const liar = { ...health, id: 'liar', expect: { ...health.expect, status } };
  return { ...service, descriptor: { ...descriptor, probes: [...descriptor.probes, liar] } };
};

test('a probe that says all is bad makes the baseline unsteady: nothing is injected', async () => {
  const record = await runWith(() => ({}), stall, withLiar([299]));
  expect([record.verdicts.injection, record.exitCode]).toEqual(['not-injected', 34]);
  expect(record.injections).toEqual([]);
  expect(record.errors.join()).toMatch(/The baseline is not steady.*liar/);
  await expectNothingLeft();
});

test('a VNFC that crashes between the baseline and the snapshots is no cover: nothing is injected', async () => {
  const [faults] = [...honest.vims.values()].flatMap((vim) => vim.faults ?? []);
  if (faults === undefined) throw new Error('the embedded VIM has faults');
  const crash = { id: 'outside', runId: 'outside', kind: 'crash' as const, vim: 'embedded', params: {}, seed: 1 };
  await using session = await ServiceSession.open(service, { stateFolder });
  const heldFor = session.heldFor.bind(session);
  session.heldFor = (runId) => {
    const held = heldFor(runId);
    const { engine } = held;
    const create = engine.createTogether.bind(engine);
    engine.createTogether = async (...request) => {
      await faults.inject({ ...crash, target: { vnfc: 'worker-2' }, expiresAfterMs: 60_000 });
      return create(...request);
    };
    return Object.defineProperty(held, 'engine', { value: engine });
  };
  const record = await runOnlineTest(session, stall, { outFolder: join(stateFolder, 'out') });
  expect([record.verdicts.injection, record.exitCode]).toEqual(['not-injected', 34]);
  expect(record.errors).toEqual(['The service is not steady: worker-2 crashed after the baseline was measured']);
  await faults.heal({ ...crash, target: { vnfc: 'worker-2' }, expiresAfterMs: 60_000 });
  await expectNothingLeft();
});

test('a probe that says all is good does not outvote those that see the failure', async () => {
  const failure = { ...stall, around: ['gateway', 'session-store'], expectedRecoveryMs: 3000 };
  const faults = [{ kind: 'stall', target: { vnfc: 'store-1' }, durationMs: 2000 }];
  const record = await runWith(() => ({}), { ...failure, faults }, withLiar([200, 404, 500, 502, 503, 504]));
  expect([record.verdicts.service, record.exitCode]).toEqual(['failed', 30]);
  await expectNothingLeft();
});

test('a disk that is full ends the run as such, and no fault stays on', async () => {
  const out = await temporaryFolder('full');
  const mounted = (then: string) => ['-m', 'sh', '-c', `mount -t tmpfs -o size=48k none "${out}" && ${then}`];
  const allowed = spawnSync('unshare', mounted('true')).status === 0;
  test.skip(!allowed, 'this host does not let this user mount a small file system');
  const ordeal = `exec "${process.execPath}" "${join(packageRoot, 'bin', 'ordeal.js')}"`;
  const run = `${ordeal} run "${join(sample, 'gate.feature')}" --no-allure --state "${stateFolder}" --out "${out}"`;
  const { status, stdout, stderr } = spawnSync('unshare', mounted(run), { encoding: 'utf8', timeout: 120_000 });
  expect(stdout + stderr).toMatch(/No space is left to write/);
  expect(status).toBe(10);
  // What cannot be looked at without a disk stays in the books; the fault itself does not stay on.
  await until('no fault is on', async () => (await active()).length === 0, { withinMs: 15_000 });
});
