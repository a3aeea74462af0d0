import { expect, test } from '@playwright/test';
import fc from 'fast-check';
import { judgeSeries, type Quantity, type SeriesOptions } from '../../harness/judge/judge.js';
import { simulator } from './simulation.js';

const quantities: readonly Quantity[] = ['mean', 'p50', 'p90', 'p95', 'p99', 'spread'];
const options = (more: Partial<SeriesOptions> = {}): SeriesOptions => ({
  direction: 'lower-is-better',
  margin: { relative: 0.2 },
  quantity: 'mean',
  seed: 1,
  ...more,
});
/** Two windows of one simulated family. */
const pairs = fc
  .record({
    seed: fc.integer({ min: 0, max: 1e6 }),
    n: fc.integer({ min: 5, max: 200 }),
    rho: fc.constantFrom(0, 0.5, 0.9),
    marginal: fc.constantFrom('normal', 'lognormal', 'gamma', 'bimodal'),
    shift: fc.double({ min: -0.8, max: 0.8, noNaN: true }),
  })
  .map(({ seed, n, rho, marginal, shift }) =>
    simulator({ marginal, rho, disturbance: 'none', variation: 0.3 }, seed)(n, { shift }),
  );

test('the same data gives the same judgement', () => {
  fc.assert(
    fc.property(pairs, fc.constantFrom(...quantities), ({ before, after }, quantity) => {
      const first = judgeSeries(before, after, options({ quantity }));
      expect(judgeSeries([...before], [...after], options({ quantity }))).toEqual(first);
    }),
    { numRuns: 100, seed: 1 },
  );
});

test('what is worse one way round is better the other way round', () => {
  const margin = { absolute: 10 };
  fc.assert(
    fc.property(pairs, fc.constantFrom('mean' as const, 'spread' as const), ({ before, after }, quantity) => {
      const there = judgeSeries(before, after, options({ quantity, margin }));
      const back = judgeSeries(after, before, options({ quantity, margin }));
      // A drift counts against the baseline alone, so only windows without one are alike both ways.
      fc.pre(![there, back].some((r) => r.reason.includes('drifts') || r.outcome === 'inconclusive'));
      expect(back.outcome === 'better').toBe(there.outcome === 'worse');
      expect(back.outcome === 'worse').toBe(there.outcome === 'better');
    }),
    { numRuns: 200, seed: 2 },
  );
});

test('mirrored data with the mirrored direction gives the same outcome', () => {
  fc.assert(
    fc.property(pairs, ({ before, after }) => {
      const plain = judgeSeries(before, after, options());
      const negated = [before, after].map((series) => series.map((x) => -x));
      const mirrored = judgeSeries(negated[0]!, negated[1]!, options({ direction: 'higher-is-better' }));
      expect(mirrored.outcome).toBe(plain.outcome);
    }),
    { numRuns: 200, seed: 3 },
  );
});

test('a greater harm is never judged more kindly', () => {
  const harms = fc.tuple(fc.double({ min: 0, max: 150, noNaN: true }), fc.double({ min: 0, max: 150, noNaN: true }));
  fc.assert(
    fc.property(pairs, harms, fc.constantFrom('mean' as const, 'p50' as const), ({ before, after }, harm, quantity) => {
      const [less, more] = harm.toSorted((a, b) => a - b) as [number, number];
      const at = (shift: number) =>
        judgeSeries(
          before,
          after.map((x) => x + shift),
          options({ quantity }),
        ).outcome;
      if (at(less) === 'worse') expect(at(more)).toBe('worse');
      if (['as-before', 'better'].includes(at(more))) expect(['as-before', 'better']).toContain(at(less));
    }),
    { numRuns: 200, seed: 4 },
  );
});

test('the unit of the values does not matter', () => {
  fc.assert(
    fc.property(pairs, fc.constantFrom(...quantities), ({ before, after }, quantity) => {
      const inMs = judgeSeries(before, after, options({ quantity }));
      const scaled = [before, after].map((series) => series.map((x) => x / 1024));
      expect(judgeSeries(scaled[0]!, scaled[1]!, options({ quantity })).outcome).toBe(inMs.outcome);
    }),
    { numRuns: 100, seed: 5 },
  );
});

