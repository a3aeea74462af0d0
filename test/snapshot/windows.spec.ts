import { expect, test } from '@playwright/test';
import { snapshotWindow } from '../../harness/model/snapshot-descriptor.js';
import { isInWindow, isTimeZone } from '../../harness/snapshot/windows.js';

const weekend = ['sat', 'sun'] as const;
const isIn = (window: object, at: string) => isInWindow(snapshotWindow.parse(window), new Date(at));

test('a window counts in its own time zone', { tag: ['@Vnfsd.004'] }, () => {
  const window = { days: ['mon'], start: '01:00', end: '03:00', timeZone: 'Asia/Tokyo' };
  expect(isIn(window, '2026-11-22T16:30:00Z')).toBe(true);
  expect(isIn(window, '2026-11-23T01:30:00Z')).toBe(false);
});

test('a window includes its start and does not include its end', () => {
  const window = { days: weekend, start: '10:00', end: '11:00' };
  expect(isIn(window, '2026-11-22T10:00:00Z')).toBe(true);
  expect(isIn(window, '2026-11-22T10:59:59Z')).toBe(true);
  expect(isIn(window, '2026-11-22T11:00:00Z')).toBe(false);
});

test('a window over midnight belongs to the day on which it starts', () => {
  const window = { days: ['sun'], start: '23:00', end: '02:00' };
  expect(isIn(window, '2026-11-22T23:30:00Z')).toBe(true);
  expect(isIn(window, '2026-11-23T01:59:00Z')).toBe(true);
  expect(isIn(window, '2026-11-22T01:00:00Z')).toBe(false);
  expect(isIn(window, '2026-11-23T23:30:00Z')).toBe(false);
});

test('equal times are a whole day', () => {
  const window = { days: ['mon'], start: '06:00', end: '06:00' };
  expect(isIn(window, '2026-11-23T06:00:00Z')).toBe(true);
  expect(isIn(window, '2026-11-24T05:59:00Z')).toBe(true);
  expect(isIn(window, '2026-11-24T06:00:00Z')).toBe(false);
});

test('where the clocks go back, the hour that comes twice is in the window twice', () => {
  const window = { days: ['sun'], start: '02:00', end: '03:00', timeZone: 'Europe/Paris' };
  expect(isIn(window, '2026-10-25T00:30:00Z')).toBe(true);
  expect(isIn(window, '2026-10-25T01:30:00Z')).toBe(true);
  expect(isIn(window, '2026-10-25T02:00:00Z')).toBe(false);
});

test('a time zone that nobody knows is told from one that somebody does', () => {
  expect(isTimeZone('Europe/Paris')).toBe(true);
  expect(isTimeZone('Europe/Atlantis')).toBe(false);
});
