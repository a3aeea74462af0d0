import { type IndicatorName, indicatorName, type Tolerance } from '../model/network-service.js';
import type { FigureRule } from './figures.js';
import { alwaysJudged, indicatorRules } from './indicators.js';

export interface JudgeRules {
  /** The indicators that the descriptor names, each with its margin; an empty margin means the default one. */
  readonly tolerances: Partial<Record<IndicatorName, Tolerance>>;
  /** Of the series that probes read beside how they were answered; default: none is judged. */
  readonly figures?: readonly FigureRule[];
  readonly seed: number;
  /** One-sided, of each claim; 0.95 when absent. */
  readonly confidence?: number;
}

export const defaultConfidence = 0.95;

/** What is judged: what is named, and beside it what every service is judged by. */
export const judgedIndicators = ({ tolerances }: JudgeRules): readonly IndicatorName[] =>
  indicatorName.options.filter((name) => alwaysJudged.includes(name) || tolerances[name] !== undefined);

export function marginOf(name: IndicatorName, { tolerances }: JudgeRules): Tolerance {
  const named = tolerances[name];
  const isEmpty = named?.relative === undefined && named?.absolute === undefined;
  return named === undefined || isEmpty ? indicatorRules[name].tolerance : named;
}
