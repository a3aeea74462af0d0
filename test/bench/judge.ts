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
import { packageRoot } from '../../harness/util/package-root.js';
import { errorTrials, runErrors } from '../judge/error-trials.js';
import { families, lengthFor, merge, run, type Tally, type Trial } from '../judge/trials.js';
import { plot } from './judge-plot.js';
import {
  criteria,
  effectiveNs,
  margin,
  type PowerTrial,
  quietVariation,
  report,
  strictMargin,
  variations,
} from './judge-report.js';

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

async function runAll(trials: readonly Trial[], workers: number): Promise<readonly Tally[]> {
  const part = 500;
  const queue = trials.flatMap((trial, index) =>
    Array.from({ length: Math.ceil(trial.runs / part) }, (_, k) => ({
      index,
      trial: { ...trial, runs: Math.min(part, trial.runs - k * part), seed: trial.seed + 7_000_003 * k },
    })).map((it, k) => ({ ...it, trial: { ...it.trial, bootstrapRuns: share(trial, k, part) } })),
  );
  const results: Tally[][] = trials.map(() => []);
  const whole = queue.length;
  const tell = () => {
    if (queue.length % 100 === 0) process.stderr.write(`${whole - queue.length} of ${whole} parts begun\n`);
  };
  const drain = () =>
    new Promise<void>((resolve, reject) => {
      const worker = new Worker(new URL(import.meta.url));
      let current = queue.shift();
      worker.on('error', reject);
      worker.on('message', (tally: Tally) => {
        if (current !== undefined) results[current.index]?.push(tally);
        current = queue.shift();
        tell();
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
  const errors = errorTrials(sizes.powerRuns, sizes.seed).map(runErrors);
  const checks = criteria(alarms, powers, errors);
  const text = report(alarms, powers, frontier, errors, checks);
  mkdirSync(values.out, { recursive: true });
  writeFileSync(join(values.out, 'judge.md'), text);
  writeFileSync(
    join(values.out, 'judge.json'),
    JSON.stringify({ sizes, checks, alarms, tallies, frontier, errors }, null, 2),
  );
  writeFileSync(join(values.out, 'judge.svg'), plot(alarms));
  console.log(text);
  process.exitCode = checks.every((c) => c.met) ? 0 : 1;
}

if (isMainThread) await main();
else parentPort?.on('message', (trial: Trial) => parentPort?.postMessage(run(trial)));
