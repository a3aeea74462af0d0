import { expect, test } from '@playwright/test';
import { type FigureRule, judge, steadiness } from '../../harness/judge/judge.js';
import type { History } from '../../harness/model/probe.js';
import { seededRandom } from '../../harness/util/random.js';
import { history } from './histories.js';

const queue: FigureRule = {
  probe: 'page',
  id: 'queue',
  unit: 'jobs',
  direction: 'lower-is-better',
  quantity: 'p50',
  margin: { relative: 0.2 },
};
const rules = { tolerances: {}, figures: [queue], seed: 1 };

/** @param figure of sample i; undefined where it was not read */
function withFigure(figure: (i: number) => number | undefined, n = 120): History {
  const bare = history({ probe: 'page', n, latencyMs: () => 2 });
  const samples = bare.samples.map((s, i) => {
    const value = figure(i);
    return value === undefined ? s : { ...s, figures: { queue: value } };
  });
  return { ...bare, samples };
}

const around = (level: number, seed: number) => {
  const random = seededRandom(seed);
  return () => level + random() - 0.5;
};
const of = (before: History, after: History) =>
  judge([before], [after], rules).indicators.find((i) => i.indicator === 'queue');

test('a figure that a probe reads is judged as every other indicator, and says so in its unit', () => {
  const before = withFigure(around(10, 1));
  expect(of(before, withFigure(around(10, 2)))).toMatchObject({ outcome: 'as-before', unit: 'jobs', probe: 'page' });
  expect(of(before, withFigure(around(14, 3)))).toMatchObject({ outcome: 'worse' });
  expect(of(before, withFigure(around(6, 4)))).toMatchObject({ outcome: 'better' });
});

test('a figure that is worse makes the service worse, though every answer was good', () => {
  const verdict = judge([withFigure(around(10, 1))], [withFigure(around(14, 2))], rules);
  expect(verdict.outcome).toBe('worse');
  expect(verdict.indicators.filter((i) => i.outcome === 'worse').map((i) => i.indicator)).toEqual(['queue']);
});

test('a figure that was no longer read is inconclusive, never as before', () => {
  const gone = of(
    withFigure(around(10, 1)),
    withFigure(() => undefined),
  );
  expect(gone).toMatchObject({ outcome: 'inconclusive', reason: 'there are no values after' });
});

test('figures that are missing in between are gaps and not zeros', () => {
  const level = around(10, 5);
  const gaps = withFigure((i) => (i % 3 === 0 ? undefined : level()));
  expect(of(withFigure(around(10, 1)), gaps)).toMatchObject({ outcome: 'as-before' });
});

test('a baseline whose figure drifts is not steady', () => {
  const random = seededRandom(9);
  const drifting = withFigure((i) => 10 + i / 10 + random(), 240);
  expect(steadiness([drifting], rules).findings.join()).toMatch(/page: queue: drifts: .* \(jobs\)/);
  expect(steadiness([withFigure(around(10, 1), 240)], rules)).toEqual({ steady: true, findings: [] });
});
