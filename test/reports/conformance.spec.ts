import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { no, yes } from '../../harness/model/capability.js';
import { conformanceMatrix, type Matrix } from '../../reports/conformance/matrix.js';
import { matrixHtml, matrixMarkdown, matrixText } from '../../reports/conformance/print.js';
import { cucumberProofs, type Proof, playwrightProofs } from '../../reports/conformance/proofs.js';
import { readRequirements } from '../../reports/conformance/requirements.js';
import { conformanceText } from '../../reports/conformance.js';
import { temporaryFolder } from '../temporary-folder.js';

const proof = (result: Proof['result'], ...tags: string[]): Proof => ({
  title: `a proof of ${tags.join(' ')}`,
  file: 'test/some.spec.ts:12',
  tags,
  result,
  ...(result === 'passed' ? {} : { reason: 'because' }),
});

const matrixOf = async (proofs: readonly Proof[], capabilities = {}): Promise<Matrix> =>
  conformanceMatrix(await readRequirements(), { proofs, files: [], capabilities });

const row = (matrix: Matrix, id: string) => matrix.sections.flatMap((s) => s.rows).find((r) => r.id === id)!;

test('a proof that passed makes its row proven for the VIM it names, and for Ordeal when it names none', async () => {
  const matrix = await matrixOf([
    proof('passed', '@OP-create.memory', '@vim:embedded'),
    proof('passed', 'PR-6.7.1'),
    proof('skipped', '@OP-create.memory', '@vim:docker'),
  ]);
  expect(matrix.vims).toEqual(['ordeal', 'embedded', 'docker']);
  const memory = row(matrix, 'OP-create.memory');
  expect(Object.values(memory.cells).map((c) => c.result)).toEqual(['open', 'proven', 'open']);
  expect(memory.result).toBe('proven');
  expect(row(matrix, 'PR-6.7.1').cells.ordeal?.result).toBe('proven');
  expect(row(matrix, 'PR-6.7.2').result).toBe('open');
});

test('one failed proof fails the row, whatever else passed', async () => {
  const matrix = await matrixOf([proof('passed', '@CO-cold-warm'), proof('failed', '@CO-cold-warm')]);
  expect(row(matrix, 'CO-cold-warm').result).toBe('failed');
});

test('a row that a VIM says no to is unsupported there with the reason, and as a whole only where every VIM says no', async () => {
  const capabilities = {
    embedded: { 'OP-create.quiesce': no('no guest'), 'OP-revert.host': no('one host') },
    docker: { 'OP-create.quiesce': yes(), 'OP-revert.host': no('criu: no') },
  };
  const matrix = await matrixOf([], capabilities);
  expect(row(matrix, 'OP-create.quiesce').cells.embedded).toMatchObject({ result: 'unsupported', reason: 'no guest' });
  expect(row(matrix, 'OP-create.quiesce').result).toBe('open');
  expect(row(matrix, 'OP-revert.host').result).toBe('unsupported');
});

test('each VIM is summed up by itself: what it proves, what is proven without it, what it cannot, and what is open', async () => {
  const ids = (await readRequirements()).sections.filter((s) => s.id !== 'systems').flatMap((s) => Object.keys(s.rows));
  const [first = '', second = '', ...others] = ids.filter((id) => !id.startsWith('GAP') && id !== 'OP-revert.host');
  const capabilities = { embedded: { 'OP-revert.host': no('one host') } };
  const matrix = await matrixOf(
    [proof('passed', first, '@vim:embedded'), proof('passed', second), proof('failed', 'GAP-1', '@vim:embedded')],
    capabilities,
  );
  expect(matrix.summaries).toEqual([
    {
      vim: 'embedded',
      proven: 1,
      provenWithout: 1,
      unsupported: ['OP-revert.host', 'GAP-4'],
      failed: ['GAP-1'],
      open: [...others, 'GAP-2', 'GAP-3'].sort((a, b) => ids.indexOf(a) - ids.indexOf(b)),
    },
  ]);
  expect(row(matrix, 'GAP-4').cells.embedded).toMatchObject({ result: 'unsupported', reason: 'one host' });
  const text = matrixText(matrix, { width: 140 });
  expect(text).toContain(
    'embedded: 1 proven, 1 proven without it, 2 unsupported (OP-revert.host, GAP-4), 1 failed (GAP-1)',
  );
  expect(matrixMarkdown(matrix)).toContain('- embedded: 1 proven');
  expect(matrixHtml(matrix).text).toContain('<p>embedded: 1 proven');
});

test('a mistyped tag of a row or a VIM is an error that names the test and the row that may be meant', async () => {
  const mistyped = matrixOf([
    proof('passed', '@OP-creat.memory'),
    proof('passed', '@vnfsd.001'),
    proof('passed', '@OP-create.memory', '@vim:embeded'),
  ]);
  await expect(mistyped).rejects.toThrow(
    /some\.spec\.ts:12: "a proof of @OP-creat\.memory": @OP-creat\.memory names no row; is @OP-create\.memory meant\?/,
  );
  await expect(mistyped).rejects.toThrow(/@vnfsd\.001 names no row; is @Vnfsd\.001 meant\?/);
  await expect(mistyped).rejects.toThrow(/@vim:embeded names no VIM/);
});

test('a tag in small letters that resembles no row is free', async () => {
  expect((await matrixOf([proof('passed', '@slow', '@needs-kvm')])).totals.proven).toBe(0);
});

