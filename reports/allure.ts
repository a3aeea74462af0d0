import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  ContentType,
  type Label,
  LabelName,
  type Parameter,
  Stage,
  Status,
  type StatusDetails,
} from 'allure-js-commons';
import { createDefaultWriter, ReporterRuntime } from 'allure-js-commons/sdk/reporter';
import type { RunRecord, StageRecord } from '../harness/model/run-record.js';
import { writeAtomically } from '../harness/util/atomic-file.js';
import { asError, OrdealError } from '../harness/util/errors.js';
import { headlineOf } from './headline.js';
import { resultOf } from './junit.js';
import { summaryText } from './summary.js';
import { bytes, duration, faultNames, printable, steps, verdictWords } from './words.js';

/**
 * One Allure result for the run, its eight steps as Allure steps, the plots and the record attached.
 * Prerequisite: writeReports has been called for the folder. @param resultsFolder usually allure-results
 */
export async function writeAllureResults(runFolder: string, record: RunRecord, resultsFolder: string): Promise<void> {
  const runtime = new ReporterRuntime({ writer: createDefaultWriter({ resultsDir: resultsFolder }) });
  const startedAt = Date.parse(record.startedAt);
  const test = runtime.startTest({
    name: printable(record.title),
    fullName: `${record.service}: ${record.title}`,
    testCaseId: md5(`${record.service}/${record.title}`),
    historyId: md5(`${record.service}/${record.title}`),
    start: startedAt,
    description: description(record),
    labels: labels(record),
    parameters: parameters(record),
  });
  for (const stage of record.stages) writeStage(runtime, test, stage, startedAt);
  for (const attachment of await attachments(runFolder, record)) {
    const { name, path, contentType } = attachment;
    runtime.writeAttachment(test, undefined, name, path, { contentType, wrapInStep: false });
  }
  runtime.writeAttachment(test, undefined, 'Summary', Buffer.from(summaryText(record)), {
    contentType: ContentType.TEXT,
    wrapInStep: false,
  });
  runtime.writeAttachment(test, undefined, 'Procedure trace', Buffer.from(traceText(record)), {
    contentType: ContentType.TSV,
    wrapInStep: false,
  });
  if (record.packages.length > 0) {
    const listing = record.packages.map((p) => `${p.sha256}  ${p.file}  ${bytes(p.bytes)}`).join('\n');
    runtime.writeAttachment(test, undefined, 'Evidence', Buffer.from(`${listing}\n`), {
      contentType: ContentType.TEXT,
      wrapInStep: false,
    });
  }
  runtime.updateTest(test, (result) => {
    result.status = statusOf(record);
    result.statusDetails = statusDetails(record);
    result.stage = Stage.FINISHED;
  });
  runtime.stopTest(test, { stop: startedAt + record.finishedMs });
  runtime.writeTest(test);
}

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

function writeStage(runtime: ReporterRuntime, test: string, stage: StageRecord, startedAt: number): void {
  const { step, name } = steps[stage.name];
  const id = runtime.startStep(test, undefined, {
    name: `${name}${stage.note ? `: ${stage.note}` : ''}`,
    start: startedAt + stage.fromMs,
  });
  if (id === undefined) return;
  runtime.updateStep(id, (result) => {
    result.status = { done: Status.PASSED, failed: Status.FAILED, skipped: Status.SKIPPED }[stage.state];
    result.stage = Stage.FINISHED;
    result.parameters.push(
      { name: 'step of clause 4.1.1.4', value: String(step) },
      { name: 'took', value: duration(stage.toMs - stage.fromMs) },
    );
  });
  runtime.stopStep(id, { stop: startedAt + stage.toMs });
}

const statusOf = (record: RunRecord): Status =>
  ({ passed: Status.PASSED, failure: Status.FAILED, error: Status.BROKEN })[resultOf(record)];

function statusDetails(record: RunRecord): StatusDetails {
  const { badge, now, story } = headlineOf(record);
  return { message: `${badge}. ${now} ${story}`, ...(record.errors.length > 0 && { trace: record.errors.join('\n') }) };
}

