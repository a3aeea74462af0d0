import type { ProbeSpec } from '../model/network-service.js';
import type { History, ResolveAddress, Sample } from '../model/probe.js';
import { asError, OrdealError } from '../util/errors.js';
import { Undo } from '../util/undo.js';
import { originOf, type RunClock, runClock } from './clock.js';
import type { ProbingCost } from './cost.js';
import { planProbes } from './plan-probes.js';
import { ProbeGroup } from './probe-group.js';
import { holdsUpItsThread } from './probes/registry.js';
import { SamplesFile } from './samples-file.js';
import { type SweepOptions, type SweepResult, sweepOnce } from './sweep.js';

export type { ProbeCost, ProbingCost } from './cost.js';
export { type PopulateOptions, populate } from './populate.js';
export type { SweepOptions, SweepResult } from './sweep.js';

export interface MonitorOptions {
  readonly probes: readonly ProbeSpec[];
  /** Asked again while the monitor runs, so that probes follow a service that moves. */
  readonly resolve: ResolveAddress;
  /** A reading of performance.now(): 0 of the run's clock. Default: now. */
  readonly originMs?: number;
  /** Where the samples are appended to, as JSON lines. */
  readonly samplesFile?: string;
  /** For the order of the keys. */
  readonly seed?: number;
}

/**
 * Probes the service until it is stopped. Should a probe thread die or the samples file fail, the next call of any method
 * but nowMs says so.
 */
export interface Monitor extends AsyncDisposable {
  /** Milliseconds on the run's clock, monotonic. */
  nowMs(): number;
  /** The complete samples with fromMs <= intendedMs < toMs. Does not wait. @throws OrdealError unknown-target */
  history(probe: string, fromMs: number, toMs: number): History;
  /** Resolves once every sample intended before atMs is complete. Rejects when the monitor stops before. */
  settled(atMs: number): Promise<void>;
  /** Tells every sample within some 50 ms of its completion. @returns how to stop listening */
  onSample(listener: (sample: Sample) => void): () => void;
  /** Asks for every key of the probe's population once, beside the probing. */
  sweep(probe: string, options?: SweepOptions): Promise<SweepResult>;
  cost(): ProbingCost;
  /** Samples that are still awaited are not recorded. Idempotent. */
  stop(): Promise<void>;
}

/** How often the addresses of connection points are asked for again. */
const resolveEveryMs = 200;

/** @throws OrdealError of kind scenario-invalid for a probe that cannot be sent, before anything is. */
export async function startMonitor(options: MonitorOptions, signal?: AbortSignal): Promise<Monitor> {
  signal?.throwIfAborted();
  const originNs = originOf(options.originMs ?? performance.now());
  const now = runClock(originNs);
  const plans = planProbes(options.probes, options.resolve, options.seed ?? 1);
  await using undo = new Undo();
  const file = options.samplesFile === undefined ? undefined : new SamplesFile(options.samplesFile);
  undo.defer('close the samples file', () => file?.close());
  const monitor = new ProbeMonitor(options, now, file);
  for (const kind of [plans.filter((p) => !holdsUpItsThread(p.spec)), plans.filter((p) => holdsUpItsThread(p.spec))]) {
    if (kind.length === 0) continue;
    const group = await ProbeGroup.open(kind, originNs, monitor);
    undo.defer('stop the probe thread', () => group.stop());
    monitor.add(group);
  }
  signal?.throwIfAborted();
  undo.keep();
  monitor.start(signal);
  return monitor;
}

interface Waiter {
  readonly atMs: number;
  resolve(): void;
  reject(error: Error): void;
}

