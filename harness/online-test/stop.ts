import { hostname, userInfo } from 'node:os';
import type { JournalledRun } from '../model/journal.js';
import { Journal } from '../store/journal.js';
import { sleep } from '../util/deadline.js';
import { OrdealError } from '../util/errors.js';
import { isAlive } from './lease.js';

export interface StoppedRun {
  readonly runId: string;
  readonly serviceId: string;
  /** No fault of it is on any more. */
  readonly healed: boolean;
  /** From the request to the last fault healed, in milliseconds; as it was seen from here, to some 20 ms. */
  readonly afterMs: number;
  /** Its process was there when it was asked. Where not, its guard gives the service back, or `ordeal recover`. */
  readonly held: boolean;
}

export interface StopOptions {
  /** Absent: every open run. */
  readonly runId?: string;
  /** For the record; default: user, host and process. */
  readonly by?: string;
  /** How long to wait for the faults to be healed, in milliseconds; default: the run's lease and two seconds. */
  readonly waitMs?: number;
  readonly nowMs?: () => number;
  readonly pause?: (ms: number) => Promise<void>;
}

/** How often it is looked whether a fault is still on, in milliseconds. */
const lookMs = 20;

/** `ann@host (process 4711)` */
export const whoAsks = (): string => `${userName()}@${hostname()} (process ${process.pid})`;

/**
 * Stops runs from another process: each heals its faults at once, gives its service back, and ends as interrupted. The
 * request is durable, so a guard honours it when the harness hangs. Returns once no fault is on, or the wait is over.
 * @throws OrdealError of kind unknown-target when the named run is not open
 */
export async function stopRuns(
  stateFolder: string,
  { runId, by = whoAsks(), waitMs, nowMs = () => performance.now(), pause = sleep }: StopOptions = {},
): Promise<StoppedRun[]> {
  using journal = new Journal(stateFolder);
  const open = journal.runs({ open: true });
  const wanted = runId === undefined ? open : open.filter((r) => r.id === runId);
  if (runId !== undefined && wanted.length === 0) {
    throw new OrdealError('unknown-target', `Run ${runId} is not open`, {
      expected: open.length === 0 ? 'nothing: no run is open' : `one of ${open.map((r) => r.id).join(', ')}`,
      remedy: 'See `ordeal status`.',
    });
  }
  const fromMs = nowMs();
  for (const { id } of wanted) journal.requestStop(id, by);

  async function stopped({ id, serviceId, pid, leaseMs }: JournalledRun): Promise<StoppedRun> {
    const held = isAlive(pid);
    for (;;) {
      const healed = !journal.open(id).some((e) => e.action.type === 'fault');
      const afterMs = nowMs() - fromMs;
      if (healed || afterMs >= (waitMs ?? leaseMs + 2000)) return { runId: id, serviceId, healed, afterMs, held };
      await pause(lookMs);
    }
  }
  return await Promise.all(wanted.map(stopped));
}

/** In a container the user needs no entry in a list of users. */
function userName(): string {
  try {
    return userInfo().username;
  } catch (e) {
    if (!(e instanceof Error)) throw e;
    return `user ${process.getuid?.()}`;
  }
}
