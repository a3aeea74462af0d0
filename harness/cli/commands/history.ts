import { resolve } from 'node:path';
import { figureRules } from '../../judge/judge.js';
import { judgePast, type PastFigure, type PastIndicator, type ToldHistory } from '../../judge/past-runs.js';
import { exitCodeOfError } from '../../model/exit-codes.js';
import { runRecord } from '../../model/run-record.js';
import { keepInHistory, labelFrom } from '../../online-test/history.js';
import { readService } from '../../online-test/session.js';
import { type PastRun, RunHistory } from '../../store/run-history.js';
import { OrdealError } from '../../util/errors.js';
import { readValidated } from '../../util/validate.js';
import type { Register } from '../command.js';
import type { Context } from '../context.js';
import { serviceFile } from '../service-file.js';

interface HistoryOptions {
  readonly service?: string;
  readonly probe?: string;
  readonly indicator?: string;
  readonly moment?: string;
  readonly last?: string;
  readonly margin?: string;
  readonly seed: string;
  readonly gate?: boolean;
}

export const historyCommand: Register = (program, action) => {
  const history = program
    .command('history')
    .description('the indicators over past runs: where they changed, and drift');
  history
    .command('show', { isDefault: true })
    .description('one line an indicator; every run of it, when only one is left')
    .option('--service <id>', 'of this service alone')
    .option('--probe <id>', 'of this probe alone')
    .option('--indicator <name>', 'this one alone, such as latencyP99 or timeToRecover')
    .option('--moment <moment>', 'baseline, measurement (after the fault) or run')
    .option('--last <runs>', 'of the last so many runs')
    .option('--margin <share>', 'smaller changes do not matter, such as 5% (default: of each indicator its own)')
    .option('--seed <number>', 'of the permutations', '1')
    .option('--gate', 'end with 37 when the newest level of an indicator is worse, or it drifts to the worse')
    .action(action((context: Context, options: HistoryOptions) => show(context, options)));
  history
    .command('add')
    .description('take run folders of earlier days, or of another machine, into the history')
    .argument('<folders...>', 'run folders')
    .option('--label <text>', 'what was tested in them: a commit or a version')
    .option('--service <service>', 'its descriptor: the figures that its probes read are taken in as well')
    .action(action((context: Context, folders: string[], options: AddOptions) => add(context, folders, options)));
};

interface AddOptions {
  readonly label?: string;
  readonly service?: string;
}

async function add(context: Context, folders: readonly string[], { label, service }: AddOptions): Promise<number> {
  const added: PastRun[] = [];
  const rules =
    service === undefined ? [] : figureRules((await readService(serviceFile(context, service))).descriptor.probes);
  for (const name of folders) {
    const folder = resolve(context.outside.cwd, name);
    const record = await readValidated(resolve(folder, 'run.json'), runRecord);
    added.push(
      await keepInHistory(context.stateFolder, { record, folder }, label ?? labelFrom(context.outside.env), rules),
    );
  }
  context.print(
    added.map(({ id, service, label }) => ({ id, service, label })),
    () => added.map((r) => `${r.id} of ${r.service}: ${r.figures.length} figures`).join('\n'),
  );
  return 0;
}

async function show(context: Context, options: HistoryOptions): Promise<number> {
  const wanted = selection(options);
  using history = new RunHistory(context.stateFolder);
  const runs = history.runs(wanted);
  if (runs.length === 0) {
    throw new OrdealError('file-missing', 'There is no run in the history', {
      where: context.stateFolder,
      ...(options.service === undefined ? {} : { got: `service ${options.service}` }),
      remedy: 'Every `ordeal run` adds its runs; `ordeal history add <run folders>` takes older ones in.',
    });
  }
  const all = toldHistories(runs, wanted).filter(
    (h) =>
      (options.probe ?? h.probe) === h.probe &&
      (options.indicator ?? h.indicator) === h.indicator &&
      (options.moment ?? h.moment) === h.moment,
  );
  if (all.length === 0) {
    throw new OrdealError('usage', 'No figure of the history is of this kind', {
      expected: [...new Set(toldHistories(runs, wanted).map((h) => `${h.probe} ${h.indicator} ${h.moment}`))].join(
        ', ',
      ),
      got: [options.probe, options.indicator, options.moment].filter((o) => o !== undefined).join(' '),
    });
  }
  const { historyText } = await context.outside.fronts.reports();
  context.print(all, () => historyText(all));
  return options.gate === true && all.some(isWorseNow) ? exitCodeOfError('worse') : 0;
}

const isWorseNow = ({ changes, trend }: PastIndicator): boolean =>
  changes.at(-1)?.kind === 'worse' || trend?.kind === 'worse';

interface Selection {
  readonly service?: string;
  readonly last?: number;
  readonly margin?: number;
  readonly seed: number;
}

function selection({ service, last, margin, seed }: HistoryOptions): Selection {
  const numberIn = (where: string, text: string, isGood: (n: number) => boolean, expected: string): number => {
    const n = text.trim() === '' ? Number.NaN : Number(text.replace(/%$/, '')) / (text.endsWith('%') ? 100 : 1);
    if (isGood(n)) return n;
    throw new OrdealError('usage', 'The option has a value that it cannot have', { where, expected, got: text });
  };
  const isCount = (n: number) => Number.isInteger(n) && n > 0;
  return {
    seed: numberIn('--seed', seed, Number.isInteger, 'a whole number'),
    ...(service === undefined ? {} : { service }),
    ...(last === undefined ? {} : { last: numberIn('--last', last, isCount, 'a whole number of 1 or more') }),
    ...(margin === undefined
      ? {}
      : { margin: numberIn('--margin', margin, (n) => n >= 0 && n < 10, 'a share such as 5%') }),
  };
}

/** One for each indicator of each probe and moment that any run has. */
function toldHistories(runs: readonly PastRun[], { seed, margin }: Selection): readonly ToldHistory[] {
  type Head = Omit<ToldHistory, keyof PastIndicator>;
  const series = new Map<string, { head: Head; isHighGood: boolean; figures: PastFigure[] }>();
  for (const run of runs) {
    for (const { probe, indicator, moment, unit, value, isHighGood = false } of run.figures) {
      const key = JSON.stringify([run.service, probe, indicator, moment]);
      const head = { service: run.service, probe, indicator, moment, unit };
      const known = series.get(key) ?? { head, isHighGood, figures: [] };
      series.set(key, known);
      known.figures.push({ runId: run.id, label: run.label, startedAt: run.startedAt, value });
    }
  }
  return [...series.values()].map(({ head, isHighGood, figures }) => ({
    ...head,
    ...judgePast(head.indicator, figures, { seed, isHighGood, ...(margin === undefined ? {} : { margin }) }),
  }));
}
