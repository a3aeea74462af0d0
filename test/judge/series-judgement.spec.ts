import { expect, test } from '@playwright/test';
import { compareMeasurements, type MeasurementRules } from '../../harness/judge/measurement-comparison.js';
import { parseMeasurements } from '../../harness/judge/measurements.js';
import type { RuleTexts } from '../../harness/judge/rule-texts.js';
import { seededRandom } from '../../harness/util/random.js';

const texts = (more: Partial<RuleTexts> = {}): RuleTexts => ({
  margins: [],
  lowerIsBetter: ['all'],
  higherIsBetter: [],
  ...more,
});
const rules = (more: Partial<RuleTexts> = {}): MeasurementRules => ({
  texts: texts(more),
  tolerances: {},
  confidence: 0.95,
  seed: 1,
});
function noisy(seed: number, n: number, level: number): number[] {
  const random = seededRandom(seed);
  return Array.from({ length: n }, () => level * (0.9 + 0.2 * random()));
}
const of = (columns: Record<string, readonly number[]>) => parseMeasurements(JSON.stringify(columns), 'a.json');
const outcomes = (before: Record<string, number[]>, after: Record<string, number[]>, r = rules()) =>
  compareMeasurements(of(before), of(after), r).indicators.map((i) => `${i.probe} ${i.indicator} ${i.outcome}`);

test('each series is judged in its own direction', () => {
  const before = { cpu: noisy(1, 100, 50), rps: noisy(2, 100, 50), mem: noisy(3, 100, 50) };
  const after = { cpu: noisy(4, 100, 70), rps: noisy(5, 100, 70), mem: noisy(6, 100, 50) };
  expect(outcomes(before, after, rules({ lowerIsBetter: ['cpu', 'mem'], higherIsBetter: ['rps'] }))).toEqual([
    'cpu mean worse',
    'rps mean better',
    'mem mean as-before',
  ]);
});

test('a margin is of a quantity, and the wider one counts', () => {
  const before = { cpu: noisy(1, 200, 50) };
  const after = { cpu: noisy(2, 200, 60) };
  expect(outcomes(before, after, rules({ margins: ['cpu=10%', 'cpu.p95=1%,30'] }))).toEqual([
    'cpu mean worse',
    'cpu p95 as-before',
  ]);
});

test('too few figures are inconclusive, with how many more would tell', () => {
  const { outcome, indicators } = compareMeasurements(
    of({ cpu: noisy(1, 6, 50) }),
    of({ cpu: noisy(2, 6, 50) }),
    rules(),
  );
  expect(outcome).toBe('inconclusive');
  expect(indicators[0]?.needMore).toBeGreaterThan(0);
});

test('a series that is in one file only is inconclusive, not a pass', () => {
  expect(outcomes({ cpu: noisy(1, 50, 5), mem: noisy(2, 50, 5) }, { cpu: noisy(3, 50, 5) })).toContain(
    'mem mean inconclusive',
  );
});

test('which way is good is never guessed', () => {
  const cpu = of({ cpu: noisy(1, 50, 5) });
  const compare = (more: Partial<RuleTexts>) => () => compareMeasurements(cpu, cpu, rules(more));
  expect(compare({ lowerIsBetter: [] })).toThrow(/Which way is good for "cpu" is not said/);
  expect(compare({ lowerIsBetter: ['cpu'], higherIsBetter: ['cpu'] })).toThrow(/said both ways/);
  expect(compare({ lowerIsBetter: ['gpu'] })).toThrow(/--lower-is-better.*expected one of cpu, got gpu/);
  expect(compare({ margins: ['gpu=5%'] })).toThrow(/--margin.*got gpu/);
  expect(compare({ margins: ['cpu=some'] })).toThrow(/The margin cannot be read.*got cpu=some/);
});

test('requests are not compared with series', () => {
  const requests = parseMeasurements('start,elapsed,ok\n0,1,true\n', 'a.csv');
  expect(() => compareMeasurements(requests, of({ cpu: [1] }), rules())).toThrow(/two files of one kind/);
});
