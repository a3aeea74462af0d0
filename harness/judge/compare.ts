import type { Tolerance } from '../model/network-service.js';
import type { Estimate } from './estimate.js';

/** Which way is good. */
export type Direction = 'lower-is-better' | 'higher-is-better';

/** A claim that is made at most this often when nothing changed at all, margin or not. */
export const falseAlarm = 0.005;

/** Answers are worked out when they are asked for. */
export interface Comparison {
  /** after - before. */
  readonly effect: number;
  /** How much worse it may be, in the unit of the values. */
  readonly margin: number;
  /** Where the effect lies; undefined when it has no bounds. */
  interval(): readonly [number, number] | undefined;
  /** @param share of the error budget that this claim may use: 1, or less when several claims are made together. */
  worse(share: number): boolean;
  better(share: number): boolean;
  /** Shown to be not worse than the margin allows; better counts. */
  asBefore(): boolean;
  /** By which factor both series must grow, roughly, before the comparison can be decided; Infinity: never. */
  growth(): number;
  /** The change within the baseline itself, when it drifts. */
  readonly drift?: number;
  /** Why it is worse although the effect has no bounds. */
  readonly tail?: string;
}

/** Whether a difference is shown at all, at a given false alarm rate; when there is a better way than the bounds. */
export interface Guard {
  worse(alpha: number): boolean;
  better(alpha: number): boolean;
}

export interface CompareRules {
  readonly direction: Direction;
  readonly margin: Tolerance;
  readonly confidence: number;
  readonly guard?: Guard;
}

/**
 * Two estimates against a margin. The bounds of each side are combined by the method of variance estimates recovery
 * (Zou and Donner, Statistics in Medicine 27, 2008), which keeps them asymmetric and needs no common variance.
 *
 * - worse: the effect exceeds the margin at `confidence`, and there is a change at all at 1 - `falseAlarm`.
 * - better: likewise on the other side.
 * - as before: the effect is shown, at `confidence`, to stay within the margin (one of the two one-sided tests of
 *   Schuirmann, J. Pharmacokinet. Biopharm. 15, 1987; better is no harm, so the other is not asked for).
 *
 * A relative margin is a share of the baseline, which is itself an estimate: its uncertainty counts.
 */
export function compare(
  before: Estimate,
  after: Estimate,
  { direction, margin: tolerance, confidence, guard }: CompareRules,
): Comparison {
  const sign = direction === 'lower-is-better' ? 1 : -1;
  const relative = (tolerance.relative ?? 0) * Math.abs(before.value);
  const absolute = tolerance.absolute ?? 0;
  const isRelative = relative > absolute;
  const margin = Math.max(relative, absolute);
  const effect = after.value - before.value;
  const alpha = 1 - confidence;
  const slope = isRelative ? (tolerance.relative ?? 0) * Math.sign(before.value) * sign : 0;

  // Distances from the estimate of sign * (after - weight * before) to its bounds.
  const reachDown = (a: number, weight: number) =>
    sign > 0
      ? Math.hypot(after.value - after.lower(a), weight * (before.upper(a) - before.value))
      : Math.hypot(after.upper(a) - after.value, weight * (before.value - before.lower(a)));
  const reachUp = (a: number, weight: number) =>
    sign > 0
      ? Math.hypot(after.upper(a) - after.value, weight * (before.value - before.lower(a)))
      : Math.hypot(after.value - after.lower(a), weight * (before.upper(a) - before.value));

  const harm = sign * effect;
  const differs: Guard = guard ?? {
    worse: (a) => harm - reachDown(a, 1) > 0,
    better: (a) => harm + reachUp(a, 1) < 0,
  };
  return {
    effect,
    margin,
    interval: () => {
      const down = reachDown(alpha, 1 + slope);
      const up = reachUp(alpha, 1 + slope);
      const low = effect - (sign > 0 ? down : up);
      const high = effect + (sign > 0 ? up : down);
      return Number.isFinite(low) && Number.isFinite(high) ? [low, high] : undefined;
    },
    worse: (share) =>
      harm > margin && harm - reachDown(alpha * share, 1 + slope) > margin && differs.worse(falseAlarm * share),
    better: (share) =>
      harm < -margin && harm + reachUp(alpha * share, 1 - slope) < -margin && differs.better(falseAlarm * share),
    asBefore: () => harm <= margin && harm + reachUp(alpha, 1 + slope) <= margin,
    growth: () => {
      const reach = harm > margin ? reachDown(alpha, 1 + slope) : reachUp(alpha, 1 + slope);
      const narrow = (reach / Math.abs(harm - margin)) ** 2;
      const blind = Math.max(before.growth(alpha), after.growth(alpha));
      return Number.isFinite(narrow) ? Math.max(blind, narrow) : blind > 1 ? blind : Number.POSITIVE_INFINITY;
    },
  };
}

/**
 * The claims of several comparisons made together, each in `claims` a test at a share of the error budget: Holm's
 * step-down (Scandinavian Journal of Statistics 6, 1979) without p-values.
 * @returns for each claim whether it stands.
 */
export function holm(claims: readonly ((share: number) => boolean)[]): readonly boolean[] {
  const stands = claims.map(() => false);
  for (let left = claims.length, moved = true; left > 0 && moved; ) {
    moved = false;
    const share = 1 / left;
    for (const [i, claim] of claims.entries()) {
      if (!stands[i] && claim(share)) {
        stands[i] = true;
        moved = true;
        left -= 1;
      }
    }
  }
  return stands;
}
