import type { IndicatorName } from '../model/network-service.js';
import { changePoints, type Trend, trendOf } from './change-points.js';
import type { Direction } from './compare.js';
import { indicatorRules } from './indicators.js';

/** One figure of one past run. */
export interface PastFigure {
  readonly runId: string;
  readonly label: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly value: number;
}

export interface Change {
  /** The first run at the new level. */
  readonly run: PastFigure;
  readonly index: number;
  readonly before: number;
  readonly after: number;
  readonly p: number;
  /** `small` when it is within the margin of the indicator. */
  readonly kind: 'worse' | 'better' | 'small';
}

export interface PastIndicator {
  readonly figures: readonly PastFigure[];
  readonly changes: readonly Change[];
  /** Absent when there are too few runs, or chance alone would make such a trend in more than 1 %. */
  readonly trend?: Trend & { readonly kind: Change['kind'] };
}

/** With what it is the history of. */
export interface ToldHistory extends PastIndicator {
  readonly service: string;
  readonly probe: string;
  readonly indicator: string;
  /** When in each run it was taken: `baseline`, `measurement` after the fault, or of the `run` as a whole. */
  readonly moment: string;
  readonly unit: string;
}

const significant = 0.01;

/** What is not an indicator of a probe: how long the service needed to come back. */
export const timeToRecover = 'timeToRecover';

export const unitOf = (indicator: string): string =>
  indicator === timeToRecover ? 'ms' : (indicatorRules[indicator as IndicatorName]?.unit ?? '');

const rulesOf = (
  indicator: string,
  isHighGood: boolean,
): { direction: Direction; margin: (level: number) => number } => {
  const rule = indicatorRules[indicator as IndicatorName];
  const { relative = 0, absolute = 0 } = rule?.tolerance ?? { relative: 0.1 };
  return {
    direction: rule?.direction ?? (isHighGood ? 'higher-is-better' : 'lower-is-better'),
    margin: (level) => Math.max(relative * Math.abs(level), absolute),
  };
};

/** The same indicator over past runs, in their order: where it settled at another level, and whether it drifts. Pure. */
export function judgePast(
  indicator: string,
  figures: readonly PastFigure[],
  {
    seed,
    margin,
    isHighGood = false,
  }: { readonly seed: number; readonly margin?: number; readonly isHighGood?: boolean },
): PastIndicator {
  const values = figures.map((f) => f.value);
  const rules = rulesOf(indicator, isHighGood);
  const kindOf = (from: number, to: number): Change['kind'] => {
    const allowed = margin === undefined ? rules.margin(from) : margin * Math.abs(from);
    if (Math.abs(to - from) <= allowed) return 'small';
    return to > from === (rules.direction === 'lower-is-better') ? 'worse' : 'better';
  };
  const changes = changePoints(values, { seed }).map(
    (c): Change => ({
      ...c,
      run: figures[c.index] as PastFigure,
      kind: kindOf(c.before, c.after),
    }),
  );
  const trend = trendOf(values);
  const isShown = trend !== undefined && trend.p <= significant;
  const first = values[0] ?? 0;
  return {
    figures,
    changes,
    ...(isShown ? { trend: { ...trend, kind: kindOf(first, first + trend.perRun * (values.length - 1)) } } : {}),
  };
}
