import type { IndicatorName, Tolerance } from '../model/network-service.js';
import type { IndicatorOutcome } from '../model/verdict.js';
import { OrdealError } from '../util/errors.js';
import type { FigureRule } from './figures.js';
import { judge, overall } from './judge.js';
import type { Measurements } from './measurements.js';
import { indicatorTolerances, type RuleTexts, seriesRules } from './rule-texts.js';
import { judgeSeriesSet, type SeriesIndicator } from './series-judgement.js';

export interface MeasurementComparison {
  readonly outcome: IndicatorOutcome;
  readonly indicators: readonly SeriesIndicator[];
}

/** With what was compared, for who tells it. */
export interface ToldComparison extends MeasurementComparison {
  readonly before: Measurements;
  readonly after: Measurements;
}

export interface MeasurementRules {
  readonly texts: RuleTexts;
  /** Of the indicators of requests, where the texts name none. */
  readonly tolerances: Partial<Record<IndicatorName, Tolerance>>;
  /** Of the series that probes read, where the descriptor is known. */
  readonly figures?: readonly FigureRule[];
  /** Of each bound, one-sided. */
  readonly confidence: number;
  readonly seed: number;
}

/**
 * What was measured before against what was measured after. Requests have the indicators of a probe; of series each is
 * an indicator itself.
 * @throws OrdealError of kind usage: a rule that names nothing, or two files that cannot be compared
 */
export function compareMeasurements(
  before: Measurements,
  after: Measurements,
  { texts, tolerances, figures = [], confidence, seed }: MeasurementRules,
): MeasurementComparison {
  const series = [...new Set([...before.series.keys(), ...after.series.keys()])];
  const requests = before.histories.length + after.histories.length > 0;
  if (requests && series.length > 0) {
    throw new OrdealError('usage', 'One file holds requests, the other holds series of figures', {
      expected: 'two files of one kind',
    });
  }
  const { indicators } = requests
    ? judge(before.histories, after.histories, {
        tolerances: { ...tolerances, ...indicatorTolerances(texts) },
        figures: figures.filter((f) => before.histories.some((h) => h.probe === f.probe)),
        confidence,
        seed,
      })
    : judgeSeriesSet(before.series, after.series, seriesRules(series, texts), { confidence, seed });
  return { outcome: overall(indicators.map((i) => i.outcome)), indicators };
}

/** Only what is named. @throws OrdealError of kind usage for a name that is not there */
export function only(all: Measurements, names: readonly string[] | undefined): Measurements {
  if (names === undefined) return all;
  const present = [...all.series.keys(), ...all.histories.map((h) => h.probe)];
  const unknown = names.find((name) => !present.includes(name));
  if (unknown !== undefined) {
    throw new OrdealError('usage', 'There is nothing of this name in the file', {
      where: '--only',
      expected: `one of ${present.join(', ')}`,
      got: unknown,
    });
  }
  return {
    histories: all.histories.filter((h) => names.includes(h.probe)),
    series: new Map([...all.series].filter(([name]) => names.includes(name))),
    ignored: [],
  };
}
