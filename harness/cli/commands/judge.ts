import { resolve } from 'node:path';
import { figureRules } from '../../judge/judge.js';
import { compareMeasurements, only } from '../../judge/measurement-comparison.js';
import type { Measurements } from '../../judge/measurements.js';
import { exitCodeOfError } from '../../model/exit-codes.js';
import type { IndicatorOutcome } from '../../model/verdict.js';
import { readService } from '../../online-test/session.js';
import { writeAtomically } from '../../util/atomic-file.js';
import { OrdealError } from '../../util/errors.js';
import type { Register } from '../command.js';
import type { Context } from '../context.js';
import { readMeasurements } from '../measurement-files.js';
import { serviceFile } from '../service-file.js';

interface JudgeOptions {
  readonly margin: readonly string[];
  readonly lowerIsBetter: readonly string[];
  readonly higherIsBetter: readonly string[];
  readonly only?: readonly string[];
  readonly service?: string;
  readonly confidence: string;
  readonly seed: string;
  readonly plot?: string;
}

export const judgeCommand: Register = (program, action) => {
  program
    .command('judge')
    .description('is it as before? Compares two measurements, offline, as a run does in step 7')
    .argument('<before>', 'CSV, JSON or JSON lines; or a run folder: its baseline')
    .argument('[after]', 'the same of afterwards (default, of a run folder: its own measurement)')
    .option('--margin <name=margin...>', 'how much worse it may be: latencyP99=10%, cpu=5, cpu.p95=10%,5', [])
    .option('--lower-is-better <series...>', 'series whose small figures are good, or "all"', [])
    .option('--higher-is-better <series...>', 'series whose great figures are good, or "all"', [])
    .option('--only <name...>', 'judge these series or probes alone')
    .option('--service <service>', 'take the margins and the figures of its probes from its descriptor')
    .option('--confidence <share>', 'of each bound, one-sided', '0.95')
    .option('--seed <number>', 'of what is drawn at random', '1')
    .option('--plot <file.svg>', 'draw what was compared, and how it was decided')
    .action(
      action((context: Context, before: string, after: string | undefined, options: JudgeOptions) =>
        judgeFiles(context, before, after, options),
      ),
    );
};

async function judgeFiles(
  context: Context,
  before: string,
  after: string | undefined,
  options: JudgeOptions,
): Promise<number> {
  const { outside } = context;
  if (after === undefined && /\.[a-z]+$/i.test(before)) {
    throw new OrdealError('usage', 'There is nothing to compare it with', {
      expected: 'two files, two run folders, or one run folder',
      got: before,
    });
  }
  const confidence = numberOf('--confidence', options.confidence, (n) => n > 0.5 && n < 1, 'between 0.5 and 1');
  const seed = numberOf('--seed', options.seed, Number.isInteger, 'a whole number');
  const phaseAfter = after === undefined ? 'measurement' : 'baseline';
  const first = only(await readMeasurements(outside.cwd, before, 'baseline'), options.only);
  const second = only(await readMeasurements(outside.cwd, after ?? before, phaseAfter), options.only);
  const { outcome, indicators } = compareMeasurements(first, second, {
    texts: { ...options, margins: options.margin },
    ...(await rulesOf(context, options.service)),
    confidence,
    seed,
  });
  const exitCode = exitCodeOf(outcome);
  const { comparisonText, comparisonPlot } = await outside.fronts.reports();
  const told = { before: first, after: second, outcome, indicators };
  if (options.plot !== undefined) {
    await writeAtomically(resolve(outside.cwd, options.plot), comparisonPlot(told), 0o644);
  }
  const judged = new Set(indicators.map((i) => i.indicator));
  for (const figure of figuresRead(first).filter((id) => !judged.has(id))) {
    context.say(`Not judged, as which way is good is not known: ${figure}. Name the descriptor with --service.`);
  }
  for (const column of new Set([...first.ignored, ...second.ignored])) {
    context.say(`Not judged, as it holds no figures: ${column}`);
  }
  context.print({ before, after: after ?? before, outcome, exitCode, indicators }, () => comparisonText(told));
  return exitCode;
}

async function rulesOf(context: Context, service: string | undefined) {
  if (service === undefined) return { tolerances: {} };
  const { indicators, probes } = (await readService(serviceFile(context, service))).descriptor;
  return { tolerances: indicators, figures: figureRules(probes) };
}

const figuresRead = ({ histories }: Measurements): readonly string[] => [
  ...new Set(histories.flatMap((h) => h.samples.flatMap((s) => Object.keys(s.figures ?? {})))),
];

function numberOf(where: string, text: string, isGood: (n: number) => boolean, expected: string): number {
  const n = text.trim() === '' ? Number.NaN : Number(text);
  if (isGood(n)) return n;
  throw new OrdealError('usage', 'The option has a value that it cannot have', { where, expected, got: text });
}

/** Better is no reason to stop a pipeline. */
function exitCodeOf(outcome: IndicatorOutcome): number {
  if (outcome === 'worse' || outcome === 'inconclusive') return exitCodeOfError(outcome);
  return 0;
}
