import { Command, CommanderError } from 'commander';
import { exitCodeOfError, exitCodes } from '../model/exit-codes.js';
import { asError, classifyIo, OrdealError } from '../util/errors.js';
import type { ActionWrapper, Register } from './command.js';
import { capabilitiesCommand } from './commands/capabilities.js';
import { historyCommand } from './commands/history.js';
import { hostedCommand } from './commands/hosted.js';
import { judgeCommand } from './commands/judge.js';
import { packageCommand } from './commands/package.js';
import { recoverCommand, statusCommand } from './commands/recover.js';
import { reportCommand } from './commands/report.js';
import { planCommand, runCommand } from './commands/run.js';
import { scheduleCommand } from './commands/schedule.js';
import { servicesCommand } from './commands/services.js';
import { snapshotCommand } from './commands/snapshot.js';
import { stopCommand } from './commands/stop.js';
import { Context, type GlobalOptions, type Outside } from './context.js';

const commands: readonly Register[] = [
  runCommand,
  planCommand,
  capabilitiesCommand,
  servicesCommand,
  snapshotCommand,
  packageCommand,
  reportCommand,
  judgeCommand,
  historyCommand,
  scheduleCommand,
  statusCommand,
  stopCommand,
  recoverCommand,
  hostedCommand,
];

/** @returns the exit code, from the one table in model/exit-codes.ts; never throws */
export async function main(outside: Outside): Promise<number> {
  let code = 0;
  const program = new Command('ordeal')
    .description(
      'Online testing of network services after ETSI GR NFV-TST 005: baseline, snapshot, fault, judgement,\nrestoration from the snapshots, and the evidence in a package.',
    )
    .option('--state <folder>', 'journal, repositories and VIM state (default: .ordeal, or ORDEAL_STATE)')
    .option('--out <folder>', 'run folders and reports (default: reports/out, or ORDEAL_OUT)')
    .option('--json', 'print the result as JSON')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void outside.stdout.write(text),
      writeErr: (text) => void outside.stderr.write(text),
    })
    .showHelpAfterError('(add --help for the options)')
    .addHelpText('after', help);
  const action: ActionWrapper =
    (work) =>
    async (...args) => {
      const command = args.at(-1) as unknown as Command;
      code = await work(new Context(outside, command.optsWithGlobals<GlobalOptions>()), ...args);
    };
  for (const register of commands) register(program, action);
  try {
    await program.parseAsync([...outside.argv], { from: 'user' });
    return code;
  } catch (e) {
    if (e instanceof CommanderError) return e.exitCode === 0 ? 0 : exitCodeOfError('usage');
    return tell(outside, e);
  }
}

/** One message, one exit code. Only a defect of ours shows its stack, because nobody else can mend it. */
function tell(outside: Outside, thrown: unknown): number {
  // A disk that is full is nobody's defect, wherever it is met first.
  const io = classifyIo(thrown, outside.cwd);
  const e = io instanceof OrdealError && io.kind === 'no-space' ? io : thrown;
  const json = outside.argv.includes('--json');
  if (e instanceof OrdealError) {
    outside.stderr.write(json ? `${JSON.stringify({ error: e.toJSON() }, null, 2)}\n` : `ordeal: ${e.message}\n`);
    return exitCodeOfError(e.kind);
  }
  outside.stderr.write(
    `ordeal: a defect in Ordeal itself: ${asError(e).message}\n${asError(e).stack ?? ''}\nPlease report it with this text. \`ordeal status\` shows whether anything is left open.\n`,
  );
  return exitCodeOfError('internal');
}

const help = `
Examples:
  $ ordeal run                                      all sample features on the embedded VIM
  $ ordeal run my.feature --tags @nightly           one feature of your own
  $ ordeal run my.feature --dry-run                 what would be done; touches nothing
  $ ordeal services start session-gateway           leave a sample service running
  $ ordeal snapshot create session-gateway --vnf session-store
  $ ordeal package verify evidence.zip              every entry against the manifest
  $ ordeal judge before.csv after.csv --lower-is-better all --margin cpu.p95=10%
  $ ordeal history --indicator latencyP50           over past runs: where it changed
  $ ordeal schedule nightly.yaml                    run tests when they are due, until Ctrl-C
  $ ordeal stop --all                               from another terminal: heal at once, give back, end
  $ ordeal recover                                  after a crash: heal and restore what a run left behind

Exit codes:
${Object.entries(exitCodes)
  .map(([n, text]) => `  ${n.padStart(3)}  ${text}`)
  .join('\n')}
`;
