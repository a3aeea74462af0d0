import { Cron } from 'croner';
import { z } from 'zod';
import { snapshotWindow } from '../model/snapshot-descriptor.js';
import { isTimeZone } from '../snapshot/windows.js';
import { ManyErrors, reasonOf } from '../util/errors.js';
import { readValidated } from '../util/validate.js';

/** Scheduled chaos tests: what is run when, and when not. One schema gives the types and the checks. */

const id = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'must be letters, digits, dot, dash or underscore')
  .max(64, 'must have at most 64 characters');
const day = z.string().regex(/^\d{4}-\d{2}-\d{2}$/, 'must be YYYY-MM-DD');

export const scheduleOutcome = z.enum(['passed', 'failed', 'inconclusive', 'error', 'skipped', 'paused']);
export type ScheduleOutcome = z.output<typeof scheduleOutcome>;

export const notice = z
  .strictObject({
    on: z.array(scheduleOutcome).default(['failed', 'inconclusive', 'error', 'paused']),
    webhook: z.url().optional().describe('A POST of JSON; any 2xx is the answer.'),
    authorizationVariable: z.string().optional().describe('The environment variable that holds its authorization.'),
    command: z.array(z.string()).min(1).optional().describe('Program and arguments; the JSON is on its input.'),
  })
  .refine((n) => (n.webhook === undefined) !== (n.command === undefined), 'must have either a webhook or a command');
export type Notice = z.output<typeof notice>;

export const scheduledTest = z.strictObject({
  id,
  service: z.string().min(1).describe('Of tests that name the same service, one runs at a time.'),
  cron: z.string().describe('Five or six fields, or @daily and the like, in the time zone of the schedule.'),
  features: z.array(z.string()).min(1).describe('Feature files or folders, relative to this file.'),
  tags: z.string().optional().describe('Only scenarios with these tags.'),
  windows: z.array(snapshotWindow).optional().describe('It may start in these alone; absent: at any time.'),
  startWithinMs: z
    .number()
    .int()
    .nonnegative()
    .default(900_000)
    .describe('How late it may start, when another test has the service; then it is skipped.'),
  missed: z
    .enum(['skip', 'once'])
    .default('skip')
    .describe('What was due while the scheduler was not there: left out, or run once, when a window allows it.'),
  maxMs: z.number().int().positive().default(3_600_000).describe('After this it is interrupted, and heals first.'),
  pauseOn: z
    .array(z.number().int())
    .default([32])
    .describe('Exit codes after which it is not run again until somebody resumes it; 32: not restored.'),
});
export type ScheduledTest = z.output<typeof scheduledTest>;

export const schedule = z.strictObject({
  schema: z.literal('ordeal.schedule/1'),
  timeZone: z.string().default('UTC').describe('An IANA name, such as Europe/Paris.'),
  tests: z.array(scheduledTest).min(1, 'must name at least one test'),
  blackouts: z
    .array(z.strictObject({ from: day, to: day, reason: z.string().default('blackout') }))
    .default([])
    .describe('Days, the last one included, on which nothing starts.'),
  notify: z.array(notice).default([]),
});
export type Schedule = z.output<typeof schedule>;

/** @throws OrdealError of kinds file-missing and file-invalid: every fault at once */
export async function readSchedule(file: string): Promise<Schedule> {
  const found = await readValidated(file, schedule);
  const faults: Error[] = [];
  const ids = found.tests.map((t) => t.id);
  const check = (place: string, work: () => string | undefined) => {
    const fault = work();
    if (fault !== undefined) faults.push(new Error(`${file}: ${place}: ${fault}`));
  };
  const zone = (name: string) => (isTimeZone(name) ? undefined : `must be an IANA time zone, got "${name}"`);
  check('timeZone', () => zone(found.timeZone));
  for (const [i, test] of found.tests.entries()) {
    check(`tests[${i}].id`, () => (ids.indexOf(test.id) === i ? undefined : `"${test.id}" is there twice`));
    check(`tests[${i}].cron`, () => cronFault(test.cron));
    for (const [w, { timeZone }] of (test.windows ?? []).entries()) {
      check(`tests[${i}].windows[${w}].timeZone`, () => zone(timeZone));
    }
  }
  for (const [i, { from, to }] of found.blackouts.entries()) {
    check(`blackouts[${i}]`, () => (from <= to ? undefined : `must not end (${to}) before it begins (${from})`));
  }
  if (faults.length === 0) return found;
  throw new ManyErrors(
    'file-invalid',
    `${file} has ${faults.length} faults`,
    faults,
    'Correct the file; nothing runs.',
  );
}

function cronFault(pattern: string): string | undefined {
  try {
    // Paused: it is a calendar here, and starts nothing by itself.
    const next = new Cron(pattern, { paused: true }).nextRun();
    return next === null ? `never comes: "${pattern}"` : undefined;
  } catch (e) {
    return `must be a cron expression, got "${pattern}" (${reasonOf(e).replace(/^Cron\w*: /, '')})`;
  }
}
