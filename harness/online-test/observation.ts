import { figureRules, type Judgement, judge, type Steadiness, steadiness, summarise } from '../judge/judge.js';
import type { History, Outage } from '../model/probe.js';
import type { Monitor } from '../monitor/monitor.js';
import { outages, timeToRecover } from '../monitor/outage-clock.js';
import { readSamples } from '../monitor/read-samples.js';
import { sleep } from '../util/deadline.js';
import type { Plan } from './plan.js';
import type { ServiceSession } from './session.js';

/** What all probes saw from `fromMs` to `toMs` of the run's clock. */
export interface Window {
  readonly histories: readonly History[];
  readonly fromMs: number;
  readonly toMs: number;
}

/** The service as the run sees it: probing goes on without a gap, and windows are cut from it. */
export class Observation {
  readonly #probes: readonly string[];
  readonly #rules: Parameters<typeof judge>[2];

  constructor(
    readonly monitor: Monitor,
    session: ServiceSession,
    plan: Pick<Plan, 'seed'>,
  ) {
    const { probes, indicators } = session.service.descriptor;
    this.#probes = probes.map((p) => p.id);
    this.#rules = { tolerances: indicators, figures: figureRules(probes), seed: plan.seed };
  }

  readonly nowMs = (): number => this.monitor.nowMs();

  histories(fromMs: number, toMs: number): readonly History[] {
    return this.#probes.map((p) => this.monitor.history(p, fromMs, toMs));
  }

  /** Watches for so many milliseconds, and until the last sample of that time is answered or has timed out. */
  async watch(forMs: number, signal?: AbortSignal): Promise<Window> {
    const fromMs = this.nowMs();
    const toMs = fromMs + forMs;
    await sleep(forMs, signal);
    await this.monitor.settled(toMs);
    return { histories: this.histories(fromMs, toMs), fromMs, toMs };
  }

  steadiness(window: Window): Steadiness {
    return steadiness(window.histories, this.#rules);
  }

  compare(before: Window, after: Window): Judgement {
    return judge(before.histories, after.histories, this.#rules);
  }

  /** From a moment to good service of every probe, in milliseconds; null when one has not come back. */
  recoveredMs(sinceMs: number): number | null {
    const until = this.nowMs();
    const back = this.histories(sinceMs, until).map((h) => timeToRecover(h, sinceMs));
    return back.some((b) => b === null) ? null : Math.max(...back.map((b) => (b?.recoveredMs ?? sinceMs) - sinceMs));
  }

  outages(sinceMs: number): Outage[] {
    return this.histories(sinceMs, this.nowMs()).flatMap((h) => outages(h));
  }
}

/** A window that another process watched, from the samples that it left. */
export async function readWindow(
  file: string,
  session: ServiceSession,
  { fromMs, toMs }: Pick<Window, 'fromMs' | 'toMs'>,
): Promise<Window> {
  const samples = (await readSamples(file)).filter((s) => s.intendedMs >= fromMs && s.intendedMs < toMs);
  const histories = session.service.descriptor.probes.map(({ id, rateHz }) => ({
    probe: id,
    rateHz,
    fromMs,
    toMs,
    samples: samples.filter((s) => s.probe === id),
  }));
  return { histories, fromMs, toMs };
}

/** `1.2 s`, `48 ms`, `3.4 ms` */
export const ms = (n: number): string =>
  n >= 1000 ? `${(n / 1000).toFixed(1)} s` : `${n < 10 ? n.toFixed(1) : Math.round(n)} ms`;

const shown = (n: number | null, digits: number): string => (n === null ? '-' : n.toFixed(digits));

/** The figures of a window, as an operator reads them. */
export const figures = ({ histories }: Window): string =>
  histories
    .map((h) => {
      const { requestRate, errorRatio, latencyP50, latencyP99 } = summarise(h);
      const errors = errorRatio === null ? '-' : (100 * errorRatio).toFixed(1);
      return `${h.probe}: ${shown(requestRate, 1)}/s, ${errors} % errors, p50 ${shown(latencyP50, 1)} ms, p99 ${shown(latencyP99, 1)} ms`;
    })
    .join('; ');
