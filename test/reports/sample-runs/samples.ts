import type { Outage, Sample } from '../../../harness/model/probe.js';
import { seededRandom } from '../../../harness/util/random.js';

/** What the probes of a made-up run saw. */

export interface Shape {
  readonly endMs: number;
  readonly probes: readonly string[];
  readonly rateHz: number;
  /** Whether a request intended at this moment fails, and with what. */
  readonly failure: (atMs: number, chance: number) => string | undefined;
  /** Added to the latency of a good answer. */
  readonly slower: (atMs: number) => number;
}

export function samplesOf({ endMs, probes, rateHz, failure, slower }: Shape, seed: number): Sample[] {
  const random = seededRandom(seed);
  const step = 1000 / rateHz;
  return probes.flatMap((probe, n) => {
    const samples: Sample[] = [];
    for (let intendedMs = 300 + n * 7; intendedMs < endMs; intendedMs += step) {
      const outcome = failure(intendedMs, random());
      const sentMs = intendedMs + random() * 0.4;
      const tail = random() < 0.02 ? 8 * random() : 0;
      const latency = outcome === 'timeout' ? 1000 : outcome === undefined ? 1.1 + 1.6 * random() ** 3 + tail : 0.6;
      const doneMs = sentMs + latency + (outcome === undefined ? slower(intendedMs) : 0);
      samples.push({ probe, intendedMs, sentMs, doneMs, ok: outcome === undefined, outcome: outcome ?? '200' });
    }
    return samples;
  });
}

export const outagesOf = (samples: readonly Sample[], probes: readonly string[]): Outage[] =>
  probes.flatMap((probe) => {
    const own = samples.filter((s) => s.probe === probe);
    const bad = own.filter((s) => !s.ok);
    const [first, last] = [bad[0], bad[bad.length - 1]];
    if (first === undefined || last === undefined) return [];
    const firstGood = own.find((s) => s.ok && s.intendedMs > last.intendedMs);
    const outage: Outage = {
      probe,
      lastGoodMs: own.filter((s) => s.ok && s.intendedMs < first.intendedMs).at(-1)?.intendedMs ?? 0,
      firstBadMs: first.intendedMs,
      lastBadMs: last.intendedMs,
      ...(firstGood === undefined ? {} : { firstGoodMs: firstGood.doneMs }),
      lost: bad.length,
    };
    return [outage];
  });
