/**
 * The clock of a run, the same in every thread: performance.now() counts from the birth of each thread, but
 * process.hrtime is one monotonic clock for the whole process, so the origin crosses threads as hrtime nanoseconds.
 */
export type RunClock = () => number;

/**
 * Prerequisite: it is read in the thread that made it. Both clocks are the same one behind, so that the offset of this
 * thread is taken once: two big integers a reading are much for a probe thread.
 * @returns milliseconds since the origin
 */
export function runClock(originNs: bigint): RunClock {
  const offsetMs = Number(originOf(0) - originNs) / 1e6;
  return () => performance.now() + offsetMs;
}

/** The thread may be put aside between two readings: the tightest of so many tells best. */
const readings = 8;

/** @param performanceMs a reading of performance.now() of this very thread. @returns the same moment in hrtime */
export function originOf(performanceMs: number): bigint {
  let [tightestNs, originNs] = [-1n, 0n];
  for (let i = 0; i < readings; i++) {
    const before = process.hrtime.bigint();
    const nowMs = performance.now();
    const tookNs = process.hrtime.bigint() - before;
    if (tightestNs >= 0n && tookNs >= tightestNs) continue;
    tightestNs = tookNs;
    originNs = before + tookNs / 2n - BigInt(Math.round((nowMs - performanceMs) * 1e6));
  }
  return originNs;
}
