import type { CheckedFault } from '../fault/catalogue.js';
import type { FaultReading, Injection } from '../model/fault.js';
import { type AskedLoad, askedLoad, describeTimetable, type LoadRecord, loadCaps } from '../model/load.js';
import type { NetworkService, ProbeSpec } from '../model/network-service.js';
import type { ResolveAddress } from '../model/probe.js';
import type { NativeFaults } from '../model/vim.js';
import { type Load, startLoad } from '../monitor/load.js';
import { loadTools } from '../monitor/load-tools/registry.js';
import { checkTool, startToolLoad } from '../monitor/load-tools/tool-load.js';
import { connectionPointOf, holdsUpItsThread } from '../monitor/probes/registry.js';
import { countBefore } from '../monitor/timetable.js';
import { sleep } from '../util/deadline.js';
import { OrdealError, reasonOf } from '../util/errors.js';

/** So long is a load measured before its dose is told, in milliseconds; a tool's own figures come when it has ended. */
const measuredMs = 1000;
const lookEveryMs = 50;
/** A request that was sent later than so after the time in which it was due belongs to it no more. */
const latestMs = 100;

/** `400 requests a second like the probe "sessions", by k6` */
export const describeLoad = ({ timetable, probe, by }: AskedLoad): string =>
  `${describeTimetable(timetable)} like the probe "${probe}"${by === 'ordeal' ? '' : `, by ${by}`}`;

/** @throws OrdealError of kind unknown-target or scenario-invalid: it cannot be sent */
export function checkLoad({ probes }: NetworkService, load: AskedLoad, where: string): void {
  const request = probes.find((p) => p.id === load.probe);
  if (request === undefined) {
    throw new OrdealError('unknown-target', `A load names the probe "${load.probe}"`, {
      where,
      expected: `one of ${probes.map((p) => p.id).join(', ')}`,
      remedy: 'Nothing was touched.',
    });
  }
  if (holdsUpItsThread(request) || request.kind === 'log') {
    throw new OrdealError('scenario-invalid', `A probe of kind ${request.kind} is no load`, {
      where,
      got: load.probe,
      remedy: 'Name one that sends requests over the network.',
    });
  }
  if (load.by === 'ordeal') return;
  if (request.kind !== 'http') {
    throw new OrdealError('scenario-invalid', `${load.by} sends HTTP`, {
      where,
      got: `a probe of kind ${request.kind}`,
    });
  }
  checkTool(loadTools[load.by], { request, timetable: load.timetable }, where);
}

/** A load as a fault strikes where its requests go in. @throws OrdealError as checkLoad does */
export function checkLoadFault(service: NetworkService, { target, params }: CheckedFault, where: string): void {
  const load = askedLoad.parse(params);
  checkLoad(service, load, where);
  const point = connectionPointOf(service.probes.find((p) => p.id === load.probe) as ProbeSpec);
  if (point !== undefined && 'vnfc' in target && !point.startsWith(`${target.vnfc}.`)) {
    throw new OrdealError('scenario-invalid', `The requests of the probe "${load.probe}" do not go to ${target.vnfc}`, {
      where,
      expected: `a load on ${point.slice(0, point.lastIndexOf('.'))}`,
      got: `a load on ${target.vnfc}`,
    });
  }
  if (load.by !== 'ordeal' && load.durationMs === undefined) {
    throw new OrdealError('scenario-invalid', `A load by ${load.by} needs an end of its own`, {
      where,
      expected: 'durationMs',
      remedy: 'It is another process, which must not outlive a harness that is killed for long.',
    });
  }
}

interface Running {
  readonly asked: AskedLoad;
  readonly load: Load;
}

/**
 * The loads of one run: on the whole of it, and as faults. What Ordeal sends itself lives and dies with this process, so
 * nothing of it is left for another one to heal.
 */
export class Loads implements NativeFaults, AsyncDisposable {
  readonly kinds = ['load'];
  readonly #on = new Map<string, Running & { readonly injection?: Injection }>();
  readonly #over: LoadRecord[] = [];

  constructor(
    private readonly probes: readonly ProbeSpec[],
    private readonly resolve: ResolveAddress,
    private readonly originMs: number,
    private readonly tell: (text: string) => void,
  ) {}

