import { resolve } from 'node:path';
import { exitCodeOfError } from '../../model/exit-codes.js';
import { notify, type ScheduleNotice } from '../../schedule/notify.js';
import { runFeatures } from '../../schedule/run-features.js';
import { readSchedule, type Schedule } from '../../schedule/schedule-file.js';
import { Scheduler } from '../../schedule/scheduler.js';
import { wallClock } from '../../schedule/wall-clock.js';
import { ScheduleRecord } from '../../store/schedule-record.js';
import { OrdealError } from '../../util/errors.js';
import { packageRoot } from '../../util/package-root.js';
import type { Register } from '../command.js';
import { type Context, table } from '../context.js';
import { hostFlags } from '../hosted/call.js';
import { type ScheduleOnOptions, scheduleOn } from '../hosted/schedule-on.js';

interface ScheduleOptions extends ScheduleOnOptions {
  readonly once?: boolean;
  readonly list?: boolean;
  readonly history?: boolean;
  readonly test?: readonly string[];
  readonly resume?: string;
}

export const scheduleCommand: Register = (program, action) => {
  program
    .command('schedule')
    .description('run chaos tests when they are due, in their windows, one at a time for each service; until Ctrl-C')
    .argument('<file>', 'the schedule (YAML or JSON)')
    .option('--once', 'run the tests once, now, one after the other, and end with the worst exit code')
    .option('--list', 'when each is due next, and how it ended last; runs nothing')
    .option('--history', 'what came of each moment so far; runs nothing')
    .option('--test <id...>', 'with --once or --history: these alone')
    .option('--resume <id>', 'let a paused test run again; runs nothing')
    .option(...hostFlags.on)
    .option(...hostFlags.image)
    .option(...hostFlags.storage)
    .option('--dry-run', 'with --on: print what would be created, once the cluster has said that it takes it')
    .action(action((context: Context, file: string, options: ScheduleOptions) => scheduled(context, file, options)));
};

async function scheduled(context: Context, file: string, options: ScheduleOptions): Promise<number> {
  if (options.on !== undefined) return scheduleOn(context, file, options);
  const path = resolve(context.outside.cwd, file);
  const schedule = await readSchedule(path);
  checkOptions(schedule, options);
  using record = new ScheduleRecord(context.stateFolder);
  if (options.resume !== undefined) return resume(context, record, options.resume);
  if (options.history === true) return history(context, record, options.test);
  const scheduler = new Scheduler(schedule, {
    clock: wallClock,
    record,
    say: (line) => context.say(`${new Date().toISOString()} ${line}`),
    notify: (told) => tellAll(context, schedule, told),
    run: (test, dueAt, signal) =>
      runFeatures(test, dueAt, signal, {
        ordeal: [process.execPath, resolve(packageRoot, 'bin', 'ordeal.js')],
        scheduleFile: path,
        stateFolder: context.stateFolder,
        outFolder: context.outFolder,
        env: { ...context.outside.env },
      }),
  });
  if (options.list === true) return list(context, scheduler, record);
  return await untilInterrupted(context, scheduler, options);
}

async function untilInterrupted(context: Context, scheduler: Scheduler, options: ScheduleOptions): Promise<number> {
  const { outside } = context;
  const abort = new AbortController();
  let interrupts = 0;
  const stopListening = outside.onInterrupt(() => {
    interrupts += 1;
    if (interrupts === 1) context.say('Ending: what runs heals and gives its service back first.');
    else outside.leave(exitCodeOfError('interrupted'));
    abort.abort();
  });
  try {
    if (options.once === true) {
      const codes = await scheduler.once(options.test, abort.signal);
      return abort.signal.aborted ? exitCodeOfError('interrupted') : Math.max(0, ...codes);
    }
    for (const { test, dueAt } of scheduler.upcoming()) context.say(`${test.id}: due at ${dueAt.toISOString()}`);
    await scheduler.run(abort.signal);
    return 0;
  } finally {
    stopListening();
  }
}

/** @throws OrdealError of kind usage */
function checkOptions(schedule: Schedule, { test = [], resume, once, list, history }: ScheduleOptions): void {
  const ids = schedule.tests.map((t) => t.id);
  const unknown = [...test, ...(resume === undefined ? [] : [resume])].find((t) => !ids.includes(t));
  if (unknown !== undefined) {
    throw new OrdealError('usage', 'There is no such test in the schedule', {
      expected: `one of ${ids.join(', ')}`,
      got: unknown,
    });
  }
  if ([once, list, history, resume !== undefined].filter((o) => o === true).length > 1) {
    throw new OrdealError('usage', 'More than one thing is asked for', {
      expected: 'one of --once, --list, --history, --resume',
    });
  }
}

function resume(context: Context, record: ScheduleRecord, id: string): number {
  const resumed = record.resume(id);
  context.print({ test: id, resumed }, () => (resumed ? `${id} runs again when it is due` : `${id} was not paused`));
  return 0;
}

function history(context: Context, record: ScheduleRecord, ids: readonly string[] | undefined): number {
  const attempts = record.attempts({ last: 1000 }).filter((a) => ids?.includes(a.test) !== false);
  context.print(attempts, () =>
    attempts.length === 0
      ? 'Nothing was due so far.'
      : table(
          ['due', 'test', 'service', 'outcome', 'code', 'took', 'reason'],
          attempts.map((a) => [
            a.dueAt,
            a.test,
            a.service,
            a.outcome ?? 'runs',
            a.exitCode === null ? '' : String(a.exitCode),
            took(a.startedAt, a.finishedAt),
            a.reason,
          ]),
        ),
  );
  return 0;
}

const took = (from: string | null, to: string | null): string =>
  from === null || to === null ? '' : `${Math.round((Date.parse(to) - Date.parse(from)) / 1000)} s`;

function list(context: Context, scheduler: Scheduler, record: ScheduleRecord): number {
  const next = scheduler.upcoming();
  const rows = scheduler.schedule.tests.map((test) => ({
    test: test.id,
    service: test.service,
    cron: test.cron,
    dueAt: next.find((n) => n.test.id === test.id)?.dueAt.toISOString() ?? null,
    paused: record.pausedFor(test.id) ?? null,
    last: record.attempts({ test: test.id, last: 1 })[0] ?? null,
  }));
  context.print(rows, () =>
    table(
      ['test', 'service', 'cron', 'next', 'last'],
      rows.map((r) => [
        r.test,
        r.service,
        r.cron,
        r.paused === null ? (r.dueAt ?? 'never') : `paused: ${r.paused}`,
        r.last === null ? '' : `${r.last.outcome ?? 'runs'} at ${r.last.dueAt}`,
      ]),
    ),
  );
  return 0;
}

/** Each of those who are to hear of it; the first failure is thrown when all have been told. */
async function tellAll(context: Context, { notify: all }: Schedule, told: ScheduleNotice): Promise<void> {
  const concerned = all.filter((n) => n.on.includes(told.outcome));
  const results = await Promise.allSettled(concerned.map((n) => notify(n, told, context.outside.env)));
  const failed = results.find((r) => r.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
