import { expect, test } from '@playwright/test';
import { families, lengthFor, run, type Trial } from './trials.js';

// The reduced form of test/bench/judge.ts. Seeds are fixed, so that the counts are the same on every machine.

const base = { bootstrapRuns: 0, from: 30, to: 1000, runs: 60, seed: 20, margin: 0.1 };

test('nothing is called worse when nothing changed, in all families, where a rank test cries wolf', () => {
  const tallies = families(0.3).map(([name, family]) =>
    run({ ...base, name, family, change: {}, quantities: ['mean', 'p50', 'spread'] } satisfies Trial),
  );
  const runs = tallies.reduce((sum, t) => sum + t.runs, 0);
  const alarms = (quantity: string) => tallies.reduce((sum, t) => sum + (t.quantities[quantity]?.worse ?? 0), 0);
  for (const quantity of ['mean', 'p50', 'spread']) expect(alarms(quantity) / runs).toBeLessThanOrEqual(0.01);
  const rank = tallies.reduce((sum, t) => sum + t.mannWhitney, 0);
  expect(rank / runs).toBeGreaterThan(0.05);
});

test('at 30 effective values a shift of a half and a threefold spread are found', () => {
  const dependent = families(0.1).filter(([, f]) => f.disturbance === 'none');
  for (const [name, family] of dependent) {
    const n = lengthFor(30, family.rho);
    const sizes = { ...base, name, family, from: n, to: n, margin: 0.3 };
    const shifted = run({ ...sizes, change: { shift: 0.5 }, quantities: ['mean'] });
    expect(shifted.quantities.mean?.worse, `${name}, shift`).toBeGreaterThanOrEqual(0.9 * shifted.runs);
    const spread = run({ ...sizes, change: { spread: 3 }, quantities: ['spread'] });
    // 60 runs: two of them below 90 % is chance.
    expect(spread.quantities.spread?.worse, `${name}, spread`).toBeGreaterThanOrEqual(0.9 * spread.runs - 2);
  }
});

test('where the truth lies beyond the margin by half of it, the judge seldom hesitates', () => {
  const [name, family] = families(0.1)[1]!;
  const n = lengthFor(30, family.rho);
  const tally = run({
    ...base,
    name,
    family,
    from: n,
    to: n,
    margin: 0.3,
    change: { shift: 0.45 },
    quantities: ['mean'],
  });
  expect(tally.quantities.mean?.inconclusive).toBeLessThanOrEqual(0.05 * tally.runs);
});
