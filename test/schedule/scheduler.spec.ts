import { expect } from '@playwright/test';
import type { ScheduleNotice } from '../../harness/schedule/notify.js';
import { type Schedule, type ScheduledTest, schedule } from '../../harness/schedule/schedule-file.js';
import { Scheduler, type TestEnd } from '../../harness/schedule/scheduler.js';
import { ScheduleRecord } from '../../harness/store/schedule-record.js';
import { test } from '../package/fixtures.js';
import { FakeClock } from './fake-clock.js';

const nightly = { id: 'nightly', service: 'gateway', cron: '0 3 * * *', features: ['a.feature'] };
const of = (more: object, ...tests: object[]): Schedule =>
  schedule.parse({ schema: 'ordeal.schedule/1', tests: tests.length > 0 ? tests : [nightly], ...more });

interface Story {
  readonly ran: string[];
  readonly said: string[];
  readonly told: ScheduleNotice[];
  readonly mostAtOnce: number;
}

/** The scheduler from one moment to another, of which each run takes so many minutes of the clock. */
async function play(
  folder: string,
  plan: Schedule,
  from: string,
  to: string,
  { minutes = 10, end }: { minutes?: number; end?: (test: ScheduledTest) => Partial<TestEnd> } = {},
): Promise<Story> {
  const stop = new AbortController();
  const clock = new FakeClock(new Date(from), new Date(to), stop);
  using record = new ScheduleRecord(folder);
  const ran: string[] = [];
  const said: string[] = [];
  const told: ScheduleNotice[] = [];
  let atOnce = 0;
  let mostAtOnce = 0;
  const scheduler = new Scheduler(plan, {
    clock,
    record,
    say: (line) => void said.push(line),
    notify: async (notice) => void told.push(notice),
    run: async (it, dueAt, signal) => {
      ran.push(`${it.id} ${clock.now().toISOString().slice(0, 16)}`);
      mostAtOnce = Math.max(mostAtOnce, ++atOnce);
      await clock.until(new Date(clock.now().getTime() + minutes * 60_000), signal);
      atOnce--;
      void dueAt;
      return { exitCode: 0, reason: 'well', ...end?.(it) };
    },
  });
  await scheduler.run(stop.signal);
  return { ran, said, told, mostAtOnce };
}

test('a test runs when it is due, in the time zone of the schedule', async ({ folder }) => {
  const { ran, told } = await play(
    folder,
    of({ timeZone: 'Europe/Paris' }),
    '2026-11-22T00:00:00Z',
    '2026-11-25T00:00:00Z',
  );
  expect(ran).toEqual(['nightly 2026-11-22T02:00', 'nightly 2026-11-23T02:00', 'nightly 2026-11-24T02:00']);
  expect(told.map((t) => `${t.test} ${t.outcome} ${t.exitCode}`)).toEqual(Array(3).fill('nightly passed 0'));
});

test('tests of one service run one after the other, tests of two side by side', async ({ folder }) => {
  const at = (id: string, service: string) => ({ ...nightly, id, service });
  const span = ['2026-11-22T00:00:00Z', '2026-11-23T00:00:00Z'] as const;
  const one = await play(`${folder}/a`, of({}, at('a', 's'), at('b', 's')), ...span);
  expect(one.ran).toHaveLength(2);
  expect(one.mostAtOnce).toBe(1);
  const two = await play(`${folder}/b`, of({}, at('a', 's'), at('b', 't')), ...span);
  expect(two.mostAtOnce).toBe(2);
});

test('a test whose service stays taken is skipped, and the record says by whom', async ({ folder }) => {
  const tests = [nightly, { ...nightly, id: 'second', startWithinMs: 60_000 }];
  const { ran, told } = await play(folder, of({}, ...tests), '2026-11-22T00:00:00Z', '2026-11-22T12:00:00Z', {
    minutes: 30,
  });
  expect(ran).toEqual(['nightly 2026-11-22T03:00']);
  expect(told.find((t) => t.outcome === 'skipped')?.reason).toMatch(/taken by the scheduled test "nightly"/);
});

