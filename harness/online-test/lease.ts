import { defaultLeaseMs, type JournalledRun } from '../model/journal.js';
import type { Journal } from '../store/journal.js';
import { sleep } from '../util/deadline.js';
import { errnoOf, OrdealError } from '../util/errors.js';

/** The times of a lease, all in milliseconds; the shares are those of the default, 10 s. */
export interface LeaseTimes {
  /** Without a sign of life for so long a process counts as dead or hung. */
  readonly leaseMs: number;
  /** How often a sign of life is given. */
  readonly heartbeatMs: number;
  /** How often those who watch for signs of life look. */
  readonly lookMs: number;
  /** The lease of a process that was asked to stop: who does not even see that, hangs. */
  readonly stopLeaseMs: number;
}

/** Shorter than this, and a busy machine looks dead. */
const shortestLeaseMs = 500;

/** @throws OrdealError of kind scenario-invalid for a lease that is too short to be kept */
export function leaseTimes(leaseMs: number = defaultLeaseMs): LeaseTimes {
  if (!(leaseMs >= shortestLeaseMs)) {
    throw new OrdealError('scenario-invalid', `A lease of ${leaseMs} ms cannot be kept`, {
      expected: `at least ${shortestLeaseMs} ms`,
      remedy: 'Nothing was touched.',
    });
  }
  return { leaseMs, heartbeatMs: leaseMs / 10, lookMs: leaseMs / 20, stopLeaseMs: leaseMs / 4 };
}

/**
 * How long a counter of signs of life has stood still, in milliseconds. Only the watcher's own monotonic clock counts:
 * a wall clock that jumps makes nobody look dead, and nobody look alive. A watcher that was itself held up (a stopped
 * machine) has not watched in that time, so one look never counts for more than two intervals.
 */
export class Pulse {
  #last: string | undefined;
  #lookedMs: number;
  #silentMs = 0;

  /** @param lookMs how often it will be asked, in milliseconds */
  constructor(
    readonly lookMs: number,
    readonly nowMs: () => number = () => performance.now(),
  ) {
    this.#lookedMs = nowMs();
  }

  /** @param sign whatever changes with each sign of life */
  silentMs(sign: string): number {
    const nowMs = this.nowMs();
    const sinceMs = Math.min(nowMs - this.#lookedMs, 2 * this.lookMs);
    this.#lookedMs = nowMs;
    this.#silentMs = sign === this.#last ? this.#silentMs + sinceMs : 0;
    this.#last = sign;
    return this.#silentMs;
  }
}

/** Watches the holder of one run from another process. */
export class HolderWatch {
  readonly times: LeaseTimes;
  readonly #pulse: Pulse;

  constructor({ leaseMs }: Pick<JournalledRun, 'leaseMs'>, nowMs?: () => number) {
    this.times = leaseTimes(leaseMs);
    this.#pulse = new Pulse(this.times.lookMs, nowMs);
  }

  /** @returns whether the run's holder is there and gives signs of life; to be asked every `times.lookMs` */
  isHeld({ pid, beats, stopBy }: JournalledRun): boolean {
    const silentMs = this.#pulse.silentMs(`${pid}:${beats}`);
    const { leaseMs, stopLeaseMs } = this.times;
    return isAlive(pid) && silentMs < (stopBy === null ? leaseMs : stopLeaseMs);
  }
}

/** Watches until the holder gives a sign of life, or has given none for as long as its lease. A closed run is nobody's to take. */
export async function isHeldNow(journal: Journal, runId: string): Promise<boolean> {
  const first = journal.run(runId);
  if (first === undefined) return true;
  const watch = new HolderWatch(first);
  for (let run: JournalledRun | undefined = first; run !== undefined && !run.closed; run = journal.run(runId)) {
    if (!watch.isHeld(run)) return false;
    if (run.beats !== first.beats) return true;
    await sleep(watch.times.lookMs);
  }
  return true;
}

/** At a glance, by the wall clock: good enough to show, not to act on. */
export const seemsHeld = ({ pid, heartbeatAt, leaseMs }: JournalledRun): boolean =>
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
