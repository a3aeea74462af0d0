import type { WallClock } from './scheduler.js';

/** A timer longer than this is cut: the clock may be set, and the machine may sleep, while nobody looks. */
const longestSleepMs = 60_000;

export const wallClock: WallClock = {
  now: () => new Date(),
  async until(at, signal) {
    while (!signal.aborted) {
      const leftMs = at.getTime() - Date.now();
      if (leftMs <= 0) return;
      await pause(Math.min(leftMs, longestSleepMs), signal);
    }
  },
};

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
