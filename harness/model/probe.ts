/** One observation of the service, in milliseconds of the run's monotonic clock (0 is the start of the run). */
export interface Sample {
  readonly probe: string;
  /** When it should have been sent; latency counts from here, so that a stall is not hidden (coordinated omission). */
  readonly intendedMs: number;
  readonly sentMs: number;
  readonly doneMs: number;
  readonly ok: boolean;
  /** HTTP status, exit code or errno, for the reader. */
  readonly outcome: string;
  /** What the probe read, by the ids of its figures; only of probes that read any. */
  readonly figures?: Readonly<Record<string, number>>;
}

export const latencyMs = (s: Sample): number => s.doneMs - s.intendedMs;

/** What a probe saw from `fromMs` to `toMs`, ordered by intendedMs. */
export interface History {
  readonly probe: string;
  readonly rateHz: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly samples: readonly Sample[];
}

/** An outage as an interval: it began after `lastGoodMs` and not later than `firstBadMs`, and ended likewise. */
export interface Outage {
  readonly probe: string;
  readonly lastGoodMs: number;
  readonly firstBadMs: number;
  readonly lastBadMs: number;
  /** Absent when it had not ended when the observation did. */
  readonly firstGoodMs?: number;
  readonly lost: number;
}

/** Where an external connection point is reached now. */
export type ResolveAddress = (connectionPoint: string) => string;
