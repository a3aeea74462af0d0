/** Milliseconds on the monotonic clock of this machine: the same for every process on it. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;
