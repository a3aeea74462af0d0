import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { ExitCode } from '../../model/exit-codes.js';
import { exitCodeOfError } from '../../model/exit-codes.js';
import type { RunRecord } from '../../model/run-record.js';
import type { Plan } from '../../online-test/plan.js';
import { Journal } from '../../store/journal.js';
import { writeAtomically } from '../../util/atomic-file.js';
import { OrdealError } from '../../util/errors.js';
import { packageRoot } from '../../util/package-root.js';
import type { Register } from '../command.js';
import type { Context } from '../context.js';
import { type HostOptions, hostFlags } from '../hosted/call.js';
import { runOn } from '../hosted/run-on.js';
import { serviceFile } from '../service-file.js';

interface RunOptions extends HostOptions {
  readonly dryRun?: boolean;
  readonly tags?: string;
  readonly name?: string[];
  readonly allure: boolean;
}

const SERVICE_HELP =
  'where a feature says <name>, test this one, a sample service or a descriptor file: the same features on another VIM';

export const runCommand: Register = (program, action) => {
  program
    .command('run')
    .description('run features: the whole online test, scenario by scenario')
    .argument('[features...]', 'feature files or folders (default: the sample features)')
    .option('--tags <expression>', 'only scenarios with these tags, as in cucumber: "@a and not @b"')
    .option('--name <regexp...>', 'only scenarios whose name matches')
    .option('--service <name=service...>', SERVICE_HELP)
    .option('--dry-run', 'plan only; touches nothing')
    .option('--no-allure', 'do not render the Allure report')
    .option(...hostFlags.on)
    .option(...hostFlags.image)
    .option(...hostFlags.storage)
    .action(action((context: Context, features: string[], options: RunOptions) => run(context, features, options)));
};

export const planCommand: Register = (program, action) => {
  program
    .command('plan')
    .description('show what `run` would do; touches nothing')
    .argument('[features...]', 'feature files or folders (default: the sample features)')
    .option('--tags <expression>', 'only scenarios with these tags')
    .option('--name <regexp...>', 'only scenarios whose name matches')
    .option('--service <name=service...>', SERVICE_HELP)
    .action(
      action((context: Context, features: string[], options: RunOptions) =>
        run(context, features, { ...options, dryRun: true }),
      ),
    );
};

async function run(context: Context, features: string[], options: RunOptions): Promise<number> {
  const { outside, stateFolder, outFolder } = context;
  const abort = new AbortController();
  let interrupts = 0;
  const stopListening = outside.onInterrupt(() => {
    interrupts += 1;
    if (interrupts === 1) {
      context.say('\nInterrupted: healing and restoring first. Press again to leave at once.');
      abort.abort(
        new OrdealError('interrupted', 'The run was interrupted', { remedy: 'The service was given back first.' }),
      );
    } else {
      sayWhatIsOpen(context);
      outside.leave(exitCodeOfError('interrupted'));
    }
  });
  if (options.on !== undefined) {
    try {
      return await runOn(context, features, options, abort.signal);
    } finally {
      stopListening();
    }
  }
  const reports = await outside.fronts.reports();
  const { runGherkin } = await outside.fronts.gherkin();
  const progress = context.json ? outside.stderr : outside.stdout;
  const records: RunRecord[] = [];
  const allureResults = join(outFolder, 'allure-results');
  // Allure takes what lies there from an earlier call for retries of this one.
  if (options.dryRun !== true) await rm(allureResults, { recursive: true, force: true });
  const plans: Plan[] = [];
  try {
    const outcome = await runGherkin({
      cwd: outside.cwd,
      paths: features.length > 0 ? features.map((f) => resolve(outside.cwd, f)) : [join(packageRoot, 'features')],
      ...(options.tags === undefined ? {} : { tags: options.tags }),
      ...(options.name === undefined ? {} : { name: options.name }),
      services: servicesOf(context, options.service ?? []),
      stateFolder,
      outFolder,
      planOnly: options.dryRun === true,
      listeners: options.dryRun === true ? [] : [reports.terminalProgress(progress, { tty: progress.isTTY === true })],
      signal: abort.signal,
      say: (line) => context.say(line),
      ran: (record) => void records.push(record),
      planned: (plan) => {
        plans.push(plan);
        context.say(`${plan.title}\n${plan.lines.map((l) => `  ${l}`).join('\n')}\n`);
      },
    });
    for (const record of records) {
      const folder = join(outFolder, record.id);
      // A scenario that expects the failure has passed: only the steps know.
      const steps = outcome.scenarios.find((s) => s.name === record.title)?.status;
      record.scenario = steps === 'passed' ? 'passed' : 'failed';
      await writeAtomically(join(folder, 'run.json'), `${JSON.stringify(record, null, 2)}\n`);
      await reports.writeReports(folder);
      await reports.writeAllureResults(folder, record, allureResults);
      context.say(reports.summaryText(record, { colour: progress.isTTY === true, width: context.width }));
    }
    if (records.length > 0) {
      await reports.writeCollection(outFolder, records);
      context.say(`Reports: ${join(outFolder, 'index.html')}`);
      if (options.allure) context.say(`Allure:  ${await reports.renderAllure(outFolder)}`);
    }
    const code = abort.signal.aborted ? exitCodeOfError('interrupted') : worst(outcome.errors);
    if (context.json) {
      context.print(
        options.dryRun ? { plans } : { exitCode: code, scenarios: outcome.scenarios, runs: records },
        () => '',
      );
    } else if (!options.dryRun) {
      const passed = outcome.scenarios.filter((s) => s.status === 'passed').length;
      context.say(
        `${outcome.scenarios.length} scenarios: ${passed} passed, ${outcome.scenarios.length - passed} not; exit code ${code}`,
      );
    }
    return code;
  } finally {
    stopListening();
  }
}

/** @throws OrdealError of kind usage or file-missing */
function servicesOf(context: Context, given: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    given.map((pair) => {
      const [, name, file] = /^([^=]+)=(.+)$/.exec(pair) ?? [];
      if (name !== undefined && file !== undefined) return [name, serviceFile(context, file)];
      throw new OrdealError('usage', 'A service cannot be replaced like this', {
        where: '--service',
        expected: '<name>=<service>, such as session-gateway=service.yaml',
        got: pair,
      });
    }),
  );
}

/** What a person must know first comes first: a service that is still broken outranks everything else. */
const severity: readonly ExitCode[] = [32, 130, 31, 30, 33, 36, 37, 35, 34];

function worst(errors: readonly unknown[]): number {
  const codes = errors.map((e): number => {
    if (e instanceof OrdealError) return exitCodeOfError(e.kind);
    return e instanceof Error && 'exitCode' in e && typeof e.exitCode === 'number' ? e.exitCode : 1;
  });
  return severity.find((code) => codes.includes(code)) ?? codes[0] ?? 0;
}

function sayWhatIsOpen(context: Context): void {
  using journal = new Journal(context.stateFolder);
  const open = journal.open();
  context.say(open.length === 0 ? 'Nothing is left open.' : `Still open; run \`ordeal recover\`:`);
  for (const entry of open) context.say(`  ${entry.runId}: ${entry.action.type} (${entry.state} at ${entry.at})`);
}
