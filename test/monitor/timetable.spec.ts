import { expect, test } from '@playwright/test';
import fc from 'fast-check';
import { originOf, runClock } from '../../harness/monitor/clock.js';
import { permutedKeys } from '../../harness/monitor/keys.js';
import { countBefore, dueAfterMs, type Timetable } from '../../harness/monitor/timetable.js';

const hz = fc.double({ min: 0.1, max: 5000, noNaN: true });
const anyTimetable: fc.Arbitrary<Timetable> = fc.oneof(
  fc.record({ kind: fc.constant('constant' as const), rateHz: hz }),
  fc.record({
    kind: fc.constant('ramp' as const),
    fromHz: fc.oneof(fc.constant(0), hz),
    toHz: hz,
    overMs: fc.double({ min: 1, max: 60_000, noNaN: true }),
  }),
  fc.record({
    kind: fc.constant('burst' as const),
    size: fc.integer({ min: 1, max: 500 }),
    everyMs: fc.double({ min: 1, max: 5000, noNaN: true }),
  }),
);

test('a timetable never goes back, and its count agrees with its moments', () => {
  fc.assert(
    fc.property(anyTimetable, fc.integer({ min: 0, max: 20_000 }), (t, n) => {
      const due = dueAfterMs(t, n);
      expect(due).toBeGreaterThanOrEqual(0);
      expect(dueAfterMs(t, n + 1)).toBeGreaterThanOrEqual(due);
      const count = countBefore(t, due);
      expect(count).toBeLessThanOrEqual(n);
      if (count > 0) expect(dueAfterMs(t, count - 1)).toBeLessThan(due);
      expect(dueAfterMs(t, count)).toBeGreaterThanOrEqual(due);
    }),
  );
});

test('a constant timetable does not drift in a day', () => {
  const t: Timetable = { kind: 'constant', rateHz: 30 };
  expect(dueAfterMs(t, 30 * 86_400)).toBe(86_400_000);
  expect(countBefore(t, 86_400_000)).toBe(30 * 86_400);
});

test('a ramp offers the mean of its two rates, then its last one', () => {
  const t: Timetable = { kind: 'ramp', fromHz: 100, toHz: 300, overMs: 1000 };
  expect(countBefore(t, 1000)).toBe(200);
  expect(countBefore(t, 2000)).toBe(500);
  expect(countBefore(t, 500)).toBeCloseTo(75, -1);
});

test('every key comes once a round, in an order that the seed repeats', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 0, max: 2 ** 31 - 1 }), (count, seed) => {
      const keys = permutedKeys({ prefix: 's-', from: 5, to: 4 + count }, seed);
      const round = Array.from({ length: count }, (_, n) => keys.at(n));
      expect(new Set(round).size).toBe(count);
      expect(round).toContain('s-5');
      expect(round).toContain(`s-${4 + count}`);
      expect(keys.at(count)).toBe(keys.at(0));
      expect(permutedKeys({ prefix: 's-', from: 5, to: 4 + count }, seed).at(count >> 1)).toBe(round[count >> 1]);
    }),
    { numRuns: 50 },
  );
});

test('keys are spread: any tenth of a round holds low and high ones', () => {
  const keys = permutedKeys({ prefix: '', from: 0, to: 9999 }, 7);
  for (let part = 0; part < 10; part++) {
    const numbers = Array.from({ length: 1000 }, (_, n) => Number(keys.at(part * 1000 + n)));
    const mean = numbers.reduce((a, b) => a + b) / 1000;
    expect(mean).toBeGreaterThan(4500);
    expect(mean).toBeLessThan(5500);
  }
});

test('the clock counts from a reading of performance.now()', () => {
  const origin = performance.now();
  const clock = runClock(originOf(origin));
  for (let i = 0; i < 100; i++) {
    const before = performance.now() - origin;
    const at = clock();
    const after = performance.now() - origin;
    expect(at).toBeGreaterThan(before - 0.5);
    expect(at).toBeLessThan(after + 0.5);
  }
});