function labels(record: RunRecord): Label[] {
  const { verdicts: v } = record;
  const of = (name: string, ...values: readonly string[]) => values.map((value) => ({ name, value }));
  return [
    ...of(LabelName.PARENT_SUITE, 'Online tests'),
    ...of(LabelName.SUITE, record.service),
    ...of(LabelName.EPIC, 'Online testing (GR NFV-TST 005, 4.1.1)'),
    ...of(LabelName.FEATURE, record.service),
    ...of(LabelName.FRAMEWORK, 'ordeal'),
    ...of(LabelName.TAG, ...new Set(record.injections.map((i) => i.kind)), v.service, v.restoration),
  ];
}

const parameters = (record: RunRecord): Parameter[] => [
  // The run's id and its figures differ from run to run: they must not make another test of it.
  ...Object.entries({
    run: record.id,
    fault: faultNames(record.injections),
    service: verdictWords[record.verdicts.service] ?? '',
    injection: verdictWords[record.verdicts.injection] ?? '',
    restoration: verdictWords[record.verdicts.restoration] ?? '',
    evidence: verdictWords[record.verdicts.evidence] ?? '',
    'expected recovery': duration(record.expectedRecoveryMs),
    'time to recover': record.timeToRecoverMs === null ? 'did not recover' : duration(record.timeToRecoverMs),
    'exit code': String(record.exitCode),
  }).map(([name, value]) => ({ name, value, excluded: true })),
];

function description(record: RunRecord): string {
  const { now, story } = headlineOf(record);
  const plain = (text: string) => text.replace(/[\\`*_[\]<>#|]/g, '\\$&');
  return `**${plain(now)}** ${plain(story)}\n\n${record.plan.map((line) => `- ${plain(line)}`).join('\n')}`;
}

const traceText = ({ trace }: RunRecord): string =>
  [
    'clause\tstep\tfrom\tto\twhat\tat ms\toutcome',
    ...trace.map((t) => [t.clause, t.step, t.from, t.to, t.what, t.atMs.toFixed(1), t.outcome].join('\t')),
  ].join('\n');

async function attachments(runFolder: string, record: RunRecord) {
  const plots = (await readdir(join(runFolder, 'plots')).catch(() => [] as string[])).filter((f) => f.endsWith('.svg'));
  const sorted = plots.toSorted(
    (a, b) => Number(b.startsWith('overview')) - Number(a.startsWith('overview')) || a.localeCompare(b),
  );
  return [
    ...sorted.map((file) => ({
      name: `Plot: ${file.slice(0, -4)}`,
      path: join(runFolder, 'plots', file),
      contentType: ContentType.SVG,
    })),
    { name: 'run.json', path: join(runFolder, 'run.json'), contentType: ContentType.JSON },
    { name: `${record.id}: report`, path: join(runFolder, 'report.html'), contentType: ContentType.HTML },
  ];
}

/**
 * Renders what is in `<outFolder>/allure-results` as one static file with `allure` 3, without network and without Java.
 * @returns the path of the report, `<outFolder>/allure-report/index.html`
 * @throws OrdealError with allure's own words when it fails
 */
export async function renderAllure(outFolder: string): Promise<string> {
  const results = resolve(outFolder, 'allure-results');
  const report = resolve(outFolder, 'allure-report');
  const cli = join(dirname(fileURLToPath(import.meta.resolve('allure'))), '..', 'cli.js');
  const args = [cli, 'awesome', results, '--output', report, '--single-file', '--name', 'Online tests'];
  await run(args, resolve(outFolder));
  const file = join(report, 'index.html');
  await writeAtomically(file, offline(await readFile(file, 'utf8')), 0o644);
  return file;
}

/** Allure's page reports each opening to an analytics service and has no option against it; evidence is nobody else's. */
const offline = (html: string): string =>
  html
    .replace(/<script async src="https?:[^"]*"><\/script>/g, '')
    .replace(
      '<head>',
      `<head><meta http-equiv="Content-Security-Policy" content="default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:">`,
    );

function run(args: readonly string[], cwd: string): Promise<void> {
  return new Promise((done, failed) => {
    const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    const hear = (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-4000);
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    const fail = (cause: unknown) =>
      failed(new OrdealError('internal', 'Allure did not render the report', { cause, remedy: 'See allure-results.' }));
    child.on('error', fail);
    child.on('close', (code) => (code === 0 ? done() : fail(asError(said.trim() || `exit code ${code}`))));
  });
}
