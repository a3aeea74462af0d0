import { judgeSeries, type Quantity } from '../../harness/judge/judge.js';
import type { IndicatorOutcome } from '../../harness/model/verdict.js';
import { seededRandom } from '../../harness/util/random.js';
import { fixedThreshold, mannWhitney, stationaryBootstrap } from './rivals.js';
import { type Change, type Family, simulator } from './simulation.js';

/** Repeated judgements of one family with known truth; plain data in and out, so that a worker thread can run it. */
export interface Trial {
  readonly name: string;
  readonly family: Family;
  readonly change: Change;
  readonly margin: number;
  readonly quantities: readonly Quantity[];
  /** The number of values of each window: drawn between the two, evenly on the logarithmic scale. */
  readonly from: number;
  readonly to: number;
  readonly runs: number;
  /** How many of the runs the slow bootstrap joins. */
  readonly bootstrapRuns: number;
  readonly seed: number;
}

export interface Tally {
  readonly name: string;
  readonly runs: number;
  readonly quantities: Readonly<Record<string, Readonly<Record<IndicatorOutcome, number>>>>;
  /** How often each rival called it worse. */
  readonly mannWhitney: number;
  readonly fixedThreshold: number;
  readonly bootstrap: number;
  readonly bootstrapRuns: number;
}

/** The level at which the rank test calls a difference: what the judge promises as well. */
const rankAlpha = 0.01;

export function run(trial: Trial): Tally {
  const draw = simulator(trial.family, trial.seed);
  const length = seededRandom(trial.seed + 1);
  const tally = {
    quantities: Object.fromEntries(
      trial.quantities.map((q) => [q, { 'as-before': 0, worse: 0, better: 0, inconclusive: 0 }]),
    ),
    mannWhitney: 0,
    fixedThreshold: 0,
    bootstrap: 0,
  };
  for (let i = 0; i < trial.runs; i++) {
    const n = Math.round(trial.from * (trial.to / trial.from) ** length());
    const { before, after } = draw(n, trial.change);
    for (const quantity of trial.quantities) {
      const margin = { relative: trial.margin };
      const result = judgeSeries(before, after, { direction: 'lower-is-better', margin, quantity, seed: 1 });
      const counts = tally.quantities[quantity];
      if (counts !== undefined) counts[result.outcome] += 1;
    }
    if (mannWhitney(before, after, rankAlpha)) tally.mannWhitney += 1;
    if (fixedThreshold(before, after, trial.margin)) tally.fixedThreshold += 1;
    if (i < trial.bootstrapRuns && stationaryBootstrap(before, after, trial.margin, trial.seed + i))
      tally.bootstrap += 1;
  }
  return { name: trial.name, runs: trial.runs, bootstrapRuns: Math.min(trial.runs, trial.bootstrapRuns), ...tally };
}

/** Several parts of one trial as one. */
export function merge(parts: readonly Tally[]): Tally {
  const [first] = parts;
  if (first === undefined) throw new Error('a trial has no part');
  const sum = (of: (t: Tally) => number) => parts.reduce((total, t) => total + of(t), 0);
  const quantities = Object.fromEntries(
    Object.keys(first.quantities).map((q) => {
      const count = (o: IndicatorOutcome) => sum((t) => t.quantities[q]?.[o] ?? 0);
      const counts = { 'as-before': count('as-before'), worse: count('worse') };
      return [q, { ...counts, better: count('better'), inconclusive: count('inconclusive') }];
    }),
  );
  return {
    name: first.name,
    runs: sum((t) => t.runs),
    quantities,
    mannWhitney: sum((t) => t.mannWhitney),
    fixedThreshold: sum((t) => t.fixedThreshold),
    bootstrap: sum((t) => t.bootstrap),
    bootstrapRuns: sum((t) => t.bootstrapRuns),
  };
}

const marginals = ['normal', 'lognormal', 'gamma', 'bimodal'] as const;
const rhos = [0, 0.5, 0.8, 0.9] as const;

/** Every family of the A/A trials: plain dependence, and each disturbance on a series with some. */
export const families = (variation: number): readonly (readonly [string, Family])[] =>
  marginals.flatMap((marginal) => [
    ...rhos.map((rho) => named({ marginal, rho, disturbance: 'none', variation })),
    ...(['trend', 'diurnal', 'drop-outs'] as const).map((disturbance) =>
      named({ marginal, rho: 0.5, disturbance, variation }),
    ),
  ]);

const named = (family: Family): readonly [string, Family] => [
  `${family.marginal}, rho ${family.rho}${family.disturbance === 'none' ? '' : `, ${family.disturbance}`}`,
  family,
];

/** How many values of an AR(1) series are worth `effectiveN` independent ones, for the mean. */
export const lengthFor = (effectiveN: number, rho: number): number => Math.ceil((effectiveN * (1 + rho)) / (1 - rho));
