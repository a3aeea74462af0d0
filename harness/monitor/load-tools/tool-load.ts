import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { History, Sample } from '../../model/probe.js';
import { asError, OrdealError, reasonOf } from '../../util/errors.js';
import { originOf, type RunClock, runClock } from '../clock.js';
import { type Load, type LoadOptions, type LoadResult, loadProfile, quantilesOf } from '../load.js';
import { countBefore } from '../timetable.js';
import type { LoadTool, ToolJob, ToolResult } from './tool.js';

/** After being asked to end, a tool has so long before it is killed, in milliseconds. */
const graceMs = 2000;
const mostConnections = 500;
/** What is kept of what a tool complains of. */
const longestComplaint = 2000;

/** @throws OrdealError of kind capability-missing or scenario-invalid: it cannot send this */
export function checkTool(tool: LoadTool, job: Pick<ToolJob, 'request' | 'timetable'>, where: string): void {
  const why = tool.refuses(job);
  if (why === undefined) return;
  throw new OrdealError('scenario-invalid', `${tool.program} cannot send this load`, {
    where,
    got: why,
    remedy: "Leave it to Ordeal's own load generator.",
  });
}

/** Prerequisite: the tool does not refuse it. @throws OrdealError of kind capability-missing when it is not installed */
export async function startToolLoad(tool: LoadTool, options: LoadOptions, signal?: AbortSignal): Promise<Load> {
  signal?.throwIfAborted();
  const { request, resolve } = options;
  const { timetable, durationMs, maxRequests } = loadProfile.parse(options.profile);
  if (request.kind !== 'http')
    throw new OrdealError('scenario-invalid', `${tool.program} sends HTTP, and the probe is ${request.kind}`);
  const base = request.connectionPoint === undefined ? '' : resolve(request.connectionPoint);
  const folder = await mkdtemp(join(tmpdir(), 'ordeal-load-'));
  const job: ToolJob = {
    request,
    url: request.url.replaceAll('{base}', base.replace(/\/+$/, '')),
    timetable,
    durationMs: Math.min(durationMs, lastsMs(timetable, maxRequests)),
    connections: mostConnections,
    folder,
  };
  const load = new ToolLoad(tool, job, runClock(originOf(options.originMs ?? performance.now())));
  await load.open(signal);
  return load;
}

/** By when so many requests are due. */
function lastsMs(timetable: ToolJob['timetable'], requests: number): number {
  let [low, high] = [1, 1];
  while (countBefore(timetable, high) < requests && high < 2 ** 30) high *= 2;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (countBefore(timetable, middle) < requests) low = middle + 1;
    else high = middle;
  }
  return low;
}

class ToolLoad implements Load {
  readonly ended: Promise<LoadResult>;
  #settle: { resolve(result: LoadResult): void; reject(error: Error): void } | undefined;
  #child: ChildProcess | undefined;
  #samples: readonly Sample[] = [];
  #fromMs = 0;
  #fromEpochMs = 0;
  #toMs: number | undefined;
  #isStopped = false;

  constructor(
    private readonly tool: LoadTool,
    private readonly job: ToolJob,
    private readonly nowMs: RunClock,
  ) {
    this.ended = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.ended.catch(() => {}); // who awaits it is told; nobody has to
  }

