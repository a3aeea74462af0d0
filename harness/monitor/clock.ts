/**
 * The clock of a run, the same in every thread: performance.now() counts from the birth of each thread, but
 * process.hrtime is one monotonic clock for the whole process, so the origin crosses threads as hrtime nanoseconds.
 */
export type RunClock = () => number;

/** @returns milliseconds since the origin */
export const runClock =
  (originNs: bigint): RunClock =>
  () =>
    Number(process.hrtime.bigint() - originNs) / 1e6;

/** @param performanceMs a reading of performance.now() of this very thread. @returns the same moment in hrtime */
export function originOf(performanceMs: number): bigint {
  const before = process.hrtime.bigint();
  const nowMs = performance.now();
  const after = process.hrtime.bigint();
  return before + (after - before) / 2n - BigInt(Math.round((nowMs - performanceMs) * 1e6));
}
