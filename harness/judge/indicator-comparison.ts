import type { IndicatorName, Tolerance } from '../model/network-service.js';
import type { History } from '../model/probe.js';
import { compare, type Guard } from './compare.js';
import { fisherGreater } from './distributions.js';
import { designEffect, type Estimate, fewestValues, ratioEstimate } from './estimate.js';
import { availability, goodLatencies, indicatorRules } from './indicators.js';
import { CannotJudge, checkRules, type Prepared, prepareSeries } from './series.js';

export interface Rules {
  readonly margin: Tolerance;
  readonly confidence: number;
  readonly seed: number;
}

const latencyQuantity = { latencyP50: 'p50', latencyP95: 'p95', latencyP99: 'p99' } as const;

/** So few samples without any error do not even exclude one error in ten. */
const fewestCounted = 30;

/**
 * One indicator of one probe, before against after.
 * @throws CannotJudge when there is nothing to compare; the caller makes it `inconclusive`.
 */
export function compareIndicator(name: IndicatorName, before: History, after: History, rules: Rules): Prepared {
  checkHistory('before', before);
  checkHistory('after', after);
  checkRules(rules.margin, rules.confidence);
  switch (name) {
    case 'latencyP50':
    case 'latencyP95':
    case 'latencyP99': {
      const { direction } = indicatorRules[name];
      const quantity = latencyQuantity[name];
      return prepareSeries(goodLatencies(before.samples), goodLatencies(after.samples), {
        ...rules,
        direction,
        quantity,
      });
    }
    case 'errorRatio':
      return compareErrors(before, after, rules);
    case 'availability':
      return compareAvailability(before, after, rules);
    case 'requestRate':
      return compareRequestRate(before, after, rules);
  }
}

function checkHistory(which: string, history: History): void {
  if (history.samples.length === 0) throw new CannotJudge(`there are no samples ${which}`);
  const bad = history.samples.filter((s) => !Number.isFinite(s.doneMs - s.intendedMs) || typeof s.ok !== 'boolean');
  if (bad.length > 0) throw new CannotJudge(`${bad.length} samples ${which} have no finite times or no result`);
  if (!(history.toMs - history.fromMs > 0 && Number.isFinite(history.toMs - history.fromMs)))
    throw new CannotJudge(`the window ${which} has no length`);
}

const failures = (history: History): Float64Array => Float64Array.from(history.samples, (s) => (s.ok ? 0 : 1));
const count = (hits: Float64Array): number => hits.reduce((sum, hit) => sum + hit, 0);

/** Errors that come in bursts are fewer events than samples: the more clustered of the two series decides how many. */
function compareErrors(before: History, after: History, rules: Rules): Prepared {
  const b = failures(before);
  const a = failures(after);
  const effect = Math.max(designEffect(b), designEffect(a));
  return counted(
    { estimate: ratioEstimate(count(b), b.length, effect), n: b.length },
    { estimate: ratioEstimate(count(a), a.length, effect), n: a.length },
    rules,
    'errorRatio',
    count(a) === 0,
    fisher({ hits: count(b), n: b.length }, { hits: count(a), n: a.length }, effect),
  );
}

interface Hits {
  readonly hits: number;
  readonly n: number;
}

/** Fisher's exact test on effective counts, rounded to the side that claims less. */
function fisher(before: Hits, after: Hits, effect: number): Guard {
  const greater = (less: Hits, more: Hits) =>
    fisherGreater(
      Math.ceil(less.hits / effect),
      Math.max(Math.ceil(less.hits / effect), Math.floor(less.n / effect)),
      Math.floor(more.hits / effect),
      Math.floor(more.n / effect),
    );
  const worse = greater(before, after);
  const better = greater(after, before);
  return { worse: (alpha) => worse <= alpha, better: (alpha) => better <= alpha };
}

/**
 * Availability and the rate of good answers are a census of the window: after a flawless baseline one long outage is
 * news, though it is one event. Only where the baseline has errors itself may bursts of them be natural.
 */
const naturalClustering = (before: History, after: History): number => {
  const b = failures(before);
  return count(b) === 0 ? 1 : Math.max(designEffect(b), designEffect(failures(after)));
};

function compareAvailability(before: History, after: History, rules: Rules): Prepared {
  const effect = naturalClustering(before, after);
  const up = (history: History) => {
    const share = availability(history) ?? 0;
    const n = history.samples.length;
    return { estimate: ratioEstimate(share * n, n, effect), n };
  };
  return counted(up(before), up(after), rules, 'availability', count(failures(after)) === 0);
}

/** Good answers a second. An open-loop probe decides by itself how many it sends; chance is in what is answered. */
function compareRequestRate(before: History, after: History, rules: Rules): Prepared {
  const effect = naturalClustering(before, after);
  const rate = (history: History) => {
    const n = history.samples.length;
    const sent = (n * 1000) / (history.toMs - history.fromMs);
    const good = ratioEstimate(n - count(failures(history)), n, effect);
    return { estimate: scaled(good, sent), n, kept: history.rateHz > 0 ? sent / history.rateHz : 1 };
  };
  const b = rate(before);
  const a = rate(after);
  const prepared = counted(b, a, rules, 'requestRate', false);
  if (a.kept >= 0.9 * Math.min(1, b.kept)) return prepared;
  const reason = `the probe itself sent only ${Math.round(100 * a.kept)} % of what it should have`;
  return { ...prepared, blocked: { why: 'not sent', reason, growth: 2 } };
}

const scaled = (estimate: Estimate, factor: number): Estimate => ({
  value: estimate.value * factor,
  effectiveN: estimate.effectiveN,
  lower: (alpha) => estimate.lower(alpha) * factor,
  upper: (alpha) => estimate.upper(alpha) * factor,
  growth: (alpha) => estimate.growth(alpha),
});

interface Counted {
  readonly estimate: Estimate;
  readonly n: number;
}

function counted(
  b: Counted,
  a: Counted,
  rules: Rules,
  name: IndicatorName,
  flawless: boolean,
  guard?: Guard,
): Prepared {
  const { direction } = indicatorRules[name];
  const comparison = compare(b.estimate, a.estimate, { ...rules, direction, ...(guard ? { guard } : {}) });
  const values = Math.min(b.n, a.n);
  const prepared = { before: b.estimate, after: a.estimate, comparison, values };
  if (values < fewestValues) {
    const reason = `only ${values} samples, and ${fewestValues} are the fewest that can be judged`;
    return { ...prepared, blocked: { why: 'too few', reason, growth: fewestValues / values } };
  }
  // No window of seconds can show that errors stay below 1 %; without a single one, no more is asked of it.
  if (flawless && values >= fewestCounted) {
    const reason = `no sample of ${a.n} failed (up to ${(100 * unseen(a.n, rules.confidence)).toFixed(1)} % could go unseen)`;
    return { ...prepared, granted: reason };
  }
  return prepared;
}

/** The largest ratio of errors that shows none among n with probability 1 - confidence. */
const unseen = (n: number, confidence: number): number => 1 - (1 - confidence) ** (1 / n);
