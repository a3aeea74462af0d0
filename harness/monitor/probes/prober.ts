/**
 * Told at most once, and not after the abort. The outcome has few distinct values: a status, an exit code, an errno. Figures
 * are in the order of the probe's own; NaN is one that was not there.
 */
export type Done = (ok: boolean, outcome: string, figures?: readonly number[]) => void;
export type Abort = () => void;

/** What a kind of probe is to the open loop: it sends one request and tells how it went. Timeouts are the loop's. */
export interface Prober {
  /** Resolves when it can send; absent: at once. Nothing is loaded within the time of a sample. */
  ready?(): Promise<void>;
  /** Never throws: what cannot even be sent is done at once, as failed. */
  send(key: string, done: Done): Abort;
  /** The service answers elsewhere from now on; requests under way are left alone. */
  moveTo(base: string): void;
  /** Requests under way have been aborted before. */
  close(): Promise<void>;
}

/** Outcomes of the loop itself, beside those of the probes. */
export const outcomes = {
  timeout: 'timeout',
  /** Not sent, as too many requests are under way: this tells of the limit, not of the service. */
  overload: 'overload',
} as const;

/** The errno of a failed request, or the nearest thing to it. */
export function outcomeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'error';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  if (code === 'UND_ERR_SOCKET') return 'closed';
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return outcomes.timeout;
  return code ?? error.name;
}
