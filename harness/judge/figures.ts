import type { FigureSpec, ProbeSpec, Tolerance } from '../model/network-service.js';
import type { History } from '../model/probe.js';
import type { Direction } from './compare.js';
import { estimateOf } from './estimate.js';
import { type Prepared, prepareSeries, type Quantity } from './series.js';

/** A series of figures that a probe reads, as it is judged. */
export interface FigureRule {
  readonly probe: string;
  readonly id: string;
  readonly unit: string;
  readonly direction: Direction;
  readonly quantity: Quantity;
  readonly margin: Tolerance;
}

export const directionOf = ({ good }: Pick<FigureSpec, 'good'>): Direction =>
  good === 'low' ? 'lower-is-better' : 'higher-is-better';

/** What the descriptor says of the figures of its probes. */
export const figureRules = (probes: readonly ProbeSpec[]): readonly FigureRule[] =>
  probes.flatMap((probe) =>
    !('figures' in probe)
      ? []
      : probe.figures.map(
          (f): FigureRule => ({
            probe: probe.id,
            id: f.id,
            unit: f.unit,
            direction: directionOf(f),
            quantity: f.quantity,
            margin: f.margin,
          }),
        ),
  );

/** In the order in which they were read; a sample without this figure is a gap. */
export const figureValues = ({ samples }: Pick<History, 'samples'>, id: string): readonly number[] =>
  samples.flatMap((s) => s.figures?.[id] ?? []);

/** @throws CannotJudge when there is nothing to compare */
export const prepareFigure = (
  rule: FigureRule,
  before: History,
  after: History,
  { confidence, seed }: { readonly confidence: number; readonly seed: number },
): Prepared =>
  prepareSeries(figureValues(before, rule.id), figureValues(after, rule.id), { ...rule, confidence, seed });

/** The figure of one window, exactly, without inference; null when it was never read. */
export function figureOf(history: Pick<History, 'samples'>, { id, quantity }: Pick<FigureRule, 'id' | 'quantity'>) {
  const values = figureValues(history, id);
  return values.length === 0 ? null : estimateOf(values, quantity).value;
}
