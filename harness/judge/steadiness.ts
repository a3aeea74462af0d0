import type { History } from '../model/probe.js';
import { clopperPearson } from './distributions.js';
import { figureValues, prepareFigure } from './figures.js';
import { compareIndicator } from './indicator-comparison.js';
import { indicatorRules } from './indicators.js';
import { shown } from './numbers.js';
import { defaultConfidence, type JudgeRules, judgedIndicators, marginOf } from './rules.js';
import type { Prepared } from './series.js';

export interface Steadiness {
  readonly steady: boolean;
  /** Which indicator of which probe, and why; empty when steady. */
  readonly findings: readonly string[];
}

/** So few samples are no baseline: no ratio of errors and no median can be told from them. */
const fewestSamples = 30;
/** So many failures in a row at the end: the service is down now, whatever the ratio says. */
const failingNow = 3;

/**
 * No injection on a baseline that drifts, is broken already or is too short (clause 4.1.1.3: the service runs
 * normally before the test). Never throws: what cannot be judged is not steady.
 */
export function steadiness(baseline: readonly History[], rules: JudgeRules): Steadiness {
  const findings =
    baseline.length === 0 ? ['no probe: there is no baseline'] : baseline.flatMap((h) => ofProbe(h, rules));
  return { steady: findings.length === 0, findings };
}

function ofProbe(history: History, rules: JudgeRules): readonly string[] {
  try {
    const { samples } = history;
    if (samples.length < fewestSamples)
      return [`${history.probe}: too few samples: ${samples.length}, and a baseline takes ${fewestSamples}`];
    const broken = brokenAlready(history, rules);
    return broken.length > 0 ? broken : drift(history, rules);
  } catch (e) {
    return [`${history.probe}: cannot be judged: ${e instanceof Error ? e.message : String(e)}`];
  }
}

function brokenAlready({ probe, samples }: History, rules: JudgeRules): readonly string[] {
  const tail = samples.slice(-failingNow);
  if (tail.every((s) => !s.ok))
    return [`${probe}: errorRatio: already broken: the last ${failingNow} samples failed (${tail[0]?.outcome ?? ''})`];
  const allowed = Math.max(0.01, marginOf('errorRatio', rules).absolute ?? 0);
  const errors = samples.filter((s) => !s.ok).length;
  const { lower } = clopperPearson(errors, samples.length, 1 - (rules.confidence ?? defaultConfidence));
  if (lower <= allowed) return [];
  return [
    `${probe}: errorRatio: already broken: ${errors} of ${samples.length} samples failed, allowed is ${shown(allowed)}`,
  ];
}

/** The first third against the last: a drift that matters is one that would be judged as a difference. */
function drift(history: History, rules: JudgeRules): readonly string[] {
  const third = (history.toMs - history.fromMs) / 3;
  const first = windowOf(history, history.fromMs, history.fromMs + third);
  const last = windowOf(history, history.toMs - third, history.toMs);
  if (first.samples.length === 0 || last.samples.length === 0)
    return [`${history.probe}: a third of the baseline has no samples`];
  const { confidence = defaultConfidence, seed } = rules;
  const ofAnswers = judgedIndicators(rules).flatMap((name) => {
    const margin = marginOf(name, rules);
    const { unit } = indicatorRules[name];
    return told(history.probe, name, unit, compareIndicator(name, first, last, { margin, confidence, seed }));
  });
  // Of a series that was never read there is nothing to drift: the judge says so when it compares.
  const read = (rules.figures ?? []).filter(
    (f) => f.probe === history.probe && [first, last].every((w) => figureValues(w, f.id).length > 0),
  );
  return [
    ...ofAnswers,
    ...read.flatMap((f) => told(f.probe, f.id, f.unit, prepareFigure(f, first, last, { confidence, seed }))),
  ];
}

function told(probe: string, name: string, unit: string, prepared: Prepared): readonly string[] {
  const { comparison, before, after, blocked } = prepared;
  // Values that hang together so closely that they cannot be judged, and moved that far, are a drift or a slow swing.
  const swings = blocked?.why === 'too alike' && Math.abs(comparison.effect) > comparison.margin;
  const differs = blocked === undefined ? comparison.worse(1) || comparison.better(1) : swings;
  if (!differs) return [];
  const amount = unit === '' ? '' : ` (${unit})`;
  const change = `${shown(before.value)} in its first third, ${shown(after.value)} in its last${amount}`;
  return [`${probe}: ${name}: drifts: ${change}, beyond the margin of ${shown(comparison.margin)}`];
}

function windowOf(history: History, fromMs: number, toMs: number): History {
  const samples = history.samples.filter((s) => s.intendedMs >= fromMs && s.intendedMs < toMs);
  return { ...history, fromMs, toMs, samples };
}