class ProbeMonitor implements Monitor {
  readonly #groups: ProbeGroup[] = [];
  readonly #listeners = new Set<(sample: Sample) => void>();
  readonly #specs: ReadonlyMap<string, ProbeSpec>;
  #waiters: Waiter[] = [];
  #failure: Error | undefined;
  #toldFailure = false;
  #stopped: Promise<void> | undefined;
  #resolvedMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly options: MonitorOptions,
    readonly nowMs: RunClock,
    private readonly file: SamplesFile | undefined,
  ) {
    this.#specs = new Map(options.probes.map((p) => [p.id, p]));
  }

  add(group: ProbeGroup): void {
    this.#groups.push(group);
  }

  start(signal: AbortSignal | undefined): void {
    const startMs = this.nowMs();
    for (const group of this.#groups) group.start(startMs);
    signal?.addEventListener('abort', () => void this.stop().catch((e) => this.fail(asError(e))), { once: true });
  }

  get wantsSamples(): boolean {
    return this.#listeners.size > 0 || this.file !== undefined;
  }

  /** A batch has been taken into the columns; `samples` is empty unless they are wanted. */
  took(samples: readonly Sample[]): void {
    if (this.file?.failure !== undefined) this.fail(this.file.failure);
    if (samples.length > 0) {
      this.file?.append(samples);
      for (const listener of this.#listeners) this.#tell(listener, samples);
    }
    this.#waiters = this.#waiters.filter((waiter) => {
      if (!this.#isSettled(waiter.atMs)) return true;
      waiter.resolve();
      return false;
    });
    this.#followService();
  }

  fail(error: Error): void {
    this.#failure ??= error;
    this.#rejectWaiters(error);
  }

  history(probe: string, fromMs: number, toMs: number): History {
    this.#check();
    this.#spec(probe);
    for (const group of this.#groups) {
      const found = group.history(probe, fromMs, toMs);
      if (found !== undefined) return found;
    }
    throw new OrdealError('internal', `Probe "${probe}" has no thread`);
  }

  async settled(atMs: number): Promise<void> {
    this.#check();
    if (this.#isSettled(atMs)) return;
    if (this.#stopped !== undefined) throw stoppedBefore(atMs);
    await new Promise<void>((resolve, reject) => this.#waiters.push({ atMs, resolve, reject }));
  }

  onSample(listener: (sample: Sample) => void): () => void {
    this.#check();
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async sweep(probe: string, options: SweepOptions = {}): Promise<SweepResult> {
    this.#check();
    const spec = this.#spec(probe);
    const point = 'connectionPoint' in spec ? spec.connectionPoint : undefined;
    return sweepOnce(spec, point === undefined ? undefined : this.options.resolve(point), options);
  }

  cost(): ProbingCost {
    this.#check();
    return {
      cpuMs: this.#groups.reduce((sum, group) => sum + group.cpuMs, 0),
      probes: this.#groups.flatMap((group) => group.costs()),
    };
  }

  async stop(): Promise<void> {
    this.#stopped ??= this.#release();
    await this.#stopped;
    if (!this.#toldFailure) this.#check();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #release(): Promise<void> {
    await Promise.all(this.#groups.map((group) => group.stop()));
    for (const { atMs, reject } of this.#waiters.splice(0)) reject(stoppedBefore(atMs));
    this.#listeners.clear();
    await this.file?.close();
  }

  #check(): void {
    this.#failure ??= this.file?.failure;
    if (this.#failure === undefined) return;
    this.#toldFailure = true;
    throw this.#failure;
  }

  #rejectWaiters(error: Error): void {
    if (this.#waiters.length > 0) this.#toldFailure = true;
    for (const { reject } of this.#waiters.splice(0)) reject(error);
  }

  #isSettled(atMs: number): boolean {
    return this.#groups.every((group) => group.isSettled(atMs));
  }

  #tell(listener: (sample: Sample) => void, samples: readonly Sample[]): void {
    try {
      for (const sample of samples) listener(sample);
    } catch (e) {
      this.#listeners.delete(listener);
      this.fail(new OrdealError('internal', 'A listener of the samples failed', { cause: e }));
    }
  }

  #followService(): void {
    if (this.nowMs() - this.#resolvedMs < resolveEveryMs) return;
    this.#resolvedMs = this.nowMs();
    for (const group of this.#groups) group.follow(this.options.resolve);
  }

  #spec(probe: string): ProbeSpec {
    const spec = this.#specs.get(probe);
    if (spec !== undefined) return spec;
    throw new OrdealError('unknown-target', `There is no probe "${probe}"`, {
      expected: `one of ${[...this.#specs.keys()].join(', ')}`,
    });
  }
}

const stoppedBefore = (atMs: number) =>
  new OrdealError(
    'interrupted',
    `The monitor was stopped before every sample up to ${Math.round(atMs)} ms was complete`,
  );
