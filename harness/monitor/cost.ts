/** What the probing itself takes, and how well it kept its timetable; recorded with the data. */
export interface ProbingCost {
  /** CPU time of the probe threads. */
  readonly cpuMs: number;
  readonly probes: readonly ProbeCost[];
}

export interface ProbeCost {
  readonly probe: string;
  readonly samples: number;
  /** How long after the intended moment samples were sent, in milliseconds. */
  readonly lateness: { readonly p50Ms: number; readonly p99Ms: number; readonly maxMs: number };
  /** Its thread's CPU time, divided among the probes of that thread by samples. */
  readonly cpuMs: number;
}
