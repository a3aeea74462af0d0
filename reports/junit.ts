import type { RunRecord } from '../harness/model/run-record.js';
import { asExpected, headlineOf } from './headline.js';
import { type Content, type Markup, markup } from './markup.js';
import { summaryText } from './summary.js';

/**
 * JUnit XML in the form that Jenkins, GitLab and the Ant schema agree on: one suite a service, one case a run.
 * A run that proved nothing is an error, a service that did not hold is a failure; what the scenario expected
 * passes, and its outcome is in the output.
 */
export function junitXml(runs: readonly RunRecord[]): Markup {
  const services = [...new Set(runs.map((r) => r.service))];
  const suites = services.map((service, id) =>
    suite(
      service,
      id,
      runs.filter((r) => r.service === service),
    ),
  );
  return markup`<?xml version="1.0" encoding="UTF-8"?>
<testsuites>${suites}</testsuites>
`;
}

type Result = 'passed' | 'failure' | 'error';

export const resultOf = (record: RunRecord): Result =>
  asExpected(record)
    ? 'passed'
    : record.verdicts.service === 'inconclusive' || record.verdicts.injection !== 'confirmed'
      ? 'error'
      : 'failure';

const seconds = (ms: number): string => (ms / 1000).toFixed(3);

function suite(service: string, id: number, runs: readonly RunRecord[]): Content {
  const number = (result: Result) => runs.filter((r) => resultOf(r) === result).length;
  const [first] = runs;
  const started = (first?.startedAt ?? '').replace(/(\.\d+)?(Z|[+-]\d\d:\d\d)$/, '');
  const time = runs.reduce((sum, r) => sum + r.finishedMs, 0);
  const host = first?.environment.host ?? 'localhost';
  return markup`
<testsuite id="${id}" package="ordeal" name="${service}" timestamp="${started}" hostname="${host}" tests="${runs.length}" failures="${number('failure')}" errors="${number('error')}" skipped="0" time="${seconds(time)}">
<properties>${Object.entries(first?.environment ?? {}).map(
    ([name, value]) => markup`<property name="${name}" value="${value}"/>`,
  )}</properties>${runs.map(testCase)}
<system-out>${runs.map((r) => `${r.id}\n${summaryText(r)}`).join('\n')}</system-out>
<system-err>${runs.flatMap((r) => r.errors).join('\n')}</system-err>
</testsuite>
`;
}

function testCase(run: RunRecord): Content {
  const result = resultOf(run);
  const { badge, story } = headlineOf(run);
  const why = `${badge}: ${story}`;
  const body =
    result !== 'passed' &&
    (result === 'failure'
      ? markup`<failure type="${kindOf(run)}" message="${why}">${summaryText(run)}</failure>`
      : markup`<error type="${kindOf(run)}" message="${why}">${summaryText(run)}</error>`);
  return markup`
<testcase classname="${run.service}" name="${run.title}" time="${seconds(run.finishedMs)}">${body}</testcase>`;
}

/** The four verdicts as one word: `failed/confirmed/restored/exported`. */
const kindOf = ({ verdicts: v }: RunRecord): string => [v.service, v.injection, v.restoration, v.evidence].join('/');
