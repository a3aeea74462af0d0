import { studentTail } from '../../harness/judge/distributions.js';
import type { ErrorTally } from '../judge/error-trials.js';
import type { Tally, Trial } from '../judge/trials.js';

export const strictMargin = 0.1;
export const margin = 0.3;
export const quietVariation = 0.1;
export const effectiveNs = [30, 100] as const;
export const variations = [0.1, 0.2, 0.3, 0.5] as const;

export interface PowerTrial extends Trial {
  readonly kind: 'shift' | 'spread' | 'beyond';
  readonly effectiveN: number;
}

export interface Power {
  readonly trial: PowerTrial;
  readonly tally: Tally;
}

/** The power of the best possible test of the mean, which is told the variances: no judge can have more. */
function bestPossible(variation: number, effectiveN: number, shift: number): number {
  const error = variation * Math.sqrt((1 + (1 + margin) ** 2) / effectiveN);
  return 1 - studentTail((shift - margin) / error - 1.6449, 1e7);
}

const percent = (count: number, runs: number): string => (runs === 0 ? '' : `${((100 * count) / runs).toFixed(2)} %`);

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');
}

const outcome = (t: Tally, quantity: string, of: 'worse' | 'inconclusive'): number => t.quantities[quantity]?.[of] ?? 0;

function falseAlarmTable(tallies: readonly Tally[]): string {
  const head = [
    'family',
    'runs',
    'judge: mean',
    'p50',
    'p95',
    'p99',
    'spread',
    'Mann-Whitney',
    'fixed threshold',
    'bootstrap',
  ];
  const rows = tallies.map((t) => [
    t.name,
    String(t.runs),
    ...['mean', 'p50', 'p95', 'p99', 'spread'].map((q) => percent(outcome(t, q, 'worse'), t.runs)),
    percent(t.mannWhitney, t.runs),
    percent(t.fixedThreshold, t.runs),
    percent(t.bootstrap, t.bootstrapRuns),
  ]);
  return table(head, rows);
}

function powerTable(powers: readonly Power[]): string {
  const names = [...new Set(powers.map((p) => p.trial.name.split(' | ')[0] ?? ''))];
  const head = ['family', 'effective n', 'shift 50 %: mean', 'p50', 'Mann-Whitney', 'spread x 3: spread'];
  const more = ['Mann-Whitney', 'inconclusive at 1.5 margins: mean', 'p50'];
  const rows = names.flatMap((name) =>
    effectiveNs.map((effectiveN) => {
      const at = (kind: string) => powers.find((p) => p.trial.name === `${name} | ${kind} | ${effectiveN}`)?.tally;
      const cell = (kind: string, quantity: string, of: 'worse' | 'inconclusive') => {
        const tally = at(kind);
        return tally === undefined ? '' : percent(outcome(tally, quantity, of), tally.runs);
      };
      const rank = (kind: string) => percent(at(kind)?.mannWhitney ?? 0, at(kind)?.runs ?? 0);
      const shift = [cell('shift', 'mean', 'worse'), cell('shift', 'p50', 'worse'), rank('shift')];
      const spread = [cell('spread', 'spread', 'worse'), rank('spread')];
      const beyond = [cell('beyond', 'mean', 'inconclusive'), cell('beyond', 'p50', 'inconclusive')];
      return [name, String(effectiveN), ...shift, ...spread, ...beyond];
    }),
  );
  return table([...head, ...more], rows);
}

function frontierTable(tallies: readonly Tally[]): string {
  const rows = tallies.map((t) => {
    const [variation = '', n = ''] = t.name.split(' | ');
    const best = bestPossible(Number(variation), Number(n), 0.5);
    return [variation, n, ...['mean', 'p50'].map((q) => percent(outcome(t, q, 'worse'), t.runs)), percent(best, 1)];
  });
  return table(['variation', 'effective n', 'found: mean', 'found: p50', 'best possible for the mean'], rows);
}

