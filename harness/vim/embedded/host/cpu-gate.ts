import { type Control, monotonicMs } from './control.js';

/** How long the gate is open and shut in turn. */
const periodMs = 20;

/**
 * CPU starvation: the first share of each period is the VNFC's, the rest is not. An event cannot be interrupted, so one
 * that overruns is paid for with as much of the VNFC's own time afterwards.
 */
export class CpuGate {
  #owedMs = 0;
  #opensMs = 0;

  constructor(
    readonly control: Pick<Control, 'cpuShare' | 'waitUnlessFrozen'>,
    readonly now: () => number = monotonicMs,
  ) {}

  /** Waits for the gate, at most for a period. @returns whether it is shut still @param beforeWaiting what others wait for */
  isShut(beforeWaiting: () => void): boolean {
    const share = this.control.cpuShare;
    if (share <= 0 || share >= 1) {
      this.#owedMs = 0;
      this.#opensMs = 0;
      return false;
    }
    const now = this.now();
    if (now >= this.#opensMs) this.#opensMs = this.#nextOpening(now, share * periodMs);
    if (this.#opensMs <= now) return false;
    beforeWaiting();
    this.control.waitUnlessFrozen(Math.min(periodMs, this.#opensMs - now));
    return true;
  }

  /** An event has run since then. */
  pay(beginMs: number): void {
    const share = this.control.cpuShare;
    if (share <= 0 || share >= 1) return;
    const end = this.now();
    const open = share * periodMs;
    this.#owedMs += end - beginMs - (openUntil(end, open) - openUntil(beginMs, open));
  }

  #nextOpening(now: number, open: number): number {
    for (let at = now; ; at += periodMs - (at % periodMs)) {
      const left = open - (at % periodMs);
      if (left <= 0) continue;
      if (this.#owedMs < left) {
        const opens = at + this.#owedMs;
        this.#owedMs = 0;
        return opens;
      }
      this.#owedMs -= left;
    }
  }
}

/** For how long, of all time up to this moment, the gate was open. */
const openUntil = (ms: number, open: number): number =>
  Math.floor(ms / periodMs) * open + Math.min(ms % periodMs, open);
