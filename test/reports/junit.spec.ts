import { expect, test } from '@playwright/test';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { junitXml } from '../../reports/junit.js';
import { failedRun, lostRun, recoveredRun } from './sample-run.js';

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '',
  isArray: (name) => ['testsuite', 'testcase', 'property'].includes(name),
});

test('a real parser reads back suites, cases, failures and their reasons', () => {
  const runs = [recoveredRun().record, failedRun().record, { ...lostRun().record, service: 'other & co' }];
  const xml = junitXml(runs).text;
  expect(XMLValidator.validate(xml)).toBe(true);
  const suites = parser.parse(xml).testsuites.testsuite;
  expect(suites.map((s: Record<string, string>) => [s.name, s.tests, s.failures, s.errors, s.skipped])).toEqual([
    ['session-gateway', '2', '1', '0', '0'],
    ['other & co', '1', '1', '0', '0'],
  ]);
  const [passed, failed] = suites[0].testcase;
  expect(passed).toMatchObject({ name: 'The gateway survives the crash of a worker', time: '13.960' });
  expect(passed.failure).toBeUndefined();
  expect(failed.failure.message).toContain(
    'FAILED, RESTORED: session-gateway did not recover from the stall of store-1',
  );
  expect(failed.failure.type).toBe('failed/confirmed/restored/exported');
  expect(suites[0].timestamp).toBe('2026-11-22T02:58:14');
  expect(suites[1].testcase[0].name).toBe('A <script>alert("title")</script> & co.  "quoted"');
});

test('what the scenario expected passes although the service failed', () => {
  const xml = junitXml([{ ...failedRun().record, scenario: 'passed' }]).text;
  const [suite] = parser.parse(xml).testsuites.testsuite;
  expect(suite.failures).toBe('0');
  expect(suite['system-out']).toContain('FAILED, RESTORED');
});

test('a run that proved nothing is an error, not a failure', () => {
  const { record } = recoveredRun();
  const verdicts = { ...record.verdicts, service: 'inconclusive' as const, injection: 'no-effect' as const };
  const [suite] = parser.parse(junitXml([{ ...record, verdicts, exitCode: 3 }]).text).testsuites.testsuite;
  expect([suite.failures, suite.errors]).toEqual(['0', '1']);
  expect(suite.testcase[0].error.message).toContain('Nothing was proven');
});
