import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { ProbeSpec } from '../../harness/model/network-service.js';
import type { Outage } from '../../harness/model/probe.js';
import { originOf } from '../../harness/monitor/clock.js';
import { type ProbingCost, startMonitor } from '../../harness/monitor/monitor.js';
import { outages, timeToRecover } from '../../harness/monitor/outage-clock.js';
import { sleep, until } from '../../harness/util/deadline.js';
import { seededRandom } from '../../harness/util/random.js';
import { httpProbe } from './test-server.js';

/** An outage to be: `crash` closes the port, `error` answers 503, `reset` cuts, `silent` does not answer. */
export interface Planted {
  readonly afterMs: number;
  readonly lengthMs: number;
  readonly how: 'crash' | 'error' | 'reset' | 'silent';
}

/** When it really was, on the clock of the process. */
export interface Truth {
  readonly how: Planted['how'];
  readonly startNs: bigint;
  readonly endNs: bigint;
}

/** One outage that was reported, or missed, beside the true one: several when there was no good sample between them. */
export interface Found {
  readonly probe: string;
  readonly how: Planted['how'];
  /** How many true outages it stands for. */
  readonly planted: number;
  readonly trueMs: number;
  /** Both ends of the true outage lie in the intervals that were reported. */
  readonly held: boolean;
  /** How much longer the reported outage may have been than it was. */
  readonly widerMs: number;
  readonly reported: Outage | undefined;
  readonly truth: { readonly startMs: number; readonly endMs: number };
}

/** Lengths are spread evenly on a logarithmic scale. */
export function timetable(
  seed: number,
  count: number,
  range: { fromMs: number; toMs: number; gapMs: number; hows: readonly Planted['how'][] },
): Planted[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, (_, i) => ({
    afterMs: range.gapMs * (1 + random()),
    lengthMs: range.fromMs * (range.toMs / range.fromMs) ** random(),
    how: range.hows[(seed + i) % range.hows.length] as Planted['how'],
  }));
}

/** Plants the outages of each timetable in a server of its own, and probes all of them at the same time. */
export async function plantAndProbe(
  timetables: readonly (readonly Planted[])[],
  probe: { rateHz: number; timeoutMs: number },
): Promise<{ found: Found[]; alarms: number; cost: ProbingCost }> {
  const worker = new Worker(new URL('./planted-worker.js', import.meta.url), { workerData: timetables });
  try {
    const [ports] = (await once(worker, 'message')) as [number[]];
    const originMs = performance.now();
    const originNs = originOf(originMs);
    const probes: ProbeSpec[] = ports.map((port, i) =>
      httpProbe(`p${i}`, { ...probe, url: `http://127.0.0.1:${port}/` }),
    );
    await using monitor = await startMonitor({ probes, resolve: () => '', originMs });
    await sleep(500);
    const fromMs = monitor.nowMs();
    worker.postMessage('start');
    const [truths] = (await once(worker, 'message')) as [Truth[][]];
    let toMs = monitor.nowMs();
    const isBack = (id: string) =>
      timeToRecover(monitor.history(id, fromMs, toMs), toMs - 300, { steadyMs: 200 }) !== null;
    await until(
      'the end of the last outage',
      () => {
        toMs = monitor.nowMs();
        return probes.every((p) => isBack(p.id));
      },
      { withinMs: 20_000, everyMs: 50 },
    );
    await monitor.settled(toMs);
    const msOf = (ns: bigint) => Number(ns - originNs) / 1e6;
    const found: Found[] = [];
    let alarms = 0;
    for (const [i, { id }] of probes.entries()) {
      const reported = outages(monitor.history(id, fromMs, toMs));
      const planted = (truths[i] ?? []).map((t) => ({ how: t.how, startMs: msOf(t.startNs), endMs: msOf(t.endNs) }));
      for (const truth of planted.filter((t) => !reported.some((o) => overlaps(o, t)))) {
        found.push(compare(id, [truth], undefined));
      }
      for (const outage of reported) {
        const truth = planted.filter((t) => overlaps(outage, t));
        if (truth.length === 0) alarms++;
        else found.push(compare(id, truth, outage));
      }
    }
    return { found, alarms, cost: monitor.cost() };
  } finally {
    await worker.terminate();
  }
}

interface TrueOutage {
  readonly how: Planted['how'];
  readonly startMs: number;
  readonly endMs: number;
}

const overlaps = (o: Outage, t: TrueOutage) => o.lastGoodMs <= t.endMs && (o.firstGoodMs ?? Infinity) >= t.startMs;

function compare(probe: string, truths: readonly TrueOutage[], reported: Outage | undefined): Found {
  const all = told(probe, truths, reported);
  // An outage too short to be seen may lie just before or after the one that was.
  const some =
    truths.length > 1 && !all.held
      ? [told(probe, truths.slice(1), reported), told(probe, truths.slice(0, -1), reported)]
      : [];
  return some.find((f) => f.held) ?? all;
}

function told(probe: string, truths: readonly TrueOutage[], reported: Outage | undefined): Found {
  const [first, last] = [truths[0] as TrueOutage, truths.at(-1) as TrueOutage];
  const truth = { startMs: first.startMs, endMs: last.endMs };
  const trueMs = truth.endMs - truth.startMs;
  const common = { probe, how: first.how, planted: truths.length, trueMs, truth, reported };
  if (reported === undefined) return { ...common, held: false, widerMs: Number.POSITIVE_INFINITY };
  const { lastGoodMs, firstBadMs, lastBadMs, firstGoodMs = Number.POSITIVE_INFINITY } = reported;
  const heldStart = lastGoodMs <= truth.startMs && truth.startMs <= firstBadMs;
  const heldEnd = lastBadMs <= truth.endMs && truth.endMs <= firstGoodMs;
  return { ...common, held: heldStart && heldEnd, widerMs: firstGoodMs - lastGoodMs - trueMs };
}
