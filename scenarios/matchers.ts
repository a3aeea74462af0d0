import { expect as plain } from '@playwright/test';
import type { IndicatorName, Tolerance } from '../harness/model/network-service.js';
import type { RunRecord } from '../harness/model/run-record.js';
import { backWithin, compareWithBaseline, type EndedRun, lostMembers } from '../harness/online-test/quality.js';
import { OrdealError } from '../harness/util/errors.js';

/** Which session and folder a record is of, so that a test asks of the record alone. */
const runs = new WeakMap<RunRecord, EndedRun>();

export const remember = (run: EndedRun): void => void runs.set(run.record, run);

function runOf(record: RunRecord): EndedRun {
  const run = runs.get(record);
  if (run !== undefined) return run;
  throw new OrdealError('scenario-invalid', 'What is expected of is no run of this test', {
    expected: 'the record that onlineTest returned',
  });
}

/** The questions of the Then steps, for Playwright Test. An answer that cannot be told is a failure of both forms. */
export const expect = plain.extend({
  /** The service verdict: every indicator is shown to be as in the baseline. */
  toBeAsBefore(record: RunRecord) {
    const { service } = record.verdicts;
    const worse = record.indicators.filter((i) => i.outcome !== 'as-before' && i.outcome !== 'better');
    const told = worse.map((i) => `\n  ${i.probe} ${i.indicator}: ${i.outcome}, ${i.reason}`).join('');
    return answer('the service quality is as before', service === 'recovered', `${service}${told}`);
  },

  /** @param tolerance of the indicator, against the baseline of the same run @param probe default: every probe */
  async toKeep(record: RunRecord, indicator: IndicatorName, tolerance: Tolerance, probe?: string) {
    const { outcome, indicators } = await compareWithBaseline(runOf(record), {
      indicator,
      tolerance,
      ...(probe === undefined ? {} : { probe }),
    });
    const told = indicators.map((i) => `\n  ${i.probe}: ${i.outcome}, ${i.reason}`).join('');
    const pass = outcome === 'as-before' || outcome === 'better';
    return answer(`${indicator} is within ${JSON.stringify(tolerance)} of the baseline`, pass, `${outcome}${told}`);
  },

  async toBeBackWithin(record: RunRecord, withinMs: number) {
    const { outcome, tookMs, probe } = await backWithin(runOf(record), withinMs);
    const took = tookMs === null ? 'never' : `${Math.round(tookMs.atLeast)} to ${Math.round(tookMs.atMost)} ms`;
    return answer(`the service is back within ${withinMs} ms`, outcome === 'within', `${outcome}: ${took}, ${probe}`);
  },

  /** Asks the service as it is now, also after a restoration. */
  async toHaveLostNothing(record: RunRecord) {
    const { probe, checked, badCount, bad } = await lostMembers(runOf(record).session);
    const examples = bad.slice(0, 5).map((b) => `${b.key}: ${b.outcome}`);
    return answer(
      'no member of the population is lost',
      badCount === 0,
      [`${badCount} of ${checked} do not answer the probe "${probe}"`, ...examples].join(', '),
    );
  },
});

function answer(expected: string, pass: boolean, got: string) {
  return { pass, message: () => `expected${pass ? ' not' : ''}: ${expected}\ngot: ${got}` };
}
