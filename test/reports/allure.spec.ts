import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { renderAllure, writeAllureResults, writeReports } from '../../reports/index.js';
import { temporaryFolder } from '../temporary-folder.js';
import { failedRun, recordRun, recoveredRun } from './sample-run.js';

let out = '';
test.beforeEach(async () => {
  out = await temporaryFolder('allure');
});
test.afterEach(() => rm(out, { recursive: true }));

async function results() {
  const folder = join(out, 'allure-results');
  const files = (await readdir(folder)).filter((f) => f.endsWith('-result.json'));
  const read = await Promise.all(files.map(async (f) => JSON.parse(await readFile(join(folder, f), 'utf8'))));
  return read.sort((a, b) => a.name.localeCompare(b.name));
}

test('a run is one Allure result with the eight steps, their times and states, and everything attached', async () => {
  for (const run of [recoveredRun(), failedRun()]) {
    const folder = await recordRun(out, run);
    await writeReports(folder);
    await writeAllureResults(folder, run.record, join(out, 'allure-results'));
  }
  const [recovered, failed] = await results();
  expect([recovered.status, failed.status]).toEqual(['passed', 'failed']);
  expect(failed.statusDetails.message).toContain('did not recover from the stall of store-1');
  expect(failed.steps).toHaveLength(8);
  expect(recovered.steps.map((s: { status: string }) => s.status)).toEqual([...Array(7).fill('passed'), 'skipped']);
  const { startedAt, stages } = failedRun().record;
  expect(failed.steps[6]).toMatchObject({
    name: expect.stringMatching(/^Judge, restore: not as before/),
    start: Date.parse(startedAt) + stages[6]!.fromMs,
    stop: Date.parse(startedAt) + stages[6]!.toMs,
  });
  const names = failed.attachments.map((a: { name: string }) => a.name);
  for (const name of ['Plot: overview', 'run.json', 'Summary', 'Procedure trace', 'Evidence'])
    expect(names).toContain(name);
  for (const { source } of failed.attachments) {
    expect(await readdir(join(out, 'allure-results'))).toContain(source);
  }
});

test('the same test of another day has the same history, although its run id and figures differ', async () => {
  for (const seed of [1, 2]) {
    const run = recoveredRun(seed);
    const record = { ...run.record, id: `run-${seed}` };
    const folder = await recordRun(out, { ...run, record });
    await writeReports(folder);
    await writeAllureResults(folder, record, join(out, 'allure-results'));
  }
  const [one, two] = await results();
  expect(one.historyId).toBe(two.historyId);
  expect(one.uuid).not.toBe(two.uuid);
});

test('Allure renders one file that fetches nothing and reports to nobody', async () => {
  test.setTimeout(90_000);
  const run = failedRun();
  const folder = await recordRun(out, run);
  await writeReports(folder);
  await writeAllureResults(folder, run.record, join(out, 'allure-results'));
  const page = await readFile(await renderAllure(out), 'utf8');
  expect(page).not.toMatch(/<(script|link|img)[^>]+(src|href)="https?:/);
  expect(page).toContain(`content="default-src 'self'`);
});

test('results that are not there are an error in the words of Allure', async () => {
  await expect(renderAllure(out)).rejects.toThrow(/Allure did not render the report: .*No test results/s);
});
