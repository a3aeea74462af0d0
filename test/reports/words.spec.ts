import { expect, test } from '@playwright/test';
import {
  bytes,
  difference,
  duration,
  durationBetween,
  faultName,
  figure,
  printable,
  quantity,
} from '../../reports/words.js';

test('a duration is told with three figures at most and its unit', () => {
  expect([0, 0.4123, 41.26, 999.6, 1000, 4210, 59_949, 59_951, 125_000, 3_725_000].map(duration)).toEqual([
    '0 ms',
    '0.412 ms',
    '41.3 ms',
    '1 s',
    '1 s',
    '4.21 s',
    '59.9 s',
    '1 min 00 s',
    '2 min 05 s',
    '1 h 02 min',
  ]);
});

test('an interval keeps one unit and the same decimals, and is one figure when its ends read the same', () => {
  expect(durationBetween(8340, 8400)).toBe('8.34 to 8.40 s');
  expect(durationBetween(900, 1100)).toBe('900 ms to 1.1 s');
  expect(durationBetween(5000, 5000.2)).toBe('5 s');
});

test('figures, bytes, quantities and differences carry their units', () => {
  expect([0.01234, 49.83, 999, 1_240_000].map(figure)).toEqual(['0.0123', '49.8', '999', '1 240 000']);
  expect([512, 16_777_216].map(bytes)).toEqual(['512 B', '16 MiB']);
  expect(quantity(0.1973, 'ratio')).toBe('19.7 %');
  expect(quantity(49.9, '1/s')).toBe('49.9 /s');
  expect(quantity(null, 'ms')).toBe('–');
  expect(difference(-0.803, 'ratio')).toBe('−80.3 points');
  expect(difference(996, 'ms')).toBe('+996 ms');
});

test('a fault is named with its dose and its target', () => {
  expect(faultName({ kind: 'delay', target: { link: 'backplane' }, params: { delayMs: 80, jitterMs: 10 } })).toBe(
    'the delay of 80 ms ± 10 ms on backplane',
  );
  expect(faultName({ kind: 'loss', target: { link: 'lan', from: 'a', to: 'b' }, params: { ratio: 0.2 } })).toBe(
    'the loss of 20 % on lan from a to b',
  );
  expect(faultName({ kind: 'of-tomorrow', target: { vnfc: 'x' }, params: {} })).toBe('the fault of-tomorrow on x');
});

test('control characters do not reach the terminal', () => {
  expect(printable('a\u001b[2Jb\u0007\nc')).toBe('a[2Jb\nc');
});
