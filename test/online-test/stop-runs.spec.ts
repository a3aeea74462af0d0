import { rm } from 'node:fs/promises';
import { expect, test } from '@playwright/test';
import { stopRuns, whoAsks } from '../../harness/online-test/stop.js';
import { Journal } from '../../harness/store/journal.js';
import { temporaryFolder } from '../temporary-folder.js';
import { injection } from './undo-fakes.js';

let stateFolder: string;
let journal: Journal;

test.beforeEach(async () => {
  stateFolder = await temporaryFolder('stop-runs');
  journal = new Journal(stateFolder);
});

test.afterEach(async () => {
  journal[Symbol.dispose]();
  await rm(stateFolder, { recursive: true, force: true });
});

function begin(id: string): number {
  const startedAt = new Date().toISOString();
  journal.begin({
    id,
    serviceFile: '',
    serviceId: `of-${id}`,
    outFolder: '',
    pid: process.pid,
    startedAt,
    leaseMs: 500,
  });
  const entry = journal.intend(id, { type: 'fault', injection });
  journal.intend(id, { type: 'package', file: 'f' });
  return entry;
}

/** A clock that only pauses move. @param then done at each pause */
function clock(then: (nowMs: number) => void = () => undefined) {
  let nowMs = 5000;
  const pause = async (ms: number) => {
    nowMs += ms;
    then(nowMs - 5000);
  };
  return { nowMs: () => nowMs, pause };
}

test('a stop returns once the last fault is healed, whatever else is open', async () => {
  const entry = begin('r1');
  const time = clock((passedMs) => {
    if (passedMs >= 150) journal.settle(entry);
  });
  const [stopped, ...others] = await stopRuns(stateFolder, { runId: 'r1', by: 'ann', ...time });
  expect(others).toEqual([]);
  expect(stopped).toEqual({ runId: 'r1', serviceId: 'of-r1', healed: true, held: true, afterMs: 160 });
  expect(journal.run('r1')?.stopBy).toBe('ann');
});

test('of a run whose process is gone a stop says so', async () => {
  journal.begin({ id: 'r1', serviceFile: '', serviceId: 's', outFolder: '', pid: 2 ** 22 + 1, startedAt: '' });
  expect(await stopRuns(stateFolder)).toMatchObject([{ runId: 'r1', healed: true, held: false }]);
});

test('a stop of all stops every open run, and none that is closed', async () => {
  const entries = [begin('r1'), begin('r2')];
  journal.begin({ id: 'r3', serviceFile: '', serviceId: 's', outFolder: '', pid: process.pid, startedAt: '' });
  journal.close('r3');
  for (const e of entries) journal.settle(e);
  expect((await stopRuns(stateFolder)).map((s) => [s.runId, s.healed])).toEqual([
    ['r1', true],
    ['r2', true],
  ]);
  expect(['r1', 'r2', 'r3'].map((id) => journal.run(id)?.stopBy)).toEqual([whoAsks(), whoAsks(), null]);
});

test('a stop that is not answered within its time says that a fault is still on', async () => {
  begin('r1');
  const [stopped] = await stopRuns(stateFolder, { runId: 'r1', waitMs: 120, ...clock() });
  expect(stopped).toMatchObject({ healed: false, afterMs: 120 });
});

test('a stop waits for the lease of the run and two seconds, unless it is told otherwise', async () => {
  begin('r1');
  const [stopped] = await stopRuns(stateFolder, { runId: 'r1', ...clock() });
  expect(stopped).toMatchObject({ healed: false, afterMs: 2500 });
});

test('by itself a stop goes by the time that passes', async () => {
  begin('r1');
  const fromMs = performance.now();
  const [stopped] = await stopRuns(stateFolder, { runId: 'r1', waitMs: 100 });
  expect(stopped?.afterMs).toBeGreaterThanOrEqual(100);
  expect(performance.now() - fromMs).toBeGreaterThanOrEqual(stopped?.afterMs ?? 0);
});

test('of a run that is not open a stop says which are', async () => {
  begin('r1');
  await expect(stopRuns(stateFolder, { runId: 'r9' })).rejects.toMatchObject({
    kind: 'unknown-target',
    message: 'Run r9 is not open: expected one of r1. See `ordeal status`.',
  });
  expect(journal.run('r1')?.stopBy).toBeNull();
  for (const e of journal.open('r1')) journal.settle(e.id);
  journal.close('r1');
  await expect(stopRuns(stateFolder, { runId: 'r1' })).rejects.toThrow(/expected nothing: no run is open/);
  expect(await stopRuns(stateFolder)).toEqual([]);
});

test('who asks is a person on a host', () => {
  expect(whoAsks()).toMatch(new RegExp(`^\\S+@\\S+ \\(process ${process.pid}\\)$`));
});
