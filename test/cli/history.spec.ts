import { join } from 'node:path';
import { expect } from '@playwright/test';
import { type PastRun, RunHistory } from '../../harness/store/run-history.js';
import { seededRandom } from '../../harness/util/random.js';
import { test } from '../package/fixtures.js';
import { recordRun, recoveredRun } from '../reports/sample-run.js';
import { ordeal } from './ordeal.js';

/** Thirty runs of one service, of which the last ten are slower. */
function remember(folder: string, level: (i: number) => number): void {
  const random = seededRandom(1);
  using history = new RunHistory(join(folder, '.ordeal'));
  for (let i = 0; i < 30; i++) {
    const run: PastRun = {
      id: `run-${String(i).padStart(2, '0')}`,
      service: 'gateway',
      title: 'the store crashes',
      label: `v1.${i}`,
      startedAt: `2026-10-${String(i + 1).padStart(2, '0')}T03:00:00.000Z`,
      verdict: 'recovered',
      figures: [
        {
          probe: 'sessions',
          indicator: 'latencyP50',
          moment: 'baseline',
          unit: 'ms',
          value: level(i) * (1 + 0.1 * random()),
        },
        { probe: 'service', indicator: 'timeToRecover', moment: 'run', unit: 'ms', value: 900 + 50 * random() },
      ],
    };
    history.add(run);
    history.add(run);
  }
}

test('a slower level shows with the version that brought it, and fails the gate', async ({ folder }) => {
  remember(folder, (i) => (i < 20 ? 10 : 30));
  const shown = await ordeal(folder, 'history');
  expect(shown.stdout).toMatch(
    /gateway +sessions +latencyP50 +baseline +30 .*worse since v1\.20 \(2026-10-21\): 10\.\d+ ms → 3\d(\.\d+)? ms/,
  );
  expect(shown.stdout).toMatch(/gateway +service +timeToRecover +run +30 /);
  expect(shown.code, shown.stderr).toBe(0);
  expect((await ordeal(folder, 'history', '--gate')).code).toBe(37);
  expect((await ordeal(folder, 'history', '--gate', '--indicator', 'timeToRecover')).code).toBe(0);
  expect((await ordeal(folder, 'history', '--gate', '--margin', '400%')).code).toBe(0);
  const one = await ordeal(folder, 'history', '--indicator', 'latencyP50', '--last', '25', '--json');
  const [told] = JSON.parse(one.stdout);
  expect(told.figures).toHaveLength(25);
  expect(told.changes[0]).toMatchObject({ kind: 'worse', run: { label: 'v1.20' } });
  const table = await ordeal(folder, 'history', '--indicator', 'latencyP50');
  expect(table.stdout).toMatch(/2026-10-21 03:00 +v1\.20 +run-20 +3\d(\.\d+)? ms +← worse/);
});

test('a run folder is taken into the history', async ({ folder }) => {
  const { record, samples } = recoveredRun();
  await recordRun(folder, { record, samples });
  const added = await ordeal(folder, 'history', 'add', record.id, '--label', 'v0.9');
  expect(added.code, added.stderr).toBe(0);
  const { stdout } = await ordeal(folder, 'history', '--service', record.service, '--moment', 'baseline', '--json');
  const all = JSON.parse(stdout);
  expect(all.length).toBeGreaterThan(0);
  expect(all[0].figures).toMatchObject([{ runId: record.id, label: 'v0.9' }]);
  const again = await ordeal(folder, 'judge', record.id);
  expect([0, 34, 37]).toContain(again.code);
  expect(again.stdout).toMatch(/ requests before, \d/);
});

test('what cannot be shown is refused with what there is', async ({ folder }) => {
  const none = await ordeal(folder, 'history');
  expect(none.stderr).toMatch(/There is no run in the history.*ordeal history add/);
  expect(none.code).toBe(4);
  remember(folder, () => 10);
  const unknown = await ordeal(folder, 'history', '--indicator', 'latencyP42');
  expect(unknown.stderr).toMatch(/expected service timeToRecover run, sessions latencyP50 baseline, got latencyP42/);
  expect(unknown.code).toBe(2);
  expect((await ordeal(folder, 'history', '--last', 'many')).code).toBe(2);
  expect((await ordeal(folder, 'history', 'add', 'nothing')).code).toBe(4);
});
