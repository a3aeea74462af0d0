import { Command, CommanderError } from 'commander';
import { exitCodeOfError, exitCodes } from '../model/exit-codes.js';
import { asError, classifyIo, OrdealError } from '../util/errors.js';
import type { ActionWrapper, Register } from './command.js';
import { Context, type GlobalOptions, type Outside } from './context.js';

/** In the order of the help. Each is loaded when it is called: who stops a run does not wait for what a run needs. */
const commands: Readonly<Record<string, () => Promise<Register>>> = {
  run: async () => (await import('./commands/run.js')).runCommand,
  plan: async () => (await import('./commands/run.js')).planCommand,
  capabilities: async () => (await import('./commands/capabilities.js')).capabilitiesCommand,
  services: async () => (await import('./commands/services.js')).servicesCommand,
  snapshot: async () => (await import('./commands/snapshot.js')).snapshotCommand,
  package: async () => (await import('./commands/package.js')).packageCommand,
  report: async () => (await import('./commands/report.js')).reportCommand,
  judge: async () => (await import('./commands/judge.js')).judgeCommand,
  history: async () => (await import('./commands/history.js')).historyCommand,
  schedule: async () => (await import('./commands/schedule.js')).scheduleCommand,
  status: async () => (await import('./commands/status.js')).statusCommand,
  stop: async () => (await import('./commands/stop.js')).stopCommand,
  recover: async () => (await import('./commands/recover.js')).recoverCommand,
  hosted: async () => (await import('./commands/hosted.js')).hostedCommand,
};

/** The options of all commands that take a value. */
const valued: readonly string[] = ['--state', '--out'];

/** The commands to register: the one that is called; all of them for the help, and where none is recognised. */
async function wanted(argv: readonly string[]): Promise<Register[]> {
  let at = 0;
  while (argv[at]?.startsWith('-') && !['-h', '--help'].includes(argv[at] ?? ''))
    at += valued.includes(argv[at] ?? '') ? 2 : 1;
  const name = argv[at] ?? '';
  const loading = Object.hasOwn(commands, name) ? [commands[name]] : Object.values(commands);
  return Promise.all(loading.flatMap((load) => load?.() ?? []));
}

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
  for (const register of await wanted(outside.argv)) register(program, action);
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
  const e = io instanceof OrdealError && io.kind === 'no-space' ? io : asError(thrown);
  const json = outside.argv.includes('--json');
  if (e instanceof OrdealError) {
    outside.stderr.write(json ? `${JSON.stringify({ error: e.toJSON() }, null, 2)}\n` : `ordeal: ${e.message}\n`);
    return exitCodeOfError(e.kind);
  }
  outside.stderr.write(
    `ordeal: a defect in Ordeal itself: ${e.message}\n${e.stack ?? ''}\nPlease report it with this text. \`ordeal status\` shows whether anything is left open.\n`,
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
