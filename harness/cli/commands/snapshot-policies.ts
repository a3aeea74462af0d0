import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { watchForRootCause } from '../../online-test/root-cause-watch.js';
import { type LifecycleReport, withLifecycleSnapshot } from '../../snapshot/lifecycle-procedure.js';
import type { RootCauseReport } from '../../snapshot/root-cause-trigger.js';
import { OrdealError, reasonOf } from '../../util/errors.js';
import type { Register } from '../command.js';
import type { Context } from '../context.js';
import { chosenVnf, openSession } from '../service-file.js';

export const aroundCommand: Register = (snapshot, action) => {
  snapshot
    .command('around')
    .description('run a lifecycle procedure behind a VNF Snapshot, and fall back to it when the procedure fails')
    .argument('<service>', 'sample service or descriptor file; its `lifecycle` is the policy')
    .argument('<procedure>', 'upgrade, scale, heal, …')
    .argument('<command...>', 'what the procedure is; after --')
    .option('--vnf <id>', 'the VNF (default: the only one)')
    .option('--well <command>', 'for the shell: looks at the VNF afterwards; another exit code than 0 is a failure')
    .action(action(around));
};

export const watchCommand: Register = (snapshot, action) => {
  snapshot
    .command('watch')
    .description('capture a VNF for root cause analysis when what the policy names comes together, until Ctrl-C')
    .argument('<service>', 'sample service or descriptor file; its `rootCause` is the policy')
    .option('--baseline <seconds>', 'how long the service is measured before', '10')
    .option('--window <seconds>', 'what is compared with it', '5')
    .option('--once', 'end after the first capture')
    .action(action(watch));
};

interface AroundOptions {
  readonly vnf?: string;
  readonly well?: string;
}

async function around(
  context: Context,
  service: string,
  name: string,
  line: string[],
  { vnf, well }: AroundOptions,
): Promise<number> {
  await using session = await openSession(context, service);
  const procedure = {
    name,
    vnf: chosenVnf(session, vnf),
    sender: 'cli',
    run: async (signal?: AbortSignal) => {
      const ended = await run(context, line, { shell: false, signal });
      if (ended === 0) return;
      throw new OrdealError('vim-failed', `The procedure "${name}" failed`, {
        where: line.join(' '),
        expected: 'exit code 0',
        got: `${ended}`,
        remedy: 'See what it said above.',
      });
    },
    ...(well === undefined ? {} : { isWell: async () => (await run(context, [well], { shell: true })) === 0 }),
  };
  const told = (report: LifecycleReport): void => {
    const kept = report.snapshotId === undefined ? '' : `; VNF Snapshot ${report.snapshotId}`;
    const how = report.outcome === 'done' ? 'done' : 'failed, and the VNF fell back';
    context.print(report, () => `${report.procedure} of ${report.vnf}: ${how}${kept}`);
  };
  await untilInterrupted(context, (signal) =>
    withLifecycleSnapshot(session.engine, session.service.descriptor.lifecycle, procedure, told, signal),
  );
  return 0;
}

/** @returns its exit code, or the signal that ended it. With --json what it writes goes to stderr. */
async function run(
  { json, outside }: Context,
  [program = '', ...args]: readonly string[],
  { shell, signal }: { readonly shell: boolean; readonly signal?: AbortSignal | undefined },
): Promise<number | string> {
  const child = spawn(program, args, {
    cwd: outside.cwd,
    env: outside.env,
    stdio: ['inherit', json ? 2 : 'inherit', 'inherit'],
    shell,
    ...(signal === undefined ? {} : { signal }),
  });
  try {
    const [code, endedBy] = (await once(child, 'close')) as [number | null, string | null];
    return code ?? endedBy ?? 'an unknown signal';
  } catch (e) {
    if (signal?.aborted) throw new OrdealError('interrupted', `${program} was interrupted`);
    throw new OrdealError('usage', `${program} cannot be run`, { cause: e });
  }
}

interface WatchOptions {
  readonly baseline: string;
  readonly window: string;
  readonly once?: boolean;
}

async function watch(context: Context, service: string, options: WatchOptions): Promise<number> {
  const baselineMs = milliseconds('--baseline', options.baseline);
  const windowMs = milliseconds('--window', options.window);
  await using session = await openSession(context, service);
  const ended = new AbortController();
  const told = (report: RootCauseReport): void => {
    const seen = report.observations.map((o) => `${o.kind}: ${o.text}`).join('; ');
    const outcome = 'error' in report ? `not captured: ${reasonOf(report.error)}` : `captured: ${report.snapshot.id}`;
    const error = 'error' in report ? { error: reasonOf(report.error) } : { snapshotId: report.snapshot.id };
    context.print(
      { vnf: report.vnf, observations: report.observations, ...error },
      () => `${report.vnf}: ${outcome} (${seen})`,
    );
    if (options.once === true) ended.abort();
  };
  await untilInterrupted(context, (signal) =>
    watchForRootCause(
      session,
      { baselineMs, windowMs, say: (line) => context.say(line) },
      told,
      AbortSignal.any([signal, ended.signal]),
    ),
  );
  return 0;
}

function milliseconds(option: string, text: string): number {
  const seconds = Number(text);
  if (Number.isFinite(seconds) && seconds >= 1) return seconds * 1000;
  throw new OrdealError('usage', `${option} is not a time`, { expected: 'seconds, 1 at least', got: text });
}

async function untilInterrupted(context: Context, work: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
  const interrupted = new AbortController();
  const forget = context.outside.onInterrupt(() => interrupted.abort());
  try {
    await work(interrupted.signal);
  } finally {
    forget();
  }
}
