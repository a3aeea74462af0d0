import type { History, ResolveAddress, Sample } from '../model/probe.js';
import type { OrdealError } from '../util/errors.js';
import { type Batch, width } from './batch.js';
import type { ProbeCost } from './cost.js';
import { ProbeThread, type StreamPlan } from './probe-thread.js';
import { connectionPointOf, figuresIn } from './probes/registry.js';
import { quantile, SampleColumns } from './sample-columns.js';
import { countBefore } from './timetable.js';

/** Who is told of what a group of streams brings in. */
export interface GroupListener {
  /** Whether somebody wants the samples one by one, beside the columns. */
  readonly wantsSamples: boolean;
  took(samples: readonly Sample[]): void;
  fail(error: OrdealError): void;
  exhausted?(): void;
}

interface Column {
  readonly plan: StreamPlan;
  readonly samples: SampleColumns;
  base: string | undefined;
}

/** The streams of one probe thread, with all that they have brought in. */
export class ProbeGroup {
  readonly #outcomes: string[] = [];
  readonly #columns: readonly Column[];
  #thread: ProbeThread | undefined;
  #startMs = Number.POSITIVE_INFINITY;
  #cpuMs = 0;

  private constructor(
    plans: readonly StreamPlan[],
    private readonly listener: GroupListener,
  ) {
    this.#columns = plans.map((plan) => ({
      plan,
      samples: new SampleColumns(
        plan.spec.id,
        this.#outcomes,
        figuresIn(plan.spec).map((f) => f.id),
      ),
      base: plan.base,
    }));
  }

  static async open(plans: readonly StreamPlan[], originNs: bigint, listener: GroupListener): Promise<ProbeGroup> {
    const group = new ProbeGroup(plans, listener);
    group.#thread = await ProbeThread.open(
      { originNs, plans },
      {
        onBatch: (batch) => group.#take(batch),
        onExhausted: () => listener.exhausted?.(),
        onDeath: (error) => listener.fail(error),
      },
    );
    return group;
  }

  get cpuMs(): number {
    return this.#cpuMs;
  }

  start(startMs: number): void {
    this.#startMs = startMs;
    this.#thread?.start(startMs);
  }

  async stop(): Promise<void> {
    await this.#thread?.stop();
  }

  /** @returns undefined when the probe is not of this group */
  history(probe: string, fromMs: number, toMs: number): History | undefined {
    const column = this.#columns.find((c) => c.plan.spec.id === probe);
    if (column === undefined) return undefined;
    const samples = column.samples.slice(this.#dueBefore(column, fromMs), this.#dueBefore(column, toMs));
    return { probe, rateHz: column.plan.spec.rateHz, fromMs, toMs, samples };
  }

  isSettled(atMs: number): boolean {
    return this.#columns.every((column) => column.samples.prefix >= this.#dueBefore(column, atMs));
  }

  costs(): ProbeCost[] {
    const all = this.#columns.reduce((sum, c) => sum + c.samples.complete, 0);
    return this.#columns.map(({ plan, samples }) => {
      const lateness = samples.lateness();
      return {
        probe: plan.spec.id,
        samples: samples.complete,
        lateness: { p50Ms: quantile(lateness, 0.5), p99Ms: quantile(lateness, 0.99), maxMs: quantile(lateness, 1) },
        cpuMs: all === 0 ? 0 : (this.#cpuMs * samples.complete) / all,
      };
    });
  }

  /** The columns of each stream, in the order of the plans. */
  columns(): readonly SampleColumns[] {
    return this.#columns.map((c) => c.samples);
  }

  /** Probes move with their connection points. While a point has no address they go on where they were. */
  follow(resolve: ResolveAddress): void {
    for (const [i, column] of this.#columns.entries()) {
      const point = connectionPointOf(column.plan.spec);
      const base = point === undefined ? undefined : addressNow(resolve, point);
      if (base === undefined || base === column.base) continue;
      column.base = base;
      this.#thread?.move(i, base);
    }
  }

  #dueBefore(column: Column, ms: number): number {
    const { timetable, offsetMs, count } = column.plan;
    return Math.min(count, countBefore(timetable, ms - this.#startMs - offsetMs));
  }

  #take({ rows, newOutcomes, figures, cpuMs }: Batch): void {
    this.#outcomes.push(...newOutcomes);
    this.#cpuMs = cpuMs;
    const wanted = this.listener.wantsSamples;
    const told: Sample[] = [];
    const read = new Map(figures);
    for (let r = 0; r < rows.length; r += width) {
      const at = (column: number) => rows[r + column] as number;
      const samples = (this.#columns[at(0)] as Column).samples;
      samples.put(at(1), at(2), at(3), at(4), at(5), read.get(r / width));
      if (wanted) told.push(samples.at(at(1)));
    }
    this.listener.took(told);
  }
}

function addressNow(resolve: ResolveAddress, point: string): string | undefined {
  try {
    return resolve(point);
  } catch {
    return undefined; // the VNFC is being replaced; the probe's samples tell what that does to the service
  }
}
