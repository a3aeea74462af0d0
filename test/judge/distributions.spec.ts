import { expect, test } from '@playwright/test';
import {
  clopperPearson,
  fisherGreater,
  incompleteBeta,
  lnGamma,
  normalCritical,
  studentCritical,
  studentTail,
} from '../../harness/judge/distributions.js';

// Expected values are closed forms, or from printed tables and R (qt, pt, binom.test, fisher.test).

test('lnGamma has its closed forms', () => {
  expect(lnGamma(0.5)).toBeCloseTo(Math.log(Math.sqrt(Math.PI)), 12);
  expect(lnGamma(1)).toBeCloseTo(0, 12);
  expect(lnGamma(11)).toBeCloseTo(Math.log(3628800), 11);
});

test('the incomplete beta function is the binomial tail', () => {
  const p = 0.3;
  const tail = 10 * p ** 9 * (1 - p) + p ** 10;
  expect(incompleteBeta(p, 9, 2)).toBeCloseTo(tail, 12);
  expect(incompleteBeta(0.5, 4, 4)).toBeCloseTo(0.5, 12);
  expect(incompleteBeta(0, 2, 3)).toBe(0);
  expect(incompleteBeta(1, 2, 3)).toBe(1);
});

test('critical values of Student and of the normal distribution are those of the tables', () => {
  expect(studentCritical(0.05, 10)).toBeCloseTo(1.8124611, 6);
  expect(studentCritical(0.005, 4)).toBeCloseTo(4.6040949, 6);
  expect(studentTail(2.2281389, 10)).toBeCloseTo(0.025, 8);
  expect(normalCritical(0.025)).toBeCloseTo(1.959964, 5);
});

test('bounds of a ratio are exact', () => {
  expect(clopperPearson(0, 100, 0.05)).toMatchObject({ lower: 0 });
  expect(clopperPearson(0, 100, 0.05).upper).toBeCloseTo(1 - 0.05 ** 0.01, 10);
  const five = clopperPearson(5, 100, 0.025);
  expect(five.lower).toBeCloseTo(0.0164319, 6);
  expect(five.upper).toBeCloseTo(0.1128349, 6);
  expect(clopperPearson(7, 7, 0.05).upper).toBe(1);
});

test('the exact test finds what Fisher found over tea', () => {
  expect(fisherGreater(1, 4, 3, 4)).toBeCloseTo(17 / 70, 12);
  expect(fisherGreater(0, 4, 4, 4)).toBeCloseTo(1 / 70, 12);
  expect(fisherGreater(0, 50, 0, 50)).toBeCloseTo(1, 12);
});
