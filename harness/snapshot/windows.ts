import type { SnapshotWindow } from '../model/snapshot-descriptor.js';

const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;

/**
 * Whether the moment lies in the window, by the wall clock of its time zone: where the clocks are put forward or back,
 * a window counts hours as people there read them. The end is not part of it. A window whose end is not after its
 * start runs over midnight and belongs to the day on which it starts; equal times are a whole day.
 */
export function isInWindow(window: SnapshotWindow, at: Date): boolean {
  const { day, minute } = wallClock(at, window.timeZone);
  const start = minutes(window.start);
  const end = minutes(window.end);
  const includes = (index: number) => window.days.some((d) => d === days[(index + 7) % 7]);
  if (start < end) return includes(day) && minute >= start && minute < end;
  return (includes(day) && minute >= start) || (includes(day - 1) && minute < end);
}

export function describeWindow({ days: on, start, end, timeZone }: SnapshotWindow): string {
  return `${on.join(', ')} ${start} to ${end} ${timeZone}`;
}

/** Whether the time zone is one that this Node.js knows. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-GB', { timeZone: name });
    return true;
  } catch (e) {
    if (e instanceof RangeError) return false;
    throw e;
  }
}

const minutes = (hhmm: string): number => Number(hhmm.slice(0, 2)) * 60 + Number(hhmm.slice(3));

function wallClock(at: Date, timeZone: string): { day: number; minute: number } {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(at);
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.find((p) => p.type === type)?.value ?? '';
  const weekday = part('weekday').toLowerCase();
  return {
    day: (days as readonly string[]).indexOf(weekday),
    minute: Number(part('hour')) * 60 + Number(part('minute')),
  };
}