function errorTable(tallies: readonly ErrorTally[]): string {
  const rows = tallies.map(({ trial: { name, n, runs }, errorRatio, availability, service, inconclusive }) => [
    name,
    String(n),
    ...[errorRatio, availability, service, inconclusive].map((count) => percent(count, runs)),
  ]);
  const head = [
    'errors',
    'samples',
    'worse: error ratio',
    'worse: availability',
    'service worse',
    'service inconclusive',
  ];
  return table(head, rows);
}

export interface Criterion {
  readonly text: string;
  readonly met: boolean;
}

export function criteria(
  alarms: readonly Tally[],
  powers: readonly Power[],
  errors: readonly ErrorTally[],
): readonly Criterion[] {
  const rates = alarms.flatMap((t) => Object.values(t.quantities).map((q) => q.worse / t.runs));
  const worstAlarm = Math.max(...rates);
  const least = (kind: string, quantity: string) =>
    Math.min(
      ...powers.filter((p) => p.trial.kind === kind).map((p) => outcome(p.tally, quantity, 'worse') / p.tally.runs),
    );
  const most = Math.max(
    ...powers
      .filter((p) => p.trial.kind === 'beyond')
      .map((p) => outcome(p.tally, 'mean', 'inconclusive') / p.tally.runs),
  );
  const natural = errors.filter(({ trial }) => trial.before === trial.after);
  const falseErrors = Math.max(...natural.map((t) => t.errorRatio / t.trial.runs));
  const planted = errors.filter(({ trial }) => trial.before === 0 && trial.after === 0.2);
  const foundErrors = Math.min(...planted.map((t) => t.service / t.trial.runs));
  const p = (x: number) => `${(100 * x).toFixed(2)} %`;
  return [
    { text: `false worse in any family and quantity: at most ${p(worstAlarm)} (1 %)`, met: worstAlarm <= 0.01 },
    {
      text: `a 50 % shift is found in at least ${p(least('shift', 'mean'))} (90 %)`,
      met: least('shift', 'mean') >= 0.9,
    },
    {
      text: `a threefold spread is found in at least ${p(least('spread', 'spread'))} (90 %)`,
      met: least('spread', 'spread') >= 0.9,
    },
    { text: `false worse of the error ratio in at most ${p(falseErrors)} (1 %)`, met: falseErrors <= 0.01 },
    { text: `one error in five after none is found in at least ${p(foundErrors)} (90 %)`, met: foundErrors >= 0.9 },
    { text: `inconclusive at 1.5 margins in at most ${p(most)} (5 %)`, met: most <= 0.05 },
  ];
}

export function report(
  alarms: readonly Tally[],
  powers: readonly Power[],
  frontier: readonly Tally[],
  errors: readonly ErrorTally[],
  checks: readonly Criterion[],
): string {
  return `# The judge against telemetry of known truth

${checks.map((c) => `- ${c.met ? 'met' : '**not met**'}: ${c.text}`).join('\n')}

## False \`worse\` when nothing changed

Both windows have 30 to 3,000 values each, drawn evenly on the logarithmic scale, with a standard deviation of 30 % of the
level; the margin is ${strictMargin * 100} %. Trend: up to 20 % of the level within each window, alike in both. Diurnal: a wave of 5 % of the
level, a quarter to eight windows long, going on between the windows. Drop-outs: a fifth is missing. Mann-Whitney: one-sided, 1 %.
Fixed threshold: the mean, at the same margin. Bootstrap: stationary, Politis-White block length, 95 %, the same margin.

${falseAlarmTable(alarms)}

## What is found

Standard deviation ${quietVariation * 100} % of the level, margin ${margin * 100} %. Effective n counts independent values for the mean.

${powerTable(powers)}

## Where data stops telling

A shift of 50 % against a margin of ${margin * 100} %, independent lognormal values with growing variation (standard deviation over mean).
The best possible test is told the variances; no judge finds more.

${frontierTable(frontier)}

## Errors

Two windows of good and failed answers at 50 Hz, judged whole: error ratio, availability, rate and latency p50 at the default
margins, corrected for each other. Availability is a census: after a flawless baseline a burst is news, so a service that
has bursts by nature needs a baseline that is long enough to show them.

${errorTable(errors)}
`;
}
