import { relative } from 'node:path';
import type { Envelope, Pickle, TestCase } from '@cucumber/messages';
import type { GherkinOutcome } from '../harness/cli/fronts.js';

type Scenario = GherkinOutcome['scenarios'][number];

/** Hears cucumber's messages; tells scenarios and steps as a person reads them, and keeps how each scenario ended. */
export class Storyteller {
  readonly scenarios: Scenario[] = [];
  readonly #pickles = new Map<string, Pickle>();
  readonly #cases = new Map<string, TestCase>();
  readonly #running = new Map<
    string,
    { pickle: Pickle; testCase: TestCase; worst: Scenario['status']; message?: string }
  >();

  constructor(readonly say: (line: string) => void) {}

  hear({ pickle, testCase, testCaseStarted, testStepFinished, testCaseFinished }: Envelope): void {
    if (pickle !== undefined) this.#pickles.set(pickle.id, pickle);
    if (testCase !== undefined) this.#cases.set(testCase.id, testCase);
    if (testCaseStarted !== undefined) {
      const started = this.#cases.get(testCaseStarted.testCaseId);
      const of = this.#pickles.get(started?.pickleId ?? '');
      if (started === undefined || of === undefined) return;
      this.#running.set(testCaseStarted.id, { pickle: of, testCase: started, worst: 'passed' });
      this.say(`\nScenario: ${of.name}`);
    }
    if (testStepFinished !== undefined) {
      const run = this.#running.get(testStepFinished.testCaseStartedId);
      const step = run?.testCase.testSteps.find((s) => s.id === testStepFinished.testStepId);
      const text = run?.pickle.steps.find((s) => s.id === step?.pickleStepId);
      const { status, message } = testStepFinished.testStepResult;
      if (run === undefined) return;
      if (status !== 'PASSED' && run.worst !== 'failed') {
        run.worst = status === 'SKIPPED' ? 'skipped' : 'failed';
        // The stack is for programmers; a step says in one paragraph what it expected and what it got.
        const said = message?.split('\n    at ')[0]?.replace(/^\w*Error: /, '');
        if (said !== undefined) run.message = said;
      }
      const mark = { PASSED: '✔', SKIPPED: '-' }[status as string] ?? '✘';
      if (text !== undefined) this.say(`  ${mark} ${text.text}`);
      if (status === 'FAILED' && run.message !== undefined) this.say(`    ${run.message.replaceAll('\n', '\n    ')}`);
    }
    if (testCaseFinished !== undefined) {
      const run = this.#running.get(testCaseFinished.testCaseStartedId);
      if (run === undefined) return;
      this.scenarios.push({
        name: run.pickle.name,
        feature: relative(process.cwd(), run.pickle.uri),
        status: run.worst,
        ...(run.message === undefined ? {} : { message: run.message }),
      });
    }
  }
}