  /** Resolves once the tool runs. */
  async open(signal: AbortSignal | undefined): Promise<void> {
    const { args, input } = this.tool.command(this.job);
    this.#fromMs = this.nowMs();
    this.#fromEpochMs = Date.now();
    const child = spawn(this.tool.program, args, { stdio: ['pipe', 'pipe', 'pipe'], windowsHide: true });
    this.#child = child;
    const output: Buffer[] = [];
    let complaint = '';
    child.stdout.on('data', (bytes: Buffer) => output.push(bytes));
    child.stderr.on('data', (bytes: Buffer) => {
      complaint = (complaint + bytes.toString()).slice(-longestComplaint);
    });
    const started = new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (e) => reject(this.#missing(e)));
    });
    child.once('close', (code, name) => {
      this.#end(Buffer.concat(output).toString(), code ?? name ?? '', complaint).then(
        (result) => this.#settle?.resolve(result),
        (e: unknown) => this.#settle?.reject(asError(e)),
      );
    });
    try {
      await started;
    } catch (e) {
      await rm(this.job.folder, { recursive: true, force: true });
      throw e;
    }
    // A tool that ends before it has read its input says why on its standard error.
    child.stdin.on('error', () => {});
    child.stdin.end(input ?? '');
    signal?.addEventListener('abort', () => this.#terminate(), { once: true });
    if (signal?.aborted) this.#terminate();
  }

  reading(): LoadResult {
    const samples = this.#samples;
    const toMs = this.#toMs ?? this.nowMs();
    const good = samples.filter((s) => s.ok).length;
    const outcomes: Record<string, number> = {};
    for (const { outcome } of samples) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    const ascending = (figure: (s: Sample) => number) => Float64Array.from(samples, figure).sort();
    return {
      offered: countBefore(this.job.timetable, Math.min(this.job.durationMs, toMs - this.#fromMs)),
      complete: samples.length,
      good,
      bad: samples.length - good,
      outcomes,
      latency: quantilesOf(ascending((s) => s.doneMs - s.intendedMs)),
      lateness: quantilesOf(ascending((s) => s.sentMs - s.intendedMs)),
      fromMs: this.#fromMs,
      toMs,
      cpuMs: 0,
    };
  }

  history(): History {
    const { request, timetable, durationMs } = this.job;
    const rateHz = (countBefore(timetable, durationMs) * 1000) / durationMs;
    const toMs = this.#toMs ?? this.nowMs();
    return { probe: request.id, rateHz, fromMs: this.#fromMs, toMs, samples: [...this.#samples] };
  }

  async stop(): Promise<LoadResult> {
    this.#terminate();
    return this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([this.stop()]);
  }

  /** Graceful first, so that the tool still tells what it has measured. */
  #terminate(): void {
    const child = this.#child;
    if (this.#isStopped || child === undefined || child.exitCode !== null) return;
    this.#isStopped = true;
    child.kill('SIGINT');
    const force = setTimeout(() => child.kill('SIGKILL'), graceMs);
    child.once('close', () => clearTimeout(force));
  }

  async #end(output: string, code: number | string, complaint: string): Promise<LoadResult> {
    this.#toMs = this.nowMs();
    try {
      // One that was stopped ends as it likes, and may have told nothing.
      if (code !== 0 && !this.#isStopped) throw new Error(complaint.trim() || 'it said nothing');
      const result = await this.#read(output);
      this.#samples = this.#onRunClock(result);
      return this.reading();
    } catch (e) {
      throw new OrdealError('internal', `${this.tool.program} ended with ${code}`, { cause: reasonOf(e) });
    } finally {
      await rm(this.job.folder, { recursive: true, force: true });
    }
  }

  async #read(output: string): Promise<ToolResult> {
    try {
      return await this.tool.read(output, this.job);
    } catch (e) {
      if (this.#isStopped) return { clock: 'since-start', samples: [] };
      throw e;
    }
  }

  #onRunClock({ clock, samples }: ToolResult): Sample[] {
    const offsetMs = this.#fromMs - (clock === 'epoch' ? this.#fromEpochMs : 0);
    return samples
      .map(({ sentMs, durationMs, ok, outcome }): Sample => {
        const atMs = sentMs + offsetMs;
        const probe = this.job.request.id;
        return { probe, intendedMs: atMs, sentMs: atMs, doneMs: atMs + durationMs, ok, outcome };
      })
      .sort((a, b) => a.sentMs - b.sentMs);
  }

  #missing(cause: Error): OrdealError {
    return new OrdealError('capability-missing', `The load generator "${this.tool.program}" cannot be started`, {
      cause,
      remedy: `Install it (${this.tool.home}), or leave the load to Ordeal's own generator.`,
    });
  }
}