test('a test that has not ended is not begun again', async ({ folder }) => {
  const plan = of({}, { ...nightly, cron: '0 * * * *' });
  const { ran, told } = await play(folder, plan, '2026-11-22T00:30:00Z', '2026-11-22T04:30:00Z', { minutes: 90 });
  expect(ran).toEqual(['nightly 2026-11-22T01:00', 'nightly 2026-11-22T03:00']);
  expect(told.filter((t) => t.outcome === 'skipped').map((t) => t.reason)).toContain(
    'the one of 2026-11-22T01:00:00.000Z has not ended',
  );
});

test('nothing starts outside a window, or in a blackout', async ({ folder }) => {
  const weekdays = [{ days: ['mon', 'tue'], start: '02:00', end: '04:00' }];
  const plan = of(
    { blackouts: [{ from: '2026-11-24', to: '2026-11-24', reason: 'freeze' }] },
    { ...nightly, windows: weekdays },
  );
  const { ran, told } = await play(folder, plan, '2026-11-22T00:00:00Z', '2026-11-25T00:00:00Z');
  expect(ran).toEqual(['nightly 2026-11-23T03:00']);
  expect(told.filter((t) => t.outcome === 'skipped').map((t) => t.reason)).toEqual([
    expect.stringMatching(/^outside its windows: mon, tue 02:00 to 04:00/),
    'freeze, from 2026-11-24 to 2026-11-24',
  ]);
});

for (const missed of ['skip', 'once'] as const) {
  test(`what was due while no scheduler ran is dealt with once: ${missed}`, async ({ folder }) => {
    const plan = of({}, { ...nightly, missed });
    await play(folder, plan, '2026-11-20T00:00:00Z', '2026-11-20T12:00:00Z');
    const back = await play(folder, plan, '2026-11-23T12:00:00Z', '2026-11-24T12:00:00Z');
    expect(back.said[0]).toBe('nightly: was due 3 times while no scheduler ran, last at 2026-11-23T03:00:00.000Z');
    expect(back.ran).toEqual([...(missed === 'once' ? ['nightly 2026-11-23T12:00'] : []), 'nightly 2026-11-24T03:00']);
    const again = await play(folder, plan, '2026-11-24T12:00:00Z', '2026-11-24T13:00:00Z');
    expect(again.ran).toEqual([]);
    expect(again.said).toEqual([]);
  });
}

test('a test whose service was not restored is paused until it is resumed', async ({ folder }) => {
  const days = ['2026-11-22T00:00:00Z', '2026-11-24T12:00:00Z'] as const;
  const broken = await play(folder, of({}), ...days, { end: () => ({ exitCode: 32, reason: 'not restored' }) });
  expect(broken.ran).toEqual(['nightly 2026-11-22T03:00']);
  expect(broken.told.map((t) => t.outcome)).toEqual(['failed', 'paused', 'skipped', 'skipped']);
  using record = new ScheduleRecord(folder);
  expect(record.pausedFor('nightly')).toMatch(/exit code 32/);
  expect(record.resume('nightly')).toBe(true);
  expect(record.resume('nightly')).toBe(false);
  const mended = await play(folder, of({}), '2026-11-24T12:00:00Z', '2026-11-25T12:00:00Z');
  expect(mended.ran).toEqual(['nightly 2026-11-25T03:00']);
});

test('an attempt whose scheduler died is closed as an error, and a run that fails to start does not end the schedule', async ({
  folder,
}) => {
  {
    using record = new ScheduleRecord(folder);
    record.begin({ test: 'nightly', service: 'gateway', dueAt: new Date('2026-11-21T03:00:00Z') }, new Date());
  }
  const { ran, said, told } = await play(folder, of({}), '2026-11-22T00:00:00Z', '2026-11-23T12:00:00Z', {
    end: () => {
      throw new Error('no such program');
    },
  });
  expect(said[0]).toMatch(/nightly: its scheduler died while it ran/);
  expect(ran).toHaveLength(2);
  expect(told.map((t) => `${t.outcome} ${t.reason}`)).toEqual(Array(2).fill('error no such program'));
  using record = new ScheduleRecord(folder);
  expect(record.attempts().map((a) => a.outcome)).toEqual(['error', 'error', 'error']);
});
