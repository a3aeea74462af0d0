import { expect, test } from '@playwright/test';
import { runRecord } from '../../harness/model/run-record.js';
import { summaryText } from '../../reports/summary.js';
import { failedRun, lostRun, recoveredRun } from './sample-run.js';

test('the summary of a service that recovered says so, how fast, and that nothing is to be done', () => {
  const text = summaryText(recoveredRun().record, { folder: 'out/run-1' });
  expect(text).toContain('RECOVERED');
  expect(text).toContain('session-gateway works now, as it did before the test.');
  expect(text).toMatch(/recovered by itself from the crash of worker-1, 1\.\d+ to 1\.\d+ s\s+after it/);
  expect(text).toContain('12 indicators as before');
  expect(text).toContain('out/run-1/report.html');
  expect(text).not.toContain('Do now');
  expect(text).toContain('Exit code 0: the service passed the test.');
});

test('the summary of a service that was restored says that it works again, and where the evidence is', () => {
  const text = summaryText(failedRun().record);
  expect(text.split('\n')[2]).toBe('session-gateway works now, as it did before the test.');
  expect(text).toContain('did not recover from the stall of store-1 within 5 s');
  expect(text).toContain('ordeal package show');
  expect(text).not.toContain('Do now');
});

test('the summary of a service that was not restored begins with what to do now', () => {
  const lines = summaryText(lostRun().record).split('\n');
  expect(lines[2]).toBe('session-gateway was NOT restored. Act now.');
  expect(lines[3]).toMatch(/^Do now: Run `ordeal recover`/);
});

test('a service that was restored is not told as failing, although its outage was still open at the judgement', () => {
  const { record } = failedRun();
  const outages = record.outages.map(({ firstGoodMs: _, ...o }) => o);
  const text = summaryText(runRecord.parse({ ...record, outages }));
  expect(text).toContain('session-gateway works now, as it did before the test.');
  expect(text).not.toMatch(/Act now|Do now/);
});

test('a failure that the scenario expected passes, and says what it would be as a gate', () => {
  const text = summaryText({ ...failedRun().record, scenario: 'passed' }).replaceAll('\n', ' ');
  expect(text).toContain(
    'The scenario expects this outcome, so it passes (as a gate: exit code 30: the service failed;',
  );
});

test('the exit code is explained in the words of the one table', () => {
  expect(summaryText(lostRun().record)).toContain('Exit code 32: the service failed and is NOT restored.');
});

test('a service that never stopped answering is told as one that stayed in service', () => {
  const { record } = recoveredRun();
  expect(summaryText({ ...record, outages: [], timeToRecoverMs: 0 })).toContain(
    'session-gateway stayed in service through the crash of worker-1.',
  );
});

test('a relapse after the service was back does not make the recovery later', () => {
  const { record } = recoveredRun();
  const relapse = { probe: 'sessions', lastGoodMs: 12_000, firstBadMs: 12_020, lastBadMs: 12_040, firstGoodMs: 12_060 };
  const text = summaryText({ ...record, outages: [...record.outages, { ...relapse, lost: 2 }] });
  expect(text).toMatch(/crash of worker-1, 1\.\d+ to 1\.\d+ s/);
});

test('a fault without effect is told as a test that proves nothing', () => {
  const { record } = recoveredRun();
  const verdicts = { ...record.verdicts, service: 'inconclusive' as const, injection: 'no-effect' as const };
  const text = summaryText({ ...record, verdicts, exitCode: 3 });
  expect(text).toContain('INCONCLUSIVE');
  expect(text).toContain('Nothing was proven: the crash of worker-1 had no effect that could be measured.');
});

test('an unsteady baseline is told as the reason why nothing was injected', () => {
  const { record } = recoveredRun();
  const unsteady = runRecord.parse({
    ...record,
    stages: record.stages.map((s) => (s.name === 'baseline' ? { ...s, state: 'failed', note: 'drift 12 %' } : s)),
    injections: [],
    indicators: [],
    outages: [],
    phases: [],
    verdicts: { ...record.verdicts, service: 'inconclusive', injection: 'not-injected' },
    timeToRecoverMs: null,
    exitCode: 3,
  });
  expect(summaryText(unsteady)).toContain('Nothing was injected: the baseline was not steady (drift 12 %).');
});

for (const width of [80, 120]) {
  test(`no line of prose is longer than ${width} columns`, () => {
    for (const { record } of [recoveredRun(), failedRun(), lostRun()]) {
      const long = summaryText(record, { width })
        .split('\n')
        .filter((l) => l.length > width && !l.startsWith('Evidence'));
      expect(long).toEqual([]);
    }
  });
}

test('without colour the summary holds no escape sequence, and with colour it does', () => {
  const { record } = lostRun();
  expect(summaryText(record)).not.toContain('\u001b');
  expect(summaryText(record, { colour: true })).toContain('\u001b[');
});
