import { readFileSync } from 'node:fs';
import { errnoOf } from '../../../harness/util/errors.js';

/** Running or stopped; a zombie that nobody has waited for yet has ended. */
export function runs(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat[stat.lastIndexOf(')') + 2] !== 'Z';
  } catch (e) {
    if (errnoOf(e) === 'ENOENT' || errnoOf(e) === 'ESRCH') return false;
    throw e;
  }
}

/** Those that are gone already are passed over. */
export function signalAll(pids: readonly number[], name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch (e) {
      if (errnoOf(e) !== 'ESRCH') throw e;
    }
  }
}
