import type { FullConfig, Reporter, Suite, TestCase } from '@playwright/test/reporter';

/**
 * Says why each skipped test was skipped, which passed only when they were repeated, on hosts that were started anew, and what had
 * failed there; and closes with one line that a machine can read.
 */
export default class ClosingLine implements Reporter {
  #suite: Suite | undefined;

  onBegin(_: FullConfig, suite: Suite): void {
    this.#suite = suite;
  }

  onEnd(): void {
    const tests = this.#suite?.allTests() ?? [];
    const count = (outcome: ReturnType<TestCase['outcome']>) => tests.filter((t) => t.outcome() === outcome).length;
    for (const t of tests.filter((one) => one.outcome() === 'skipped')) {
      const reason = t.annotations.find((a) => a.type === 'skip')?.description ?? 'not reached';
      process.stdout.write(`skipped: ${t.titlePath().slice(3).join(' › ')}: ${reason}\n`);
    }
    for (const t of tests.filter((one) => one.outcome() === 'flaky')) {
      const why = t.results[0]?.error?.message?.split('\n', 1)[0] ?? t.results[0]?.status;
      process.stdout.write(`passed only when repeated: ${t.titlePath().slice(3).join(' › ')}: ${why}\n`);
    }
    const passed = count('expected') + count('flaky');
    process.stdout.write(`\n${passed} passed, ${count('unexpected')} failed, ${count('skipped')} skipped\n`);
  }

  printsToStdio(): boolean {
    return true;
  }
}
