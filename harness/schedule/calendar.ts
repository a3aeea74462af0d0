import { Cron } from 'croner';
import { describeWindow, isInWindow } from '../snapshot/windows.js';
import type { Schedule, ScheduledTest } from './schedule-file.js';

/** When a test is due, and whether it may start. Pure: every moment is given. */

/** @returns the first moment later than `after`; undefined when there is none */
export function nextDue(test: ScheduledTest, timeZone: string, after: Date): Date | undefined {
  return new Cron(test.cron, { paused: true, timezone: timeZone }).nextRun(after) ?? undefined;
}

/** So many missed moments are counted; a schedule of every second that slept for a year has more. */
const mostMissed = 1000;

/** The moments in (after, until]. */
export function dueBetween(test: ScheduledTest, timeZone: string, after: Date, until: Date): readonly Date[] {
  const found: Date[] = [];
  let next = nextDue(test, timeZone, after);
  while (next !== undefined && next <= until && found.length < mostMissed) {
    found.push(next);
    next = nextDue(test, timeZone, next);
  }
  return found;
}

/** @returns why it may not start now; undefined when it may */
export function forbidden(test: ScheduledTest, schedule: Schedule, at: Date): string | undefined {
  const today = dayIn(schedule.timeZone, at);
  const blackout = schedule.blackouts.find(({ from, to }) => from <= today && today <= to);
  if (blackout !== undefined) return `${blackout.reason}, from ${blackout.from} to ${blackout.to}`;
  if (test.windows === undefined || test.windows.some((w) => isInWindow(w, at))) return undefined;
  return `outside its windows: ${test.windows.map(describeWindow).join('; ')}`;
}

/** YYYY-MM-DD, as people there write it. */
const dayIn = (timeZone: string, at: Date): string =>
  new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(at);
