import { copyFile, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { type RunRecord, runRecord } from '../../harness/model/run-record.js';
import { packageRoot } from '../../harness/util/package-root.js';
import { type Outcome, ordeal } from '../cli/ordeal.js';
import { temporaryFolder } from '../temporary-folder.js';
import { sampleWith } from './sample.js';

let folder: string;
test.beforeAll(async () => {
  folder = await temporaryFolder('load');
  await sampleWith(folder, {});
  await copyFile(join(packageRoot, 'test', 'steps', 'load.feature'), join(folder, 'load.feature'));
});
test.afterAll(() => rm(folder, { recursive: true, force: true }));

const run = (name: string, ...more: string[]): Promise<Outcome> =>
  ordeal(folder, 'run', 'load.feature', '--name', `^${name}$`, '--no-allure', ...more);

async function recordNamed(title: string): Promise<RunRecord> {
  const out = join(folder, 'reports', 'out');
  for (const name of (await readdir(out)).filter((n) => n.startsWith('run-'))) {
    const record = runRecord.parse(JSON.parse(await readFile(join(out, name, 'run.json'), 'utf8')));
    if (record.title === title) return record;
  }
  throw new Error(`no run of "${title}" in ${out}`);
}

test('a service is measured under load, and struck by load, and both are in the record', {
  tag: ['@UC-4.1.1.4', '@vim:embedded'],
}, async () => {
  const outcome = await run('under load');
  expect(outcome.code, outcome.stdout).toBe(0);
  const { injections, loads = [], verdicts } = await recordNamed('under load');
  expect(verdicts.injection).toBe('confirmed');
  expect(injections).toMatchObject([{ kind: 'load', target: { vnfc: 'lb' }, measured: { dueHz: 200 } }]);
  expect(loads.map((l) => l.what).sort()).toEqual([
    '100 requests a second like the probe "sessions"',
    '200 requests a second like the probe "health"',
  ]);
  for (const { good, offered } of loads) expect(good).toBeGreaterThan(0.8 * offered);
});

test('a test that makes the service three times as slow is stopped, and the reason names the baseline', async () => {
  const outcome = await run('stopped');
  expect(outcome.code).not.toBe(0);
  const { stopped, injections } = await recordNamed('stopped');
  expect(stopped?.cause).toBe('stop-condition');
  expect(stopped?.reason).toMatch(
    /latencyP50 of probe "sessions" was .* above .* ms, 3 times the baseline, for 500 ms/,
  );
  expect(injections[0]?.healedMs).toBeDefined();
});

test('a load by a generator that cannot send it is refused by the plan', async () => {
  const feature = join(folder, 'load.feature');
  const text = await readFile(feature, 'utf8');
  await writeFile(
    join(folder, 'keys.feature'),
    text.replace('like the probe "sessions"', 'like the probe "sessions", by hey'),
  );
  const outcome = await ordeal(folder, 'plan', 'keys.feature');
  expect(outcome.code).not.toBe(0);
  expect(outcome.stdout + outcome.stderr).toMatch(/hey cannot send this load.*the probe has keys/);
});
