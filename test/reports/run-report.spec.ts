import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { XMLValidator } from 'fast-xml-parser';
import { writeCollection, writeReports } from '../../reports/index.js';
import { readSamples } from '../../reports/run-folder.js';
import { temporaryFolder } from '../temporary-folder.js';
import { failedRun, lostRun, recordRun, recoveredRun } from './sample-run.js';

let out = '';
test.beforeEach(async () => {
  out = await temporaryFolder('reports');
});
test.afterEach(() => rm(out, { recursive: true }));

test('the reports of a run lie beside run.json, and writing them again changes nothing', async () => {
  const folder = await recordRun(out, failedRun());
  const files = await writeReports(folder);
  const content = () =>
    Promise.all([files.html, files.summary, files.junit, ...files.plots].map((f) => readFile(f, 'utf8')));
  const first = await content();
  await writeReports(folder);
  expect(await content()).toEqual(first);
  expect((await readdir(join(folder, 'plots'))).sort()).toEqual(
    ['health', 'sessions']
      .flatMap((p) => [`${p}-availability.svg`, `${p}-latency.svg`])
      .concat(['health-requests.svg', 'overview.svg', 'sessions-requests.svg'])
      .sort(),
  );
});

test('the page holds headline, verdicts, indicators, outages, dose, snapshots, packages and the steps in their order', async () => {
  const { html } = await writeReports(await recordRun(out, failedRun()));
  const page = await readFile(html, 'utf8');
  for (const told of [
    'FAILED, RESTORED',
    'session-gateway works now, as it did before the test.',
    'did not recover from the stall of store-1 within 5 s',
    'Latency, 99th percentile',
    'the lower end of the interval is beyond the margin',
    'stalledMs 60',
    'root cause analysis (step 8)',
    'ordeal package show reports/out/run-20261122T025814-9b11e0/gateway-forensic.zip',
    '6.5.1',
  ]) {
    expect(page).toContain(told);
  }
  const order = [
    'Plan',
    'Baseline',
    'VNF Snapshots',
    'Inject',
    'Service reacts',
    'Measure again',
    'Judge, restore',
    'Forensic snapshot',
  ];
  const places = order.map((name) => page.indexOf(`<strong>${name}</strong>`));
  expect(places.every((p, i) => p > 0 && p > (places[i - 1] ?? 0))).toBe(true);
});

test('the page needs no network and no script, and what a run is called cannot become part of it', async () => {
  const { html, plots } = await writeReports(await recordRun(out, lostRun()));
  const page = await readFile(html, 'utf8');
  expect(page).not.toMatch(/<script|<iframe|<link|\son\w+=|@import|url\(/i);
  expect(page.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/(src|href)="https?:/);
  expect(page).toContain('A &lt;script&gt;alert(&quot;title&quot;)&lt;/script&gt; &amp; co.');
  for (const plot of plots) expect(XMLValidator.validate(await readFile(plot, 'utf8'))).toBe(true);
});

test('plots show the phases, the fault, and an outage that had not ended', async () => {
  const { plots } = await writeReports(await recordRun(out, lostRun()));
  const overview = await readFile(plots[0]!, 'utf8');
  for (const told of [
    'baseline',
    'snapshot',
    'service reacts',
    'measure again',
    'restoration',
    'stall of store-1',
    'not over, ',
  ]) {
    expect(overview).toContain(told);
  }
});

test('many short outages are told in one line a probe, and each by itself on demand', async () => {
  const run = recoveredRun();
  const flickering = run.samples.map((s, i) => (i % 40 === 0 ? { ...s, ok: false, outcome: '503' } : s));
  const { html, plots } = await writeReports(await recordRun(out, { ...run, samples: flickering }));
  const page = await readFile(html, 'utf8');
  expect(page).toMatch(/<strong>sessions<\/strong>: \d+ outages, the longest .*, \d+ requests lost/);
  expect(page).toMatch(/(Each of the|The first 200 of) \d+ outages/);
  expect(await readFile(plots[0]!, 'utf8')).toMatch(/\d+ outages, the longest/);
});

test('a plot of an hour at 100 Hz is not much larger than one of a few seconds', async () => {
  const run = recoveredRun();
  const base = run.samples.filter((s) => s.probe === 'sessions');
  const long = Array.from({ length: 360_000 }, (_, i) => {
    const like = base[i % base.length]!;
    const shift = i * 10 - like.intendedMs;
    return { ...like, intendedMs: i * 10, sentMs: like.sentMs + shift, doneMs: like.doneMs + shift };
  });
  const folder = await recordRun(out, { record: run.record, samples: long });
  const { plots } = await writeReports(folder);
  expect((await readFile(plots[0]!)).length).toBeLessThan(600_000);
});

test('a last line of samples that was cut off is dropped, a malformed one within the file is an error with its line', async () => {
  const run = recoveredRun();
  const folder = await recordRun(out, run);
  const file = join(folder, run.record.samplesFile);
  await truncate(file, (await readFile(file)).length - 7);
  expect(await readSamples(folder, run.record)).toHaveLength(run.samples.length - 1);
  await writeFile(file, '["sessions",1,2,3,true,"200"]\n["sessions",1]\n["sessions",1,2,3,true,"200"]\n');
  await expect(readSamples(folder, run.record)).rejects.toThrow(/samples\.jsonl:2: A line is not a sample: expected/);
});

test('a run that ended in its plan has a report without plots', async () => {
  const { record } = recoveredRun();
  const folder = await recordRun(out, { record: { ...record, phases: [], outages: [], indicators: [] }, samples: [] });
  await rm(join(folder, record.samplesFile));
  expect((await writeReports(folder)).plots).toEqual([]);
});

test('a folder without a run is one clear error', async () => {
  await expect(writeReports(join(out, 'nowhere'))).rejects.toThrow(/run\.json: No such file\. Check the path\./);
});

test('the page over several runs links each report, those that need a look first', async () => {
  const runs = [recoveredRun(), failedRun()];
  for (const run of runs) await writeReports(await recordRun(out, run));
  const { html, junit } = await writeCollection(
    out,
    runs.map((r) => r.record),
  );
  const page = await readFile(html, 'utf8');
  expect(page).toContain('1 of 2 online tests did not end as expected');
  const links = [...page.matchAll(/href="([^"]+)"/g)].map((m) => m[1]);
  expect(links).toEqual([`${runs[1]!.record.id}/report.html`, `${runs[0]!.record.id}/report.html`]);
  expect(XMLValidator.validate(await readFile(junit, 'utf8'))).toBe(true);
});
