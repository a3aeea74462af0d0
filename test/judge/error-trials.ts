import { judge } from '../../harness/judge/judge.js';
import type { History } from '../../harness/model/probe.js';
import { seededRandom } from '../../harness/util/random.js';
import { history } from './histories.js';

/** Windows of good and failed answers with known truth. */
export interface ErrorTrial {
  readonly name: string;
  /** The mean ratio of errors, before and after. */
  readonly before: number;
  readonly after: number;
  /** How many errors a burst has on average; 1: each by itself. */
  readonly burst: number;
  readonly n: number;
  readonly runs: number;
  readonly seed: number;
}

export interface ErrorTally {
  readonly trial: ErrorTrial;
  /** How often each was called worse. */
  readonly errorRatio: number;
  readonly availability: number;
  readonly service: number;
  readonly inconclusive: number;
}

export function runErrors(trial: ErrorTrial): ErrorTally {
  const random = seededRandom(trial.seed);
  const window = (ratio: number): History => {
    const fails = chain(ratio, trial.burst, random);
    return history({ n: trial.n, rateHz: 50, latencyMs: () => 1 + random(), fails });
  };
  const tally = { errorRatio: 0, availability: 0, service: 0, inconclusive: 0 };
  for (let i = 0; i < trial.runs; i++) {
    const { outcome, indicators } = judge([window(trial.before)], [window(trial.after)], { tolerances: {}, seed: 1 });
    const worse = (name: string) => indicators.some((r) => r.indicator === name && r.outcome === 'worse');
    if (worse('errorRatio')) tally.errorRatio += 1;
    if (worse('availability')) tally.availability += 1;
    if (outcome === 'worse') tally.service += 1;
    if (outcome === 'inconclusive') tally.inconclusive += 1;
  }
  return { trial, ...tally };
}

/** Two states, failing and not, with the given share of the first and mean length of its stays. */
function chain(ratio: number, burst: number, random: () => number): () => boolean {
  const stay = burst > 1 ? 1 - 1 / burst : ratio;
  const enter = burst > 1 ? (ratio * (1 - stay)) / (1 - ratio) : ratio;
  let failing = random() < ratio;
  return () => {
    failing = random() < (failing ? stay : enter);
    return failing;
  };
}

/** What is asked of counts: no false alarm from chance or bursts, and an error in five is found in 100 samples. */
export const errorTrials = (runs: number, seed: number): readonly ErrorTrial[] =>
  [
    { before: 0.001, after: 0.001, burst: 1 },
    { before: 0.01, after: 0.01, burst: 1 },
    { before: 0.1, after: 0.1, burst: 1 },
    { before: 0.02, after: 0.02, burst: 5 },
    { before: 0.1, after: 0.1, burst: 10 },
    { before: 0, after: 0.05, burst: 1 },
    { before: 0, after: 0.2, burst: 1 },
    { before: 0.01, after: 0.2, burst: 1 },
  ].flatMap((it, i) =>
    [100, 250, 1000].map((n) => {
      const name = `${100 * it.before} % -> ${100 * it.after} %${it.burst > 1 ? `, bursts of ${it.burst}` : ''}`;
      return { ...it, name, n, runs, seed: seed + 3_000_000 + 100 * i + n };
    }),
  );
