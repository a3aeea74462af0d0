import { expect, test } from '@playwright/test';
import fc from 'fast-check';
import type { History, Sample } from '../../harness/model/probe.js';
import { availability, lengthOf, outages, timeToRecover, withinExpected } from '../../harness/monitor/outage-clock.js';

const periodMs = 10;

/** A sample every 10 ms, answered after 2 ms: `.` good, `x` refused, `t` timed out after 100 ms, `o` overload, ` ` missing. */
function seen(pattern: string): History {
  const samples: Sample[] = [];
  for (const [i, mark] of [...pattern].entries()) {
    if (mark === ' ') continue;
    const intendedMs = i * periodMs;
    const doneMs = intendedMs + (mark === 't' ? 100 : 2);
    const outcome = { '.': '200', x: 'ECONNREFUSED', t: 'timeout', o: 'overload' }[mark] ?? '';
    samples.push({ probe: 'web', intendedMs, sentMs: intendedMs, doneMs, ok: mark === '.', outcome });
  }
  return { probe: 'web', rateHz: 1000 / periodMs, fromMs: 0, toMs: pattern.length * periodMs, samples };
}
const good = (n: number) => '.'.repeat(n);

test('an outage is an interval, from the last good to the first bad sample and back', () => {
  expect(outages(seen('...xxx..'))).toEqual([
    { probe: 'web', lastGoodMs: 20, firstBadMs: 32, lastBadMs: 50, firstGoodMs: 62, lost: 3 },
  ]);
  expect(lengthOf(outages(seen('...xxx..'))[0]!)).toEqual({ atLeastMs: 18, atMostMs: 42 });
});

test('an outage that has not ended has no end, and one that was there before begins with the history', () => {
  const [o] = outages(seen('xx'));
  expect(o).toEqual({ probe: 'web', lastGoodMs: 0, firstBadMs: 2, lastBadMs: 10, lost: 2 });
  expect(lengthOf(o!).atMostMs).toBe(Number.POSITIVE_INFINITY);
  expect(outages(seen(''))).toEqual([]);
  expect(outages(seen('...'))).toEqual([]);
});

test('a good sample between two bad ones makes two outages', () => {
  expect(outages(seen('.x.x.')).map((o) => o.lost)).toEqual([1, 1]);
});

test('a timeout dates the outage to when the answer was due, not to when waiting ended', () => {
  const [o] = outages(seen(`....${'t'.repeat(20)}...`));
  expect(o).toMatchObject({ lastGoodMs: 30, firstBadMs: 42, lastBadMs: 230, firstGoodMs: 242 });
  expect(outages(seen('ttt.'))[0]).toMatchObject({ firstBadMs: 2, firstGoodMs: 32 });
  // Without any good answer, nothing is known of how long one takes.
  expect(outages(seen('ttt'))[0]?.firstBadMs).toBe(100);
});

test('a request that the probe thread did not send tells nothing of the service', () => {
  expect(outages(seen('..ooo..'))).toEqual([]);
  expect(outages(seen('..oxo..'))[0]).toMatchObject({ lastGoodMs: 10, firstBadMs: 32, firstGoodMs: 52, lost: 1 });
});

test('a good answer that was under way together with a bad one parts no outage: they may have been served in any order', () => {
  const sample = (sentMs: number, doneMs: number, ok: boolean): Sample => ({
    ...{ probe: 'p', intendedMs: sentMs, sentMs, doneMs, ok },
    outcome: ok ? '200' : '503',
  });
  const samples = [
    sample(0, 5, true),
    sample(10, 90, false),
    sample(20, 200, true), // served after the outage
    sample(30, 80, false),
    sample(210, 215, true),
  ];
  expect(outages({ probe: 'p', rateHz: 100, fromMs: 0, toMs: 300, samples })).toEqual([
    { probe: 'p', lastGoodMs: 0, firstBadMs: 80, lastBadMs: 30, firstGoodMs: 215, lost: 2 },
  ]);
});

