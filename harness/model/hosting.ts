/** Ordeal itself, run where the VIM runs what it tests: for services that nothing outside reaches. */
export interface HostedCall {
  /** Lower case letters, digits and dashes: what its objects are called. */
  readonly name: string;
  readonly image: string;
  /** Of `ordeal`; its files are below `Hosting.filesAt`. */
  readonly args: readonly string[];
  /** By their relative path. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** After this it is ended, and heals first; in milliseconds. */
  readonly maxMs: number;
  /** What keeps journal, history and results beyond one call: a name of the VIM's. Absent: nothing does. */
  readonly storage?: string;
}

export interface HostedSchedule extends HostedCall {
  readonly cron: string;
  readonly timeZone: string;
  /** How late it may start, in milliseconds. */
  readonly startWithinMs: number;
}

export interface HostedEnd {
  readonly exitCode: number;
  /** A ZIP of its out folder. */
  readonly results: NodeJS.ReadableStream;
}

export interface Hosting {
  readonly filesAt: string;
  /** What would be created, as plain objects. Touches nothing. */
  objectsOf(call: HostedCall | HostedSchedule): readonly object[];
  /** The VIM takes all of it, and we may create it. Touches nothing. @throws OrdealError as `run` does */
  check(call: HostedCall | HostedSchedule): Promise<void>;
  /**
   * Runs it and waits for its end; nothing of it is left afterwards. An abort is passed on: it heals first, then ends.
   * @param say each line that it prints @param take its results, which are gone afterwards
   * @returns its exit code
   */
  run(
    call: HostedCall,
    options: { say: (line: string) => void; signal: AbortSignal; take: (end: HostedEnd) => Promise<void> },
  ): Promise<number>;
  /** Idempotent: it is changed to what is asked for now. @returns what was put in place, a line each */
  schedule(calls: readonly HostedSchedule[]): Promise<readonly string[]>;
}

/** Where the one who asked finds the results, and how he is known: between `run` and the program in the pod. */
export const hostedResults = {
  port: 8080,
  path: '/results',
  tokenHeader: 'x-ordeal-token',
  exitCodeHeader: 'x-ordeal-exit-code',
  tokenVariable: 'ORDEAL_RESULTS_TOKEN',
} as const;
