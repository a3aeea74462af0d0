import type { History, Outage, Sample } from '../model/probe.js';
import { outcomes } from './probes/prober.js';

/**
 * Outages as intervals, as a probe cannot know more: a good sample shows that the service was good at some moment from its
 * sending to its answer, a bad one that it was bad at some such moment. A good sample that was under way together with a
 * bad one does not show which came first, so only one that was under way alone, a clean one, bounds an outage or parts two.
 */

/** A request without an answer would have been answered by now, had the service been as slow as in so many good samples. */
const recentGood = 200;

/** Every outage in the history, in order. One bad sample is an outage. Requests that were never sent tell nothing. */
export function outages(history: History): Outage[] {
  const samples = telling(history);
  const bad = badWindows(samples);
  const found: Outage[] = [];
  let open: Draft | undefined;
  let lastGoodMs = history.fromMs;
  let nextBad = 0;
  for (const s of samples) {
    const isClean = s.ok && !bad.overlaps(s.sentMs, s.doneMs);
    if (!s.ok) {
      const untilMs = bad.untilMs[nextBad++] as number;
      open ??= { lastGoodMs, firstBadMs: untilMs, lastBadMs: s.sentMs, lost: 0 };
      open.firstBadMs = Math.min(open.firstBadMs, untilMs);
      open.lastBadMs = s.sentMs;
      open.lost++;
    } else if (isClean) {
      if (open !== undefined) found.push(ended(history, open, s.doneMs));
      open = undefined;
      lastGoodMs = s.sentMs;
    }
  }
  if (open !== undefined) found.push(ended(history, open, undefined));
  return found;
}

/** A sample that was never sent tells of the probe thread and not of the service. */
export const telling = (history: History): readonly Sample[] =>
  history.samples.filter((s) => s.outcome !== outcomes.overload);

interface Draft {
  readonly lastGoodMs: number;
  firstBadMs: number;
  lastBadMs: number;
  lost: number;
}

const ended = (history: History, draft: Draft, firstGoodMs: number | undefined): Outage => ({
  probe: history.probe,
  ...draft,
  ...(firstGoodMs === undefined ? {} : { firstGoodMs }),
});

interface Windows {
  /** By when each bad sample shows that the service was bad. */
  readonly untilMs: readonly number[];
  /** Whether a bad sample was under way in this time. */
  overlaps(fromMs: number, toMs: number): boolean;
}

function badWindows(samples: readonly Sample[]): Windows {
  const sentMs: number[] = [];
  const untilMs: number[] = [];
  const latestUntilMs: number[] = [];
  let usualMs: number | undefined;
  for (const [i, s] of samples.entries()) {
    if (s.ok) {
      usualMs = undefined;
      continue;
    }
    usualMs ??= slowestAnswer(samples, i);
    const until = s.outcome === outcomes.timeout ? Math.min(s.doneMs, s.sentMs + usualMs) : s.doneMs;
    sentMs.push(s.sentMs);
    untilMs.push(until);
    latestUntilMs.push(Math.max(until, latestUntilMs.at(-1) ?? until));
  }
  return {
    untilMs,
    overlaps(fromMs, toMs) {
      let [low, high] = [0, sentMs.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if ((sentMs[middle] as number) <= toMs) low = middle + 1;
        else high = middle;
      }
      return low > 0 && (latestUntilMs[low - 1] as number) >= fromMs;
    },
  };
}

/** How long good answers took just before, or at the first, when there were none before; Infinity without any. */
function slowestAnswer(samples: readonly Sample[], before: number): number {
  const slowest = (some: readonly Sample[]) =>
    some.reduce((most, s) => (s.ok ? Math.max(most, s.doneMs - s.sentMs) : most), Number.NEGATIVE_INFINITY);
  for (const some of [samples.slice(Math.max(0, before - recentGood), before), samples.slice(before)]) {
    const found = slowest(some);
    if (found !== Number.NEGATIVE_INFINITY) return found;
  }
  return Number.POSITIVE_INFINITY;
}
