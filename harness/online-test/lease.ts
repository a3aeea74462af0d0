import type { JournalledRun } from '../model/journal.js';
import type { Journal } from '../store/journal.js';
import { sleep } from '../util/deadline.js';
import { errnoOf } from '../util/errors.js';

/** Without a sign of life for so long, in milliseconds, a process counts as dead or hung. */
export const leaseMs = 10_000;
/** How often a sign of life is given, in milliseconds. */
export const heartbeatMs = 1000;
/** The same, for a process that was asked to stop: who does not even see that, hangs. */
export const stopLeaseMs = 2500;
/** How often those who watch for signs of life look, in milliseconds. */
export const lookMs = 500;

/**
 * How long a counter of signs of life has stood still, in milliseconds. Only the watcher's own monotonic clock counts:
 * a wall clock that jumps makes nobody look dead, and nobody look alive. A watcher that was itself held up (a stopped
 * machine) has not watched in that time, so one look never counts for more than two intervals.
 */
export class Pulse {
  #last: string | undefined;
  #lookedMs: number;
  #silentMs = 0;

  constructor(readonly nowMs: () => number = () => performance.now()) {
    this.#lookedMs = nowMs();
  }

  /** @param sign whatever changes with each sign of life */
  silentMs(sign: string): number {
    const nowMs = this.nowMs();
    const sinceMs = Math.min(nowMs - this.#lookedMs, 2 * lookMs);
    this.#lookedMs = nowMs;
    this.#silentMs = sign === this.#last ? this.#silentMs + sinceMs : 0;
    this.#last = sign;
    return this.#silentMs;
  }
}

/** Watches the holder of one run from another process. */
export class HolderWatch {
  readonly #pulse: Pulse;

  constructor(nowMs?: () => number) {
    this.#pulse = new Pulse(nowMs);
  }

  /** @returns whether the run's holder is there and gives signs of life; to be asked every `lookMs` */
  isHeld({ pid, beats, stopBy }: JournalledRun): boolean {
    const silentMs = this.#pulse.silentMs(`${pid}:${beats}`);
    return isAlive(pid) && silentMs < (stopBy === null ? leaseMs : stopLeaseMs);
  }
}

/** Watches until the holder gives a sign of life, or has given none for as long as its lease. */
export async function isHeldNow(journal: Journal, runId: string): Promise<boolean> {
  const watch = new HolderWatch();
  const first = journal.run(runId);
  for (let run = first; run !== undefined && !run.closed; run = journal.run(runId)) {
    if (!watch.isHeld(run)) return false;
    if (run.beats !== first?.beats) return true;
    await sleep(lookMs);
  }
  return true;
}

/** At a glance, by the wall clock: good enough to show, not to act on. */
export const seemsHeld = ({ pid, heartbeatAt }: JournalledRun): boolean =>
  isAlive(pid) && Math.abs(Date.now() - heartbeatAt) < leaseMs;

/** A process of another user is alive too: EPERM says so. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (e) {
    return errnoOf(e) === 'EPERM';
  }
}
