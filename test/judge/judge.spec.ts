import { expect, test } from '@playwright/test';
import { judge, steadiness, summarise } from '../../harness/judge/judge.js';
import type { IndicatorName } from '../../harness/model/network-service.js';
import { seededRandom } from '../../harness/util/random.js';
import { busyMachine, history } from './histories.js';

const rules = { tolerances: {}, seed: 1 };

test('identical behaviour is as before, on a machine that stalls now and then', () => {
  const random = seededRandom(7);
  const outcomes = Array.from({ length: 200 }, () => {
    const window = () => history({ n: 100, latencyMs: busyMachine(random) });
    return judge([window()], [window()], rules).outcome;
  });
  expect(outcomes.filter((o) => o !== 'as-before')).toEqual([]);
});

test('one error in five after none is worse, and each indicator says why', () => {
  const random = seededRandom(8);
  const latencyMs = busyMachine(random);
  const before = history({ n: 100, latencyMs });
  const after = history({ n: 100, latencyMs, fails: () => random() < 0.2 });
  const judgement = judge([before], [after], rules);
  expect(judgement.outcome).toBe('worse');
  const errors = judgement.indicators.find((i) => i.indicator === 'errorRatio');
  expect(errors).toMatchObject({ outcome: 'worse', before: 0, margin: 0.01 });
  expect(errors?.reason).toContain('beyond the margin of 0.01');
});

test('p99 is judged only when it is named, and says how much longer to measure', () => {
  const latencyMs = busyMachine(seededRandom(9));
  const window = history({ n: 100, latencyMs });
  const names = (tolerances: Partial<Record<IndicatorName, object>>) =>
    judge([window], [window], { tolerances, seed: 1 }).indicators.map((i) => i.indicator);
  expect(names({})).toEqual(['requestRate', 'errorRatio', 'latencyP50', 'availability']);
  const named = judge([window], [window], { tolerances: { latencyP99: {} }, seed: 1 });
  expect(named.outcome).toBe('inconclusive');
  const p99 = named.indicators.find((i) => i.indicator === 'latencyP99');
  expect(p99?.outcome).toBe('inconclusive');
  // 299 independent values are the fewest whose largest bounds the 99th percentile at 95 %: ln 0.05 / ln 0.99.
  expect(p99?.needMoreMs).toBeGreaterThan(10_000);
});

test('a steady baseline is steady; a drifting, a broken and a short one are not', () => {
  const random = seededRandom(10);
  const noise = busyMachine(random);
  expect(steadiness([history({ n: 100, latencyMs: noise })], rules)).toEqual({ steady: true, findings: [] });
  const drifting = steadiness([history({ n: 300, latencyMs: (i) => 5 + i / 10 + random() })], rules);
  expect(drifting.steady).toBe(false);
  expect(drifting.findings.join()).toContain('sessions: latencyP50: drifts');
  const broken = steadiness([history({ n: 100, latencyMs: noise, fails: () => random() < 0.1 })], rules);
  expect(broken.findings.join()).toContain('sessions: errorRatio: already broken');
  const short = steadiness([history({ n: 9, latencyMs: noise })], rules);
  expect(short.findings.join()).toContain('too few samples');
});

test('the summary gives exact figures', () => {
  const summary = summarise(history({ n: 100, rateHz: 50, latencyMs: (i) => i + 1, fails: (i) => i >= 90 }));
  expect(summary).toMatchObject({ samples: 100, errors: 10, errorRatio: 0.1, availability: 0.9, requestRate: 45 });
  expect(summary.latencyP50).toBeCloseTo(45.5, 9);
});
