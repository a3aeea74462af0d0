import type { FullConfig, Reporter, Suite, TestCase } from '@playwright/test/reporter';

/**
 * Says why each skipped test was skipped, and closes with one line that a machine can read. Flaky tests count as failed: a test
 * that passes only the second time has not passed.
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
    const failed = count('unexpected') + count('flaky');
    process.stdout.write(`\n${count('expected')} passed, ${failed} failed, ${count('skipped')} skipped\n`);
  }

  printsToStdio(): boolean {
    return true;
  }
}