test('values that are no numbers, and empty windows, never pass', () => {
  const bad = fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e200);
  fc.assert(
    fc.property(
      pairs,
      bad,
      fc.nat(),
      fc.boolean(),
      fc.constantFrom(...quantities),
      (pair, value, at, first, quantity) => {
        const spoil = (series: readonly number[]) => series.with(at % series.length, value);
        const before = first ? spoil(pair.before) : pair.before;
        const after = first ? pair.after : spoil(pair.after);
        expect(judgeSeries(before, after, options({ quantity })).outcome).toBe('inconclusive');
        expect(judgeSeries([], pair.after, options({ quantity })).outcome).toBe('inconclusive');
        expect(judgeSeries(pair.before, [], options({ quantity })).outcome).toBe('inconclusive');
      },
    ),
    { numRuns: 100, seed: 6 },
  );
});

test('any finite values are judged without a crash, and the figures are numbers', () => {
  const values = fc.array(fc.oneof(fc.double({ min: -1e9, max: 1e9, noNaN: true }), fc.integer({ min: 0, max: 3 })), {
    minLength: 1,
    maxLength: 120,
  });
  fc.assert(
    fc.property(values, values, fc.constantFrom(...quantities), (before, after, quantity) => {
      const result = judgeSeries(before, after, options({ quantity, margin: { relative: 0.1, absolute: 0.1 } }));
      expect(result.reason).not.toContain('failed');
      for (const x of [result.before, result.after, result.effect, result.margin])
        expect(Number.isFinite(x)).toBe(true);
      for (const x of result.interval ?? []) expect(Number.isFinite(x)).toBe(true);
    }),
    { numRuns: 300, seed: 7 },
  );
});

test('a margin or a confidence that is no number is inconclusive', () => {
  const series = Array.from({ length: 50 }, (_, i) => 10 + (i % 7));
  for (const relative of [Number.NaN, -1, Number.POSITIVE_INFINITY])
    expect(judgeSeries(series, series, options({ margin: { relative } })).outcome).toBe('inconclusive');
  for (const confidence of [Number.NaN, 0, 1])
    expect(judgeSeries(series, series, options({ confidence })).outcome).toBe('inconclusive');
});

test('equal constants are as before, and other constants are not', () => {
  const ten = Array.from({ length: 40 }, () => 10);
  const twenty = ten.map((x) => 2 * x);
  for (const quantity of ['mean', 'p50'] as const) {
    expect(judgeSeries(ten, ten, options({ quantity })).outcome).toBe('as-before');
    expect(judgeSeries(ten, twenty, options({ quantity })).outcome).toBe('worse');
    expect(judgeSeries(twenty, ten, options({ quantity })).outcome).toBe('better');
  }
});

test('a baseline that drifts by itself is no ground for worse, but a leap beyond the drift is', () => {
  const { before } = simulator({ marginal: 'normal', rho: 0, disturbance: 'none', variation: 0.3 }, 11)(600);
  const drifting = (from: number) => before.map((x, i) => x + (from + i) / 12);
  const narrow = options({ margin: { relative: 0.1 } });
  const continued = judgeSeries(drifting(0), drifting(600), narrow);
  expect(continued.outcome).toBe('inconclusive');
  expect(continued.reason).toContain('the baseline drifts by itself');
  expect(judgeSeries(drifting(0), drifting(3000), narrow).outcome).toBe('worse');
});

test('the tail of a short window is worse when counts show it, although it has no bounds', () => {
  const { before } = simulator({ marginal: 'lognormal', rho: 0, disturbance: 'none', variation: 0.3 }, 12)(100);
  const after = before.map((x, i) => (i % 5 === 0 ? 3 * x : x));
  const result = judgeSeries(before, after, options({ quantity: 'p99' }));
  expect(result).toMatchObject({ outcome: 'worse' });
  expect(result.interval).toBeUndefined();
  expect(result.reason).toContain("beyond the baseline's p99");
});

test('a threefold spread around the same level is found, which a mean cannot', () => {
  const pair = simulator({ marginal: 'normal', rho: 0.5, disturbance: 'none', variation: 0.1 }, 13)(200, { spread: 3 });
  expect(judgeSeries(pair.before, pair.after, options({ quantity: 'spread' })).outcome).toBe('worse');
  expect(judgeSeries(pair.before, pair.after, options({ quantity: 'mean' })).outcome).toBe('as-before');
});

test('the median of values that all lie within the margin of each other is as before, however they hang together', () => {
  const wave = (level: number) => Array.from({ length: 80 }, (_, i) => level + 100 * Math.sin(i / 12));
  const judged = (margin: number) =>
    judgeSeries(wave(200), wave(260), options({ quantity: 'p50', margin: { absolute: margin } }));
  expect(judged(2000)).toMatchObject({ outcome: 'as-before', reason: expect.stringContaining('further apart') });
  expect(judged(200), 'a narrower margin cannot be told from a wave').toMatchObject({ outcome: 'inconclusive' });
});
