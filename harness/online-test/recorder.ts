import { mkdir } from 'node:fs/promises';
import { release, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import type { InjectedFault } from '../fault/injector.js';
import { exitCodeOfError, exitCodeOfVerdicts } from '../model/exit-codes.js';
import type { Informed } from '../model/informee.js';
import type { TraceStep } from '../model/roles.js';
import type { RunListener } from '../model/run-listener.js';
import { type RunRecord, runRecord, type StageName, stageNames } from '../model/run-record.js';
import type { StopRecord } from '../model/stop-condition.js';
import type { Verdicts } from '../model/verdict.js';
import { writeAtomically } from '../util/atomic-file.js';
import { asError, OrdealError } from '../util/errors.js';
import { newId } from '../util/ids.js';
import type { Plan } from './plan.js';
import type { OnlineTestOptions, OnlineTestRequest } from './request.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Keeps the run record while the run goes on, tells the listeners, and writes run.json. */
export class Recorder {
  readonly id: string;
  readonly originMs = performance.now();
  readonly folder: string;
  readonly record: Mutable<RunRecord>;
  /** Tells who is to know of the result, once it is written. */
  inform: ((record: RunRecord) => Promise<Informed[]>) | undefined;
  readonly #listeners: readonly RunListener[];
  #firstError: OrdealError | undefined;

  /** @param id of a run that is recovered; a new run gets a new one */
  constructor(
    request: Pick<OnlineTestRequest, 'title' | 'front'>,
    service: string,
    plan: Pick<Plan, 'lines' | 'expectedRecoveryMs' | 'seed'>,
    options: Pick<OnlineTestOptions, 'outFolder' | 'listeners'>,
    id = newId('run'),
  ) {
    this.id = id;
    this.folder = join(resolve(options.outFolder), this.id);
    this.#listeners = options.listeners ?? [];
    this.record = {
      schema: 'ordeal.run/1',
      id: this.id,
      title: request.title,
      service,
      front: request.front,
      startedAt: new Date().toISOString(),
      finishedMs: 0,
      expectedRecoveryMs: plan.expectedRecoveryMs,
      plan: [...plan.lines],
      stages: [],
      phases: [],
      injections: [],
      indicators: [],
      outages: [],
      timeToRecoverMs: null,
      recovery: 'not-applicable',
      snapshots: [],
      packages: [],
      verdicts: {
        service: 'inconclusive',
        injection: 'not-injected',
        restoration: 'not-needed',
        evidence: 'not-needed',
      },
      exitCode: 0,
      errors: [],
      trace: [],
      samplesFile: 'samples.jsonl',
      environment: {
        node: process.version,
        platform: `${process.platform} ${release()} ${process.arch}`,
        memory: `${Math.round(totalmem() / 2 ** 20)} MiB`,
        seed: String(plan.seed),
      },
    };
  }

  /** Milliseconds since the run began. */
  readonly nowMs = (): number => performance.now() - this.originMs;

  get samplesFile(): string {
    return join(this.folder, this.record.samplesFile);
  }

  async start(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const { id, title, service, plan } = this.record;
    this.#tell((l) => l.started({ id, title, service, plan }));
  }

  /** @param work returns its result and the note that an operator reads */
  async stage<T>(name: StageName, work: () => Promise<readonly [T, string]>): Promise<T> {
    const fromMs = this.nowMs();
    this.#tell((l) => l.stage(name, 'running', ''));
    try {
      const [result, note] = await work();
      this.#settle(name, 'done', fromMs, note);
      return result;
    } catch (e) {
      this.#settle(name, 'failed', fromMs, asError(e).message);
      throw e;
    }
  }

  skip(name: StageName, why: string): void {
    this.#settle(name, 'skipped', this.nowMs(), why);
  }

  #settle(name: StageName, state: 'done' | 'failed' | 'skipped', fromMs: number, note: string): void {
    this.record.stages.push({ name, state, fromMs, toMs: this.nowMs(), note });
    this.#tell((l) => l.stage(name, state, note));
  }

  phase(name: string, fromMs: number, toMs = this.nowMs()): void {
    this.record.phases.push({ name, fromMs, toMs });
  }

  note(text: string): void {
    this.#tell((l) => l.note(text));
  }

  /** The run goes on to clean up, but what went wrong is in the record and decides the exit code. */
  failed(e: unknown): void {
    const error = asError(e);
    this.#firstError ??=
      error instanceof OrdealError ? error : new OrdealError('internal', error.message, { cause: e });
    this.record.errors.push(error.message);
  }

  /** The first reason to stop is the reason. */
  stopped(cause: StopRecord['cause'], reason: string, crossing?: Pick<StopRecord, 'figure' | 'threshold'>): void {
    const { figure, threshold } = crossing ?? {};
    this.record.stopped ??= {
      cause,
      reason,
      atMs: this.nowMs(),
      ...(figure === undefined || threshold === undefined ? {} : { figure, threshold }),
    };
    this.note(`stopping: ${reason}`);
  }

  /** Of a run that was stopped: from the stop to here no fault was on any more. */
  healed(all: readonly InjectedFault[]): void {
    const { stopped } = this.record;
    const healed = all.flatMap((i) => i.healedMs ?? []);
    if (stopped === undefined || all.length === 0 || healed.length < all.length) return;
    this.record.stopped = { ...stopped, healedMs: Math.max(stopped.atMs, ...healed) };
  }

  /** The same failure comes along twice when one stage meets it and another cleans up after it. */
  knows(e: unknown): boolean {
    return this.record.errors.includes(asError(e).message);
  }

  verdict(change: Partial<Verdicts>): void {
    this.record.verdicts = { ...this.record.verdicts, ...change };
  }

  injections(all: readonly InjectedFault[]): void {
    this.record.injections = all.map(({ injection, injectedMs, healedMs, dose, reading, healFailures }) => ({
      id: injection.id,
      kind: injection.kind,
      target: injection.target,
      params: injection.params,
      injectedMs,
      ...(healedMs === undefined ? {} : { healedMs }),
      verdict: dose,
      measured: { ...reading?.measured },
      how: reading?.how ?? '',
      ...(healFailures.length === 0 ? {} : { healFailures: [...healFailures] }),
    }));
  }

  trace(steps: readonly TraceStep[]): void {
    this.record.trace = steps.map((s) => ({ ...s, atMs: s.atMs - this.originMs }));
  }

  /** The lease is lost: the run folder belongs to who took over, so the record is told and not written. */
  abandon(): RunRecord {
    const record = runRecord.parse({
      ...this.record,
      finishedMs: this.nowMs(),
      exitCode: exitCodeOfError('lease-lost'),
    });
    this.#tell((l) => l.finished(record));
    return record;
  }

  /** Writes run.json; the record is complete and checked against its own schema before anybody may read it. */
  conclude(): Promise<RunRecord> {
    for (const name of stageNames) {
      if (!this.record.stages.some((s) => s.name === name)) this.skip(name, 'not reached');
    }
    this.record.finishedMs = this.nowMs();
    return this.#write();
  }

  /** Concludes the record, and informs who wants to hear of it. */
  async finish(): Promise<RunRecord> {
    let record = await this.conclude();
    const informed = (await this.inform?.(record)) ?? [];
    if (informed.length > 0) {
      this.record.informed = informed;
      for (const { who, by, reason } of informed.filter((i) => i.outcome === 'not-told'))
        this.note(`the ${who.replace('-', ' ')} could not be informed by ${by}: ${reason}`);
      record = await this.#write();
    }
    this.#tell((l) => l.finished(record));
    return record;
  }

  async #write(): Promise<RunRecord> {
    const record = this.#concluded();
    try {
      await writeAtomically(join(this.folder, 'run.json'), `${JSON.stringify(record, null, 2)}\n`);
      return record;
    } catch (e) {
      // The record is lost on the disk, not to who waits for it.
      this.failed(e);
      return this.#concluded();
    }
  }

  #concluded(): RunRecord {
    const ofVerdicts = exitCodeOfVerdicts(this.record.verdicts);
    const kind = this.#firstError?.kind;
    this.record.exitCode = ofVerdicts === 32 || kind === undefined ? ofVerdicts : exitCodeOfError(kind);
    return runRecord.parse(this.record);
  }

  #tell(event: (listener: RunListener) => void): void {
    for (const listener of this.#listeners) event(listener);
  }
}
