import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import type { LocatedService } from '../../harness/model/network-service.js';
import type { RunRecord } from '../../harness/model/run-record.js';
import type { NativeFaults, Vim } from '../../harness/model/vim.js';
import type { Composed } from '../../harness/online-test/request.js';
import { runOnlineTest } from '../../harness/online-test/run.js';
import { readService, ServiceSession } from '../../harness/online-test/session.js';
import { OrdealError } from '../../harness/util/errors.js';
import { temporaryFolder } from '../temporary-folder.js';
import { writeLaneService } from './kills/lane-service.js';

/** Composed faults on a real service of the embedded VIM, from the first injection to the last heal. */
test.describe.configure({ mode: 'serial', timeout: 90_000 });

let stateFolder: string;
let service: LocatedService;
let session: ServiceSession;

test.beforeAll(async () => {
  stateFolder = await temporaryFolder('compositions');
  service = await readService(await writeLaneService(stateFolder, 'composed'));
  session = await ServiceSession.open(service, { stateFolder });
  await session.start();
});

test.afterAll(async () => {
  await session[Symbol.asyncDispose]();
  await rm(stateFolder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
});

test.afterEach(async () => {
  for (const vim of session.vims.values()) expect(await vim.faults?.active()).toEqual([]);
  expect(session.journal.open()).toEqual([]);
});

const run = (faults: readonly Composed[], of = session): Promise<RunRecord> =>
  runOnlineTest(
    of,
    { title: 'composed', front: 'library', baselineMs: 1200, measureMs: 1200, seed: 3, faults },
    { outFolder: join(stateFolder, 'out') },
  );
const slow = (delayMs: number, durationMs?: number) => ({
  ...{ kind: 'delay', target: { link: 'back' }, params: { delayMs } },
  ...(durationMs === undefined ? {} : { durationMs }),
});
const stall = { kind: 'stall', target: { vnfc: 'worker-1' }, durationMs: 400 };
/** Of each fault: its kind, when it came after the first, and how long it was on, in milliseconds. */
const times = ({ injections }: RunRecord) => {
  const firstMs = injections[0]?.injectedMs ?? 0;
  return injections.map((i) => ({
    ...{ kind: i.kind, atMs: (i.injectedMs ?? 0) - firstMs, onMs: (i.healedMs ?? 0) - (i.injectedMs ?? 0) },
    verdict: i.verdict,
  }));
};

test('a sequence: each begins when the one before it is healed, after the pause', async () => {
  const record = await run([{ sequence: [stall, { repeat: [slow(60, 500)], everyMs: 700, times: 2 }], pauseMs: 200 }]);
  const [first, second, third, ...others] = times(record);
  expect(others).toEqual([]);
  expect([first?.kind, second?.kind, third?.kind]).toEqual(['stall', 'delay', 'delay']);
  expect(second?.atMs).toBeGreaterThanOrEqual((first?.onMs ?? 0) + 100);
  expect((third?.atMs ?? 0) - (second?.atMs ?? 0)).toBeGreaterThanOrEqual(650);
  for (const { verdict } of [first, second, third].flatMap((f) => f ?? [])) expect(verdict).toBe('confirmed');
  expect(record.verdicts.injection).toBe('confirmed');
});

test('a ramp: the dose that is measured grows with the one that is asked for', async () => {
  const ramp = { ramp: slow(30), parameter: 'delayMs', from: 30, to: 150, steps: 3, stepMs: 600 };
  const { injections } = await run([ramp]);
  expect(injections.map((i) => i.params.delayMs)).toEqual([30, 90, 150]);
  const got = injections.map((i) => Number(i.measured.delayMs));
  expect(got).toEqual([...got].sort((a, b) => a - b));
  expect(got.at(-1)).toBeGreaterThan(140);
});

test('in parallel: what is on until the end is healed in reverse, each told by itself', async () => {
  const skew = { kind: 'clock-skew', target: { vnfc: 'store-2' }, params: { offsetMs: 4000 }, afterMs: 200 };
  const cpu = { kind: 'cpu-starvation', target: { vnfc: 'worker-1' }, params: { share: 0.5 }, afterMs: 400 };
  const { injections } = await run([{ parallel: [slow(30), skew, cpu] }]);
  expect(injections.map((i) => i.kind)).toEqual(['delay', 'clock-skew', 'cpu-starvation']);
  const [delay, clock, starved] = injections.map((i) => i.healedMs ?? Number.NaN);
  expect(starved).toBeLessThanOrEqual(clock ?? Number.NaN);
  expect(clock).toBeLessThanOrEqual(delay ?? Number.NaN);
});

test('one that does not heal at first keeps none of the others on, and the record tells it of that one alone', async () => {
  let refused = 0;
  const stubborn = (real: NativeFaults): NativeFaults => ({
    ...real,
    heal: (i) =>
      i.kind === 'clock-skew' && refused++ === 0
        ? Promise.reject(new OrdealError('vim-failed', 'Not now'))
        : real.heal(i),
  });
  const wrapVim = (vim: Vim): Vim =>
    new Proxy(vim, {
      get(target, key) {
        const value: unknown =
          key === 'faults' && target.faults ? stubborn(target.faults) : Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  await using wrapped = await ServiceSession.open(service, { stateFolder, wrapVim });
  const skew = { kind: 'clock-skew', target: { vnfc: 'store-2' }, params: { offsetMs: 4000 } };
  const { injections } = await run([{ parallel: [slow(30), skew, { ...stall, durationMs: 300 }] }], wrapped);
  expect(injections.map((i) => [i.kind, i.healFailures, i.healedMs !== undefined])).toEqual([
    ['delay', undefined, true],
    ['clock-skew', ['Not now'], true],
    ['stall', undefined, true],
  ]);
});

test('drawn at random from a seed: as planned, each healed after its own time', async () => {
  const random = {
    kinds: ['stall', 'delay', 'loss'],
    targets: [{ vnfc: 'worker-1' }, { link: 'back' }],
    count: 4,
    overMs: 1500,
  };
  const record = await run([{ random: { ...random, durationMs: [200, 500] } }]);
  expect(record.plan.filter((l) => l.startsWith('Fault: '))).toHaveLength(4);
  for (const { onMs } of times(record)) {
    expect(onMs).toBeGreaterThanOrEqual(195);
    expect(onMs).toBeLessThan(3000);
  }
});