  /** What came of those that have ended. */
  get records(): readonly LoadRecord[] {
    return this.#over;
  }

  /** Beside the whole test. @throws OrdealError when it cannot be started */
  async begin(asked: AskedLoad, seed: number): Promise<void> {
    this.#on.set('whole', { asked, load: await this.#start(asked, asked.durationMs ?? loadCaps.durationMs, seed) });
  }

  async inject(injection: Injection): Promise<void> {
    if (this.#on.has(injection.id)) return;
    const asked = askedLoad.parse(injection.params);
    const lastsMs = Math.min(asked.durationMs ?? loadCaps.durationMs, injection.expiresAfterMs, loadCaps.durationMs);
    this.#on.set(injection.id, { asked, injection, load: await this.#start(asked, lastsMs, injection.seed) });
  }

  async verify({ id }: Injection): Promise<FaultReading> {
    const running = this.#on.get(id);
    if (running === undefined) throw new OrdealError('internal', `There is no load "${id}"`);
    const { asked, load } = running;
    const { fromMs } = load.reading();
    if (asked.by !== 'ordeal') await load.ended;
    const spanMs =
      asked.by === 'ordeal' ? Math.min(measuredMs, asked.durationMs ?? measuredMs) : (asked.durationMs ?? 0);
    const due = countBefore(asked.timetable, spanMs);
    const isComplete = () => load.history().samples.filter((s) => s.intendedMs < fromMs + spanMs).length >= due;
    // Answers that never come count as sent once they have timed out.
    const patienceMs = spanMs + 500 + (this.probes.find((p) => p.id === asked.probe)?.timeoutMs ?? 0);
    const untilMs = performance.now() + patienceMs;
    while (asked.by === 'ordeal' && !isComplete() && performance.now() < untilMs) await sleep(lookEveryMs);
    // What was due in this time and sent a little late counts; what was sent later was another load.
    const sent = load
      .history()
      .samples.filter(
        (s) => s.outcome !== 'overload' && s.intendedMs < fromMs + spanMs && s.sentMs < fromMs + spanMs + latestMs,
      );
    const [sentHz, dueHz] = [sent.length, due].map((n) => Number(((n * 1000) / spanMs).toFixed(1)));
    return {
      effective: sent.length > 0,
      measured: { sentHz: sentHz ?? 0, dueHz: dueHz ?? 0 },
      how: `${sent.length} requests sent in ${spanMs} ms, ${due} were due`,
    };
  }

  async heal({ id }: Injection): Promise<void> {
    await this.#end(id);
  }

  async active(): Promise<readonly Injection[]> {
    return [...this.#on.values()].flatMap(({ injection }) => injection ?? []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const id of [...this.#on.keys()]) await this.#end(id);
  }

  async #end(id: string): Promise<void> {
    const running = this.#on.get(id);
    if (running === undefined) return;
    this.#on.delete(id);
    try {
      const { fromMs, toMs, offered, complete, good, latency } = await running.load.stop();
      const what = describeLoad(running.asked);
      this.#over.push({ what, fromMs, toMs, offered, complete, good, p50Ms: latency.p50Ms, p99Ms: latency.p99Ms });
      this.tell(`load of ${what}: ${good} of ${offered} answered well, p99 ${latency.p99Ms.toFixed(1)} ms`);
    } catch (e) {
      // It is over, which is what a heal is for; what it had measured is lost.
      this.tell(`a load ended badly: ${reasonOf(e)}`);
    }
  }

  #start(asked: AskedLoad, durationMs: number, seed: number): Promise<Load> {
    const request = this.probes.find((p) => p.id === asked.probe);
    if (request === undefined) throw new OrdealError('unknown-target', `There is no probe "${asked.probe}"`);
    const profile = { timetable: asked.timetable, durationMs: Math.ceil(durationMs), maxRequests: loadCaps.requests };
    const options = { profile, request, resolve: this.resolve, originMs: this.originMs, seed };
    return asked.by === 'ordeal' ? startLoad(options) : startToolLoad(loadTools[asked.by], options);
  }
}
