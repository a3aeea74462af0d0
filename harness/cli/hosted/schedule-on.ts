import { dirname, resolve } from 'node:path';
import { stringify } from 'yaml';
import type { HostedSchedule } from '../../model/hosting.js';
import { readSchedule } from '../../schedule/schedule-file.js';
import { ManyErrors, OrdealError } from '../../util/errors.js';
import type { Context } from '../context.js';
import { type HostOptions, nameOfCall, openHost } from './call.js';

export interface ScheduleOnOptions extends HostOptions {
  readonly dryRun?: boolean;
}

/**
 * `ordeal schedule --on`: a CronJob for each test, which runs it once when it is due; windows, blackouts, pauses and notices
 * are those of the schedule.
 */
export async function scheduleOn(context: Context, file: string, options: ScheduleOnOptions): Promise<number> {
  const path = resolve(context.outside.cwd, file);
  const schedule = await readSchedule(path);
  refuseWhatIsNotThere(path, schedule.tests);
  const features = schedule.tests.flatMap((t) => t.features.map((f) => resolve(dirname(path), f)));
  await using host = await openHost(context, features, options);
  const own = new Map(await Promise.all([path, ...features].map((f) => host.read(f))));
  const calls = schedule.tests.map(
    (test): HostedSchedule => ({
      name: nameOfCall(`${host.serviceId}-${test.id}`),
      image: host.image,
      args: ['schedule', host.at(path), '--once', '--test', test.id],
      files: new Map([...host.files, ...own]),
      maxMs: test.maxMs + test.startWithinMs,
      cron: test.cron,
      timeZone: schedule.timeZone,
      startWithinMs: test.startWithinMs,
      ...(options.storage === undefined ? {} : { storage: options.storage }),
    }),
  );
  for (const call of calls) await host.hosting.check(call);
  if (options.dryRun === true) {
    const objects = calls.flatMap((call) => host.hosting.objectsOf(call));
    context.print(objects, () => objects.map((o) => stringify(o)).join('---\n'));
    return 0;
  }
  const lines = await host.hosting.schedule(calls);
  context.print(lines, () => lines.join('\n'));
  return 0;
}

/** @throws ManyErrors of kind usage: a CronJob has five fields, and starts nothing that was missed long ago */
function refuseWhatIsNotThere(
  file: string,
  tests: readonly { readonly id: string; readonly cron: string; readonly missed: string }[],
): void {
  const faults = tests.flatMap(({ id, cron, missed }) => {
    const fields = cron.trim().split(/\s+/).length;
    return [
      ...(cron.startsWith('@') || fields === 5
        ? []
        : [new OrdealError('usage', `${id}: "${cron}" has ${fields} fields`)]),
      ...(missed === 'skip' ? [] : [new OrdealError('usage', `${id}: missed: once is not there on a cluster`)]),
    ];
  });
  if (faults.length === 0) return;
  throw new ManyErrors('usage', `${file} cannot be scheduled there`, faults, 'Nothing was created.');
}
