import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { stopRuns, whoAsks } from '../../harness/online-test/stop.js';
import { Journal } from '../../harness/store/journal.js';
import { sleep } from '../../harness/util/deadline.js';
import { injection } from './undo-fakes.js';

let stateFolder: string;
let journal: Journal;

test.beforeEach(async () => {
  stateFolder = await mkdtemp(join(tmpdir(), 'ordeal-stop-runs-'));
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

test('a stop returns once the last fault is healed, whatever else is open', async () => {
  const entry = begin('r1');
  setTimeout(() => journal.settle(entry), 150);
  const [stopped, ...others] = await stopRuns(stateFolder, { runId: 'r1', by: 'ann' });
  expect(others).toEqual([]);
  expect(stopped).toMatchObject({ runId: 'r1', serviceId: 'of-r1', healed: true, held: true });
  expect(stopped?.afterMs).toBeGreaterThanOrEqual(140);
  expect(stopped?.afterMs).toBeLessThan(600);
  expect(journal.run('r1')?.stopBy).toBe('ann');
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
  const fromMs = performance.now();
  const [stopped] = await stopRuns(stateFolder, { runId: 'r1', waitMs: 120 });
  expect(stopped).toMatchObject({ healed: false });
  expect(performance.now() - fromMs).toBeLessThan(1500);
  expect(stopped?.afterMs).toBeGreaterThanOrEqual(120);
});

test('a stop waits for the lease of the run and two seconds, unless it is told otherwise', async () => {
  begin('r1');
  const stopping = stopRuns(stateFolder, { runId: 'r1' });
  const early = await Promise.race([stopping, sleep(2300)]);
  expect(early).toBeUndefined();
  expect((await stopping)[0]).toMatchObject({ healed: false });
  expect((await stopping)[0]?.afterMs).toBeLessThan(3500);
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
