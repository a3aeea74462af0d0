import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { errnoOf } from '../util/errors.js';

/** Names one process for good: process ids are used again, so the time at which it was started belongs to it. */
export interface ProcessIdentity {
  readonly host: string;
  readonly pid: number;
  readonly processStartedAt: string;
}

/** Field 22 of /proc/<pid>/stat, clock ticks since boot; empty where there is no /proc. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch (e) {
    if (errnoOf(e) === undefined) throw e;
    return '';
  }
}

/** Prerequisite: it is on this host, and alive. */
export const processOf = (pid: number): ProcessIdentity => ({
  host: hostname(),
  pid,
  processStartedAt: startOf(pid),
});

export const thisProcess: ProcessIdentity = processOf(process.pid);

/**
 * Of a process on another host nobody here can tell: it counts as alive, unless somebody who knows says otherwise.
 * @param otherHostsAreGone such as that of a container that has been replaced
 */
export function isAlive(it: ProcessIdentity, otherHostsAreGone = false): boolean {
  if (it.host !== thisProcess.host) return !otherHostsAreGone;
  try {
    process.kill(it.pid, 0);
  } catch (e) {
    if (errnoOf(e) === 'ESRCH') return false;
  }
  return startOf(it.pid) === it.processStartedAt;
}
