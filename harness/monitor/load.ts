import { z } from 'zod';
import { loadCaps, timetable } from '../model/load.js';
import type { ProbeSpec } from '../model/network-service.js';
import type { History, ResolveAddress, Sample } from '../model/probe.js';
import { asError, OrdealError } from '../util/errors.js';
import { originOf, type RunClock, runClock } from './clock.js';
import { mostInFlight } from './plan-probes.js';
import { ProbeGroup } from './probe-group.js';
import { connectionPointOf } from './probes/registry.js';
import { quantile } from './sample-columns.js';
import { countBefore } from './timetable.js';

export { loadCaps } from '../model/load.js';
export { type PopulateOptions, populate } from './populate.js';

/** A load as data. Source: GR NFV-TST 005, clause 4.1.1.1, load injection testing. */
export const loadProfile = z.strictObject({
  timetable,
  durationMs: z.number().int().positive().max(loadCaps.durationMs).describe('It ends by itself after this time.'),
  maxRequests: z.number().int().positive().max(loadCaps.requests).default(100_000).describe('It ends after so many.'),
});
export type LoadProfile = z.input<typeof loadProfile>;

export interface LoadOptions {
  readonly profile: LoadProfile;
  /** What is sent; its rate is not looked at. */
  readonly request: ProbeSpec;
  readonly resolve: ResolveAddress;
  /** A reading of performance.now(): 0 of the run's clock. Default: now. */
  readonly originMs?: number;
  readonly seed?: number;
}

export interface LoadResult {
  /** Requests that were due while the load was on. */
  readonly offered: number;
  /** Requests that are complete; less than offered when it was stopped, or has not ended yet. */
  readonly complete: number;
  readonly good: number;
  readonly bad: number;
  /** How often each outcome came; `overload` are those that were not sent, as too many were under way. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Counted from the intended moment. */
  readonly latency: Quantiles;
  readonly lateness: Quantiles;
  readonly fromMs: number;
  readonly toMs: number;
  readonly cpuMs: number;
}

export interface Quantiles {
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface Load extends AsyncDisposable {
  /** Resolves when it has ended, of itself or by stop. @throws OrdealError when its thread died */
  readonly ended: Promise<LoadResult>;
  /** What it has done so far. */
  reading(): LoadResult;
  /** Its requests as a probe's. rateHz is the mean. */
  history(): History;
  /** Ends the load within milliseconds; what is under way is aborted. Idempotent. */
  stop(): Promise<LoadResult>;
}

/** @throws OrdealError of kind scenario-invalid for a load beyond the caps, or a request that cannot be sent */
export async function startLoad(options: LoadOptions, signal?: AbortSignal): Promise<Load> {
  signal?.throwIfAborted();
  const parsed = loadProfile.safeParse(options.profile);
  if (!parsed.success) {
    throw new OrdealError('scenario-invalid', 'The load is not possible', {
      where: `load of "${options.request.id}"`,
      cause: new Error(parsed.error.issues.map((i) => `${i.path.join('.')}: ${i.message}`).join('; ')),
      remedy: `At most ${loadCaps.requests} requests in ${loadCaps.durationMs / 1000} s.`,
    });
  }
  const originNs = originOf(options.originMs ?? performance.now());
  const load = new RunningLoad(parsed.data, options, runClock(originNs));
  await load.open(originNs, signal);
  return load;
}

class RunningLoad implements Load {
  readonly ended: Promise<LoadResult>;
  readonly #count: number;
  #end: () => void = () => {};
  #fail: (error: Error) => void = () => {};
  #group: ProbeGroup | undefined;
  #fromMs = 0;
  #toMs: number | undefined;
  #stopped: Promise<void> | undefined;

  constructor(
    private readonly profile: z.output<typeof loadProfile>,
    private readonly options: LoadOptions,
    private readonly nowMs: RunClock,
  ) {
    this.#count = Math.min(profile.maxRequests, countBefore(profile.timetable, profile.durationMs));
    this.ended = new Promise((resolve, reject) => {
      this.#end = () => resolve(this.reading());
      this.#fail = reject;
    });
    this.ended.catch(() => {}); // who awaits it is told; nobody has to
  }

  async open(originNs: bigint, signal: AbortSignal | undefined): Promise<void> {
    const { request, resolve, seed = 1 } = this.options;
    const { timetable } = this.profile;
    const point = connectionPointOf(request);
    const plan = {
      spec: request,
      base: point === undefined ? undefined : resolve(point),
      timetable,
      seed,
      offsetMs: 0,
      count: this.#count,
      maxInFlight: mostInFlight,
    };
    this.#group = await ProbeGroup.open([plan], originNs, {
      wantsSamples: false,
      took: () => {},
      fail: (error) => this.#fail(error),
      exhausted: () => this.#stopQuietly(),
    });
    this.#fromMs = this.nowMs();
    this.#group.start(this.#fromMs);
    signal?.addEventListener('abort', () => this.#stopQuietly(), { once: true });
    if (signal?.aborted) this.#stopQuietly();
  }

  reading(): LoadResult {
    const columns = this.#columns;
    const { good, outcomes } = columns.tally();
    const toMs = this.#toMs ?? this.nowMs();
    const offered = Math.min(this.#count, countBefore(this.profile.timetable, toMs - this.#fromMs));
    return {
      offered,
      complete: columns.complete,
      good,
      bad: columns.complete - good,
      outcomes,
      latency: quantilesOf(columns.latencies()),
      lateness: quantilesOf(columns.lateness()),
      fromMs: this.#fromMs,
      toMs,
      cpuMs: this.#opened.cpuMs,
    };
  }

  history(): History {
    const samples: Sample[] = this.#columns.slice(0, this.#count);
    const toMs = this.#toMs ?? this.nowMs();
    return { probe: this.options.request.id, rateHz: this.#meanHz, fromMs: this.#fromMs, toMs, samples };
  }

  async stop(): Promise<LoadResult> {
    this.#stopped ??= this.#stop();
    await this.#stopped;
    return this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  get #meanHz(): number {
    return (this.#count * 1000) / this.profile.durationMs;
  }

  get #opened(): ProbeGroup {
    if (this.#group === undefined) throw new OrdealError('internal', 'The load was not started');
    return this.#group;
  }

  get #columns() {
    const [columns] = this.#opened.columns();
    if (columns === undefined) throw new OrdealError('internal', 'The load has no stream');
    return columns;
  }

  #stopQuietly(): void {
    this.#stopped ??= this.#stop();
    this.#stopped.catch((e: unknown) => this.#fail(asError(e)));
  }

  async #stop(): Promise<void> {
    this.#toMs ??= this.nowMs();
    await this.#opened.stop();
    this.#end();
  }
}

/** @param ascending sorted milliseconds */
export const quantilesOf = (ascending: Float64Array): Quantiles => ({
  p50Ms: quantile(ascending, 0.5),
  p95Ms: quantile(ascending, 0.95),
  p99Ms: quantile(ascending, 0.99),
  maxMs: quantile(ascending, 1),
});
