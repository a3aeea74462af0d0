/**
 * The judge against telemetry of known truth: how often it cries wolf, what it finds, and what a rank test, a fixed
 * threshold and a textbook bootstrap make of the same data.
 *
 *   node dist/test/bench/judge.js [--runs 20000] [--power-runs 2000] [--workers 2] [--seed 1] [--out reports/out/bench]
 *
 * Prints a Markdown report, and writes it with its figures (JSON) and a plot (SVG). Ends with code 1 when a criterion is
 * not met.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { studentTail } from '../../harness/judge/distributions.js';
import { packageRoot } from '../../harness/util/package-root.js';
import { families, lengthFor, merge, run, type Tally, type Trial } from '../judge/trials.js';
import { plot } from './judge-plot.js';

const strictMargin = 0.1;
const margin = 0.3;
const quietVariation = 0.1;
const effectiveNs = [30, 100] as const;
const variations = [0.1, 0.2, 0.3, 0.5] as const;

interface Sizes {
  readonly runs: number;
  readonly powerRuns: number;
  readonly seed: number;
}

/** No change at all, from noisy telemetry, with a narrow margin: every `worse` is a false alarm. */
function falseAlarmTrials({ runs, seed }: Sizes): readonly Trial[] {
  return families(0.3).map(([name, family], i) => ({
    name,
    family,
    change: {},
    margin: strictMargin,
    quantities: ['mean', 'p50', 'p95', 'p99', 'spread'] as const,
    from: 30,
    to: 3000,
    runs,
    bootstrapRuns: Math.ceil(runs / 10),
    seed: seed + 1000 * i,
  }));
}

interface PowerTrial extends Trial {
  readonly kind: 'shift' | 'spread' | 'beyond';
  readonly effectiveN: number;
}

function powerTrials({ powerRuns, seed }: Sizes): readonly PowerTrial[] {
  const kinds = [
    { kind: 'shift', change: { shift: 0.5 }, quantities: ['mean', 'p50'] },
    { kind: 'spread', change: { spread: 3 }, quantities: ['spread'] },
    { kind: 'beyond', change: { shift: 1.5 * margin }, quantities: ['mean', 'p50'] },
  ] as const;
  return families(quietVariation)
    .filter(([, { disturbance }]) => disturbance === 'none')
    .flatMap(([name, family], i) =>
      effectiveNs.flatMap((effectiveN) =>
        kinds.map((it, k): PowerTrial => {
          const n = lengthFor(effectiveN, family.rho);
          const size = { from: n, to: n, runs: powerRuns, bootstrapRuns: 0, effectiveN, margin };
          const name1 = `${name} | ${it.kind} | ${effectiveN}`;
          return { ...it, ...size, name: name1, family, seed: seed + 500_000 + 1000 * i + 10 * k + effectiveN };
        }),
      ),
    );
}

/** A shift of a half in ever noisier telemetry: where data stops telling, whoever judges. */
function frontierTrials({ powerRuns, seed }: Sizes): readonly Trial[] {
  return variations.flatMap((variation, i) =>
    [30, 100, 300].map((n) => ({
      name: `${variation} | ${n}`,
      family: { marginal: 'lognormal', rho: 0, disturbance: 'none', variation } as const,
      change: { shift: 0.5 },
      margin,
      quantities: ['mean', 'p50'] as const,
      from: n,
      to: n,
      runs: powerRuns,
      bootstrapRuns: 0,
      seed: seed + 900_000 + 1000 * i + n,
    })),
  );
}

/** The power of the best possible test of the mean, which is told the variances: no judge can have more. */
export function bestPossible(variation: number, effectiveN: number, shift: number): number {
  const error = variation * Math.sqrt((1 + (1 + margin) ** 2) / effectiveN);
  return 1 - studentTail((shift - margin) / error - 1.6449, 1e7);
}

async function runAll(trials: readonly Trial[], workers: number): Promise<readonly Tally[]> {
  const part = 500;
  const queue = trials.flatMap((trial, index) =>
    Array.from({ length: Math.ceil(trial.runs / part) }, (_, k) => ({
      index,
      trial: { ...trial, runs: Math.min(part, trial.runs - k * part), seed: trial.seed + 7_000_003 * k },
    })).map((it, k) => ({ ...it, trial: { ...it.trial, bootstrapRuns: share(trial, k, part) } })),
  );
  const results: Tally[][] = trials.map(() => []);
  const drain = () =>
    new Promise<void>((resolve, reject) => {
      const worker = new Worker(new URL(import.meta.url));
      let current = queue.shift();
      worker.on('error', reject);
      worker.on('message', (tally: Tally) => {
        if (current !== undefined) results[current.index]?.push(tally);
        current = queue.shift();
        if (current !== undefined) worker.postMessage(current.trial);
        else worker.terminate().then(() => resolve(), reject);
      });
      if (current === undefined) worker.terminate().then(() => resolve(), reject);
      else worker.postMessage(current.trial);
    });
  await Promise.all(Array.from({ length: workers }, drain));
  return results.map(merge);
}

const share = ({ bootstrapRuns }: Trial, k: number, part: number): number =>
  Math.max(0, Math.min(part, bootstrapRuns - k * part));

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

interface Power {
  readonly trial: PowerTrial;
  readonly tally: Tally;
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

interface Criterion {
  readonly text: string;
  readonly met: boolean;
}

function criteria(alarms: readonly Tally[], powers: readonly Power[]): readonly Criterion[] {
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
    { text: `inconclusive at 1.5 margins in at most ${p(most)} (5 %)`, met: most <= 0.05 },
  ];
}

function report(
  alarms: readonly Tally[],
  powers: readonly Power[],
  frontier: readonly Tally[],
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
`;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '20000' },
      'power-runs': { type: 'string', default: '2000' },
      workers: { type: 'string', default: '2' },
      seed: { type: 'string', default: '1' },
      out: { type: 'string', default: join(packageRoot, 'reports', 'out', 'bench') },
    },
  });
  const sizes = { runs: Number(values.runs), powerRuns: Number(values['power-runs']), seed: Number(values.seed) };
  const aa = falseAlarmTrials(sizes);
  const power = powerTrials(sizes);
  const all = await runAll([...aa, ...power, ...frontierTrials(sizes)], Number(values.workers));
  const alarms = all.slice(0, aa.length);
  const tallies = all.slice(aa.length, aa.length + power.length);
  const powers = power.flatMap((trial, i) => {
    const tally = tallies[i];
    return tally === undefined ? [] : [{ trial, tally }];
  });
  const frontier = all.slice(aa.length + power.length);
  const checks = criteria(alarms, powers);
  const text = report(alarms, powers, frontier, checks);
  mkdirSync(values.out, { recursive: true });
  writeFileSync(join(values.out, 'judge.md'), text);
  writeFileSync(join(values.out, 'judge.json'), JSON.stringify({ sizes, checks, alarms, tallies, frontier }, null, 2));
  writeFileSync(join(values.out, 'judge.svg'), plot(alarms));
  console.log(text);
  process.exitCode = checks.every((c) => c.met) ? 0 : 1;
}

if (isMainThread) await main();
else parentPort?.on('message', (trial: Trial) => parentPort?.postMessage(run(trial)));