test('the interval of an outage holds the true one, whatever the phase, and the speed and order of the answers', () => {
  const ms = (max: number) => fc.double({ min: 0, max, noNaN: true });
  const slow = fc.oneof(ms(30), ms(300));
  fc.assert(
    fc.property(ms(periodMs), ms(400), ms(9), fc.infiniteStream(slow), (phase, lengthMs, lateMs, answers) => {
      const [start, end] = [400, 400 + lengthMs];
      const samples: Sample[] = [];
      for (let intendedMs = phase; intendedMs < 1500; intendedMs += periodMs) {
        const sentMs = intendedMs + lateMs;
        const takes = answers.next().value as number;
        const servedMs = sentMs + takes / 2;
        const ok = servedMs < start || servedMs >= end;
        samples.push({ probe: 'p', intendedMs, sentMs, doneMs: sentMs + takes, ok, outcome: ok ? '200' : '503' });
      }
      const found = outages({ probe: 'p', rateHz: 100, fromMs: 0, toMs: 1500, samples });
      if (lengthMs > periodMs + 150) expect(found.length).toBeGreaterThan(0);
      for (const o of found) {
        expect(o.lastGoodMs).toBeLessThanOrEqual(start);
        expect(o.firstBadMs).toBeGreaterThanOrEqual(start);
        expect(o.lastBadMs).toBeLessThanOrEqual(end);
        if (o.firstGoodMs !== undefined) expect(o.firstGoodMs).toBeGreaterThanOrEqual(end);
      }
    }),
    { numRuns: 300 },
  );
});

test('availability is told as at least and at most', () => {
  const { atLeast, atMost } = availability(seen(`${good(40)}${'x'.repeat(20)}${good(40)}`));
  expect(atLeast).toBeCloseTo(1 - 212 / 1000, 6);
  expect(atMost).toBeCloseTo(1 - 188 / 1000, 6);
  expect(availability(seen(good(10)))).toEqual({ atLeast: 1, atMost: 1 });
  expect(availability(seen('xxxxx')).atLeast).toBe(0);
});

test('recovery is the first unbroken good stretch after the first bad sample', () => {
  const history = seen(`${good(20)}${'x'.repeat(10)}${good(5)}x${good(100)}`);
  expect(timeToRecover(history, 100)).toEqual({ recoveredMs: 360, earliestMs: 350, latestMs: 362, relapses: 0 });
  expect(timeToRecover(history, 100, { steadyMs: 50 })).toMatchObject({ recoveredMs: 300, relapses: 1 });
});

test('a service that was never bad was back at once', () => {
  expect(timeToRecover(seen(good(100)), 95)).toEqual({ recoveredMs: 95, earliestMs: 95, latestMs: 102, relapses: 0 });
});

test('a fault that shows late is not taken for a recovery before it', () => {
  expect(timeToRecover(seen(`${good(100)}xx${good(60)}`), 0)?.recoveredMs).toBe(1020);
});

test('a service that does not come back, or not for long enough, has no time to recover', () => {
  expect(timeToRecover(seen(`${good(20)}${'x'.repeat(100)}`), 100)).toBeNull();
  expect(timeToRecover(seen(`${good(20)}xx${good(49)}`), 100)).toBeNull();
  expect(timeToRecover(seen(`${good(20)}xx${good(50)}`), 100)?.recoveredMs).toBe(220);
  expect(timeToRecover(seen(`${good(20)}${'x....'.repeat(30)}`), 100)).toBeNull();
  expect(timeToRecover(seen(''), 100)).toBeNull();
});

test('answers that are still awaited are no recovery: half of a service may hang', () => {
  expect(timeToRecover(seen('. '.repeat(100)), 0)).toBeNull();
  expect(timeToRecover(seen(`${'. '.repeat(20)}${good(60)}`), 0)?.recoveredMs).toBe(400);
});

test('recovery is within, beyond, or cannot be told from the expected time', () => {
  const recovery = timeToRecover(seen(`${good(20)}${'x'.repeat(10)}${good(60)}`), 150);
  expect(recovery).toMatchObject({ earliestMs: 290, latestMs: 302 });
  expect(withinExpected(recovery, 150, 152)).toBe('within');
  expect(withinExpected(recovery, 150, 145)).toBe('cannot-tell');
  expect(withinExpected(recovery, 150, 139)).toBe('beyond');
  expect(withinExpected(null, 150, 1000)).toBe('beyond');
});
