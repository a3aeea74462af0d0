import { judge } from '../judge/judge.js';
import type { History } from '../model/probe.js';
import { startMonitor } from '../monitor/monitor.js';
import { type Observation, type RootCauseReport, RootCauseTrigger } from '../snapshot/root-cause-trigger.js';
import { sleep } from '../util/deadline.js';
import { reasonOf } from '../util/errors.js';
import type { ServiceSession } from './session.js';

export interface WatchOptions {
  readonly baselineMs: number;
  /** What is compared with the baseline, again and again. */
  readonly windowMs: number;
  readonly everyMs?: number;
  readonly say?: (line: string) => void;
}

/**
 * Watches a service that runs and captures its VNFs for root cause analysis as the descriptor's policy says (UC 4.2.1): what
 * its VIMs report of the VNFCs are faults of the NFVI, and what the judge calls worse than the baseline is degraded.
 * @returns when the signal is aborted
 */
export async function watchForRootCause(
  session: ServiceSession,
  { baselineMs, windowMs, everyMs = 1000, say = () => {} }: WatchOptions,
  inform: (report: RootCauseReport) => void,
  signal: AbortSignal,
): Promise<void> {
  const { descriptor } = session.service;
  const trigger = new RootCauseTrigger(session.engine, descriptor.rootCause, inform);
  try {
    await using monitor = await startMonitor({ probes: descriptor.probes, resolve: await session.addresses() }, signal);
    /** A sample may be awaited for this long before it counts. */
    const lateMs = Math.max(...descriptor.probes.map((p) => p.timeoutMs));
    const histories = (fromMs: number, toMs: number): History[] =>
      descriptor.probes.map((p) => monitor.history(p.id, fromMs, toMs));
    const beginMs = monitor.nowMs();
    await sleep(baselineMs + lateMs, signal);
    const baseline = histories(beginMs, beginMs + baselineMs);
    say(`measured for ${baselineMs / 1000} s; watching`);
    while (!signal.aborted) {
      await sleep(everyMs, signal);
      const endMs = monitor.nowMs() - lateMs;
      const { outcome, indicators } = judge(baseline, histories(endMs - windowMs, endMs), {
        tolerances: descriptor.indicators,
        seed: 1,
      });
      const worse = indicators.filter((i) => i.outcome === 'worse');
      const observations = await faultsOf(session);
      if (outcome === 'worse') {
        const text = worse.map((i) => `${i.indicator} of ${i.probe}`).join(', ');
        observations.push(
          ...descriptor.vnfs.map(({ id }) => ({ kind: 'performance-degraded' as const, vnf: id, text })),
        );
      }
      for (const observation of observations) await trigger.observe(observation);
    }
  } catch (e) {
    if (!signal.aborted) throw e;
  }
}

/** What the VIMs say of VNFCs that are not well, and VIMs that say nothing. */
async function faultsOf(session: ServiceSession): Promise<Observation[]> {
  const found: Observation[] = [];
  for (const { id: vnf, vnfcs } of session.service.descriptor.vnfs) {
    for (const vnfc of vnfcs) {
      const fault = (text: string) => found.push({ kind: 'nfvi-fault', vnf, text: `${vnfc.id}: ${text}` });
      try {
        const { powerState, condition } = await session.vimOf(vnfc).inspect(await session.locate(vnfc));
        if (powerState === 'crashed' || condition !== '') fault(condition === '' ? powerState : condition);
      } catch (e) {
        fault(reasonOf(e));
      }
    }
  }
  return found;
}
