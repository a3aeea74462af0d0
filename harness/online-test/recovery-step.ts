import type { ErrorKind } from '../util/errors.js';
import { asError, OrdealError } from '../util/errors.js';

/** What recovery did, or would do, about one thing that a run, or an operation outside of a run, left behind. */
export interface RecoveryStep {
  /** The id of the run, or of the operation. */
  readonly runId: string;
  readonly what: string;
  /**
   * `left`: somebody else's. `inconclusive`: all was undone, and too little was measured to tell whether the service is
   * as before.
   */
  readonly outcome: 'done' | 'planned' | 'failed' | 'left' | 'inconclusive';
  readonly reason?: string;
  /** It failed because something did not answer, or was held by another process: another attempt may succeed. */
  readonly mayPass?: boolean;
}

const passing: readonly ErrorKind[] = ['timeout', 'vim-unreachable', 'busy'];

export function failedStep(runId: string, what: string, e: unknown): RecoveryStep {
  const mayPass = e instanceof OrdealError && passing.includes(e.kind);
  return { runId, what, outcome: 'failed', reason: asError(e).message, ...(mayPass ? { mayPass } : {}) };
}
