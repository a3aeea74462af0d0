import type { JournalledRun } from '../model/journal.js';
import { errnoOf } from '../util/errors.js';

/** Without a sign of life for so long, in milliseconds, a process counts as dead or hung. */
export const leaseMs = 10_000;
/** How often a sign of life is given, in milliseconds. */
export const heartbeatMs = 1000;

/** The run's holder is there and gives signs of life. */
export const isHeld = ({ pid, heartbeatAt }: JournalledRun): boolean =>
  isAlive(pid) && Date.now() - heartbeatAt < leaseMs;

/** A process of another user is alive too: EPERM says so. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (e) {
    return errnoOf(e) === 'EPERM';
  }
}