const spec = (
  title: string,
  tags: string[],
  statuses: string[],
  annotations: { type: string; description?: string }[] = [],
) => ({
  title,
  ok: true,
  tags,
  id: title,
  file: '../../test/judge/judge.spec.ts',
  line: 7,
  column: 1,
  tests: [
    { annotations, results: statuses.map((status) => ({ status, error: { message: '\u001b[31mboom\u001b[0m\nat' } })) },
  ],
});

test("Playwright's report is read: a retry and a skip are no proof, and the file is the source's", () => {
  const report = {
    suites: [
      {
        title: 'judge.spec.js',
        file: '',
        specs: [spec('holds', ['Vnfm.001'], ['passed']), spec('flickers', [], ['failed', 'passed'])],
        suites: [
          {
            title: 'a group',
            file: '',
            specs: [spec('waits', [], ['skipped'], [{ type: 'skip', description: 'no KVM' }])],
          },
        ],
      },
    ],
    stats: { startTime: '2026-11-22T02:58:14Z' },
  };
  const { found, at } = playwrightProofs(report as never, 'playwright.json');
  expect(at).toBe('2026-11-22T02:58:14Z');
  expect(found).toMatchObject([
    { title: 'holds', file: 'test/judge/judge.spec.ts:7', tags: ['Vnfm.001'], result: 'passed' },
    { result: 'failed', reason: 'passed only when tried again: boom' },
    { title: 'a group › waits', result: 'skipped', reason: 'no KVM' },
  ]);
});

test("cucumber's messages are read, scenario by scenario, also of a run that was killed", () => {
  const scenario = (n: number, ...statuses: string[]) => [
    {
      pickle: {
        id: `p${n}`,
        uri: n === 1 ? '../some/where/features/online-testing.feature' : 'features/a.feature',
        location: { line: n },
        name: `s${n}`,
        tags: [{ name: '@UC-4.1.1.7' }],
      },
    },
    { testCase: { id: `t${n}`, pickleId: `p${n}` } },
    { testCaseStarted: { id: `a${n}`, testCaseId: `t${n}` } },
    ...statuses.map((status) => ({ testStepFinished: { testCaseStartedId: `a${n}`, testStepResult: { status } } })),
  ];
  const done = (n: number) => ({ testCaseFinished: { testCaseStartedId: `a${n}` } });
  const envelopes = [
    { testRunStarted: { timestamp: { seconds: 1_795_392_090, nanos: 0 } } },
    ...[...scenario(1, 'PASSED', 'PASSED'), done(1)],
    ...[...scenario(2, 'PASSED', 'FAILED', 'SKIPPED'), done(2)],
    ...[...scenario(3, 'PENDING', 'SKIPPED'), done(3)],
    ...scenario(4, 'PASSED'),
  ];
  const { found, at } = cucumberProofs(envelopes.map((e) => JSON.stringify(e)).join('\n'), 'cucumber.ndjson');
  expect(found.map((p) => p.result)).toEqual(['passed', 'failed', 'skipped', 'failed']);
  expect(found[0]).toMatchObject({ title: 's1', file: 'features/online-testing.feature:1', tags: ['@UC-4.1.1.7'] });
  expect(at).toBe('2026-11-23T00:01:30.000Z');
});

test('the text fits its width, and says row, VIM, proof and result with totals for every section', async () => {
  const matrix = await matrixOf([proof('passed', '@OP-create.memory', '@vim:embedded'), proof('failed', '@PR-6.4.1')], {
    docker: { 'OP-create.memory': no('criu is not installed') },
  });
  const text = matrixText(matrix);
  expect(text.split('\n').filter((l) => l.length > 120)).toEqual([]);
  expect(text).toContain('Create instance snapshot (table 5.1.3.2-1): 1 proven, 10 open');
  expect(text).toMatch(
    /proven {6}OP-create\.memory +capture the memory state\n +embedded proven +test\/some\.spec\.ts:12: a proof of/,
  );
  expect(text).toMatch(/docker +unsupported criu is not installed/);
  expect(text).toMatch(/failed {6}PR-6\.4\.1 .*\n +ordeal +failed +.*\(failed: because\)/);
  expect(matrixMarkdown(matrix)).toContain(
    '| OP-create.memory | capture the memory state | open | proven | unsupported |',
  );
  expect(matrixHtml(matrix).text).toContain('criu is not installed');
});

test('the command reads a folder of proofs, and says which command fills an absent one', async () => {
  const folder = await temporaryFolder('proof');
  try {
    const suites = [{ title: '', file: '', specs: [spec('holds', ['Vnfm.001'], ['passed'])] }];
    await writeFile(join(folder, 'playwright.json'), JSON.stringify({ suites }));
    await writeFile(
      join(folder, 'capabilities.json'),
      JSON.stringify({ vims: { embedded: { 'OP-revert.host': no('one host') } } }),
    );
    const options = { proofFolder: folder, width: 120 };
    const matrix: Matrix = JSON.parse(await conformanceText({ ...options, json: true }));
    expect(matrix.totals).toMatchObject({ proven: 1, unsupported: 2 });
    expect(await conformanceText({ ...options, json: false })).toContain('1 proven, 2 unsupported');
  } finally {
    await rm(folder, { recursive: true });
  }
  await expect(conformanceText({ proofFolder: folder, width: 120, json: false })).rejects.toThrow(
    /There are no proofs.*Run `npm test`/,
  );
});
