import { expect, test } from '@playwright/test';
import { changePoints, trendOf } from '../../harness/judge/change-points.js';
import { judgePast, type PastFigure } from '../../harness/judge/past-runs.js';
import { seededRandom } from '../../harness/util/random.js';

/** Latencies as they are: a level, and a tail to one side. */
function figures(seed: number, n: number, level: (i: number) => number): number[] {
  const random = seededRandom(seed);
  return Array.from({ length: n }, (_, i) => level(i) * (1 - 0.1 * Math.log(1 - random())));
}
const past = (values: readonly number[]): PastFigure[] =>
  values.map((value, i) => ({ runId: `run-${i}`, label: `v${i}`, startedAt: '2026-11-22T00:00:00Z', value }));

test('a level that changed is found at its run, both ways', () => {
  const values = figures(1, 60, (i) => (i < 25 ? 10 : i < 45 ? 14 : 9));
  const found = changePoints(values, { seed: 1 });
  expect(found).toHaveLength(2);
  expect(Math.abs(found[0]!.index - 25)).toBeLessThanOrEqual(1);
  expect(Math.abs(found[1]!.index - 45)).toBeLessThanOrEqual(1);
  expect(found[0]!.after / found[0]!.before).toBeCloseTo(1.4, 0);
  expect(found[1]!.after).toBeLessThan(found[1]!.before);
});

test('a change of the spread alone is found', () => {
  const random = seededRandom(3);
  const values = Array.from({ length: 80 }, (_, i) => 100 + (i < 40 ? 1 : 12) * (random() - 0.5));
  expect(changePoints(values, { seed: 1 }).map((c) => Math.abs(c.index - 40) <= 4)).toEqual([true]);
});

test('a history without a change has none, in all but a few of many', () => {
  let alarms = 0;
  for (let seed = 1; seed <= 300; seed++) {
    if (
      changePoints(
        figures(seed, 30, () => 10),
        { seed, permutations: 199 },
      ).length > 0
    )
      alarms++;
  }
  // The level of the test is 1 %: 3 of 300 are expected, 10 or more come once in a thousand.
  expect(alarms).toBeLessThan(10);
});

test('too few runs, equal figures and figures that are none have no change', () => {
  expect(changePoints([1, 1, 1, 9, 9, 9], { seed: 1 })).toEqual([]);
  expect(changePoints(Array(40).fill(5), { seed: 1 })).toEqual([]);
  expect(changePoints([...Array(20).fill(1), Number.NaN, ...Array(20).fill(9)], { seed: 1 })).toEqual([]);
  expect(changePoints([], { seed: 1 })).toEqual([]);
});

test('the same history with the same seed gives the same changes', () => {
  const values = figures(5, 60, (i) => (i < 30 ? 10 : 11));
  expect(changePoints(values, { seed: 7 })).toEqual(changePoints(values, { seed: 7 }));
});

test('a decay too slow for two neighbours to differ is a trend', () => {
  const values = figures(2, 40, (i) => 10 * 1.01 ** i);
  const trend = trendOf(values);
  expect(trend?.p).toBeLessThan(0.001);
  expect((trend?.perRun ?? 0) * 39).toBeGreaterThan(3);
  expect(judgePast('latencyP50', past(values), { seed: 1, margin: 0.1 }).trend?.kind).toBe('worse');
  expect(trendOf(figures(2, 40, () => 10))?.p).toBeGreaterThan(0.01);
});

test('whether a change is worse follows the direction of its indicator, and a small one does not matter', () => {
  const rising = past(figures(4, 40, (i) => (i < 20 ? 10 : 20)));
  const kinds = (indicator: string, margin?: number) =>
    judgePast(indicator, rising, { seed: 1, ...(margin === undefined ? {} : { margin }) }).changes.map((c) => c.kind);
  expect(kinds('latencyP99')).toEqual(['worse']);
  expect(kinds('requestRate')).toEqual(['better']);
  expect(kinds('timeToRecover')).toEqual(['worse']);
  expect(kinds('latencyP99', 2)).toEqual(['small']);
});
