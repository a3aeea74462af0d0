import type { History, Sample } from '../../harness/model/probe.js';

export interface HistoryShape {
  readonly probe?: string;
  readonly n: number;
  readonly rateHz?: number;
  readonly latencyMs: (i: number) => number;
  readonly fails?: (i: number) => boolean;
}

/** A history of an open-loop probe that kept its timetable. */
export function history({ probe = 'sessions', n, rateHz = 20, latencyMs, fails = () => false }: HistoryShape): History {
  const samples = Array.from({ length: n }, (_, i): Sample => {
    const intendedMs = (i * 1000) / rateHz;
    const bad = fails(i);
    const outcome = bad ? '503' : '200';
    return { probe, intendedMs, sentMs: intendedMs, doneMs: intendedMs + latencyMs(i), ok: !bad, outcome };
  });
  return { probe, rateHz, fromMs: 0, toMs: (n * 1000) / rateHz, samples };
}

/** A quick answer on a busy machine: 1 to 2 ms, and a stall of 20 to 50 ms now and then. */
export const busyMachine = (random: () => number) => (): number =>
  1 + random() + (random() < 0.01 ? 20 + 30 * random() : 0);
