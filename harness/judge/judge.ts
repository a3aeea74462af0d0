import type { Tolerance } from '../model/network-service.js';
import type { History } from '../model/probe.js';
import type { IndicatorOutcome, IndicatorResult } from '../model/verdict.js';
import { prepareFigure } from './figures.js';
import { compareIndicator } from './indicator-comparison.js';
import { byProbe, indicatorRules } from './indicators.js';
import { defaultConfidence, type JudgeRules, judgedIndicators, marginOf } from './rules.js';
import { CannotJudge, differences, outcomeOf, type Prepared } from './series.js';

export type { Direction } from './compare.js';
export { type FigureRule, figureOf, figureRules } from './figures.js';
export { type Indicators, summarise } from './indicators.js';
export type { JudgeRules } from './rules.js';
export { judgeSeries, type Quantity, type SeriesOptions, type SeriesResult } from './series.js';
export { type Steadiness, steadiness } from './steadiness.js';

export interface Judgement {
  readonly outcome: IndicatorOutcome;
  /** One for each probe and indicator. */
  readonly indicators: readonly IndicatorResult[];
}

/** The longest advice to measure more, as a multiple of the window. */
const longest = 100;

interface Case {
  readonly name: string;
  readonly unit: string;
  readonly probe: string;
  readonly margin: Tolerance;
  readonly windowMs: number;
  readonly prepared: Prepared | { readonly failed: string };
}

/**
 * Step 7 of clause 4.1.1.4: is the service quality as it was before? Pure, and never throws: what cannot be judged,
 * by want of data or by a fault of the judge, is `inconclusive`, never a pass.
 *
 * Claims of a difference share one error budget over all probes and indicators (Holm), so that many indicators do
 * not cry wolf. `as-before` needs no such correction: it is claimed only when every indicator shows it.
 */
export function judge(before: readonly History[], after: readonly History[], rules: JudgeRules): Judgement {
  try {
    return judgeAll(before, after, rules);
  } catch (e) {
    return { outcome: 'inconclusive', indicators: [crashed(e)] };
  }
}

function judgeAll(before: readonly History[], after: readonly History[], rules: JudgeRules): Judgement {
  const cases = prepareCases(before, after, rules);
  const { worse, better } = differences(cases.map(({ prepared }) => prepared));
  const indicators = cases.map((it, i) => resultOf(it, worse[i] === true, better[i] === true));
  return { outcome: overall(indicators.map((i) => i.outcome)), indicators };
}

/** One worse is worse; else one inconclusive is inconclusive; better counts as as-before unless all are better. */
export function overall(outcomes: readonly IndicatorOutcome[]): IndicatorOutcome {
  if (outcomes.includes('worse')) return 'worse';
  if (outcomes.length === 0 || outcomes.includes('inconclusive')) return 'inconclusive';
  return outcomes.every((o) => o === 'better') ? 'better' : 'as-before';
}

function prepareCases(before: readonly History[], after: readonly History[], rules: JudgeRules): readonly Case[] {
  const first = byProbe(before);
  const second = byProbe(after);
  const probes = [...new Set([...first.keys(), ...second.keys()])];
  return probes.flatMap((probe) => {
    const b = first.get(probe);
    const a = second.get(probe);
    const windowMs = Math.min(lengthMs(b), lengthMs(a));
    const { confidence = defaultConfidence, seed } = rules;
    const ofAnswers = judgedIndicators(rules).map((name): Case => {
      const margin = marginOf(name, rules);
      const prepared = attempt(b, a, (x, y) => compareIndicator(name, x, y, { margin, confidence, seed }));
      return { name, unit: indicatorRules[name].unit, probe, margin, windowMs, prepared };
    });
    const ofFigures = (rules.figures ?? []).filter((f) => f.probe === probe);
    return [
      ...ofAnswers,
      ...ofFigures.map((rule): Case => {
        const { id, unit, margin } = rule;
        const prepared = attempt(b, a, (x, y) => prepareFigure(rule, x, y, { confidence, seed }));
        return { name: id, unit, probe, margin, windowMs, prepared };
      }),
    ];
  });
}

const lengthMs = (history: History | undefined): number => (history ? history.toMs - history.fromMs : 0);

function attempt(
  before: History | undefined,
  after: History | undefined,
  compare: (before: History, after: History) => Prepared,
): Case['prepared'] {
  if (before === undefined) return { failed: 'the probe has no baseline' };
  if (after === undefined) return { failed: 'the probe was not measured afterwards' };
  try {
    return compare(before, after);
  } catch (e) {
    const reason = e instanceof Error ? e.message : String(e);
    return { failed: e instanceof CannotJudge ? reason : `the judge failed: ${reason}` };
  }
}

function resultOf(
  { name, unit, probe, margin, windowMs, prepared }: Case,
  worse: boolean,
  better: boolean,
): IndicatorResult {
  const head = { indicator: name, probe, unit };
  if ('failed' in prepared) {
    const bare = { before: null, after: null, effect: null, margin: finite(margin.absolute) };
    return { ...head, ...bare, outcome: 'inconclusive', reason: prepared.failed };
  }
  const { comparison } = prepared;
  const interval = comparison.interval();
  const { outcome, reason, growth } = outcomeOf(prepared, worse, better, head.unit);
  const needMoreMs = Math.ceil(windowMs * (Math.min(longest, growth) - 1));
  return {
    ...head,
    before: prepared.before.value,
    after: prepared.after.value,
    effect: comparison.effect,
    ...(interval === undefined ? {} : { interval: [...interval] }),
    margin: comparison.margin,
    outcome,
    reason,
    ...(outcome === 'inconclusive' && needMoreMs > 0 ? { needMoreMs } : {}),
  };
}

const crashed = (e: unknown): IndicatorResult => ({
  indicator: 'all',
  probe: 'all',
  unit: '',
  before: null,
  after: null,
  effect: null,
  margin: 0,
  outcome: 'inconclusive',
  reason: `the judge failed: ${e instanceof Error ? e.message : String(e)}`,
});

const finite = (x: number | undefined): number => (x !== undefined && Number.isFinite(x) ? x : 0);
