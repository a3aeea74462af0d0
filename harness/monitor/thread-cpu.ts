import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

/**
 * CPU time of the calling thread. Node.js tells it from 23.9 on (process.threadCpuUsage); before that Linux does; elsewhere
 * the time that the event loop was busy stands in for it, which is never less.
 */
export function threadCpuMs(): number {
  if ('threadCpuUsage' in process && typeof process.threadCpuUsage === 'function') {
    const { user, system } = process.threadCpuUsage() as { user: number; system: number };
    return (user + system) / 1000;
  }
  if (process.platform === 'linux' && schedstat) {
    try {
      return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0]) / 1e6;
    } catch {
      schedstat = false; // a kernel without CONFIG_SCHED_INFO
    }
  }
  return performance.eventLoopUtilization().active;
}

let schedstat = true;
