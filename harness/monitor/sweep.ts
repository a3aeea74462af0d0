import type { ProbeSpec } from '../model/network-service.js';
import { asError, OrdealError } from '../util/errors.js';
import { keysOf } from './keys.js';
import { type Abort, outcomes, type Prober } from './probes/prober.js';
import { keyRangeOf, openProbe } from './probes/registry.js';

export interface SweepResult {
  readonly checked: number;
  readonly good: number;
  readonly badCount: number;
  /** The first 20. */
  readonly bad: readonly { readonly key: string; readonly outcome: string }[];
}

export interface SweepOptions {
  /** Requests under way at the same time. */
  readonly concurrency?: number;
  readonly signal?: AbortSignal;
}

const shown = 20;

/** Asks for every key of the probe's population once, in the order of its keys. Without keys it asks once. */
export async function sweepOnce(
  spec: ProbeSpec,
  base: string | undefined,
  { concurrency = 16, signal, giveUpAfter = Number.POSITIVE_INFINITY }: SweepOptions & { giveUpAfter?: number } = {},
): Promise<SweepResult> {
  const prober = openProbe(spec, base);
  await prober.ready?.();
  const range = keyRangeOf(spec);
  // Sequential: what a person sees first in `bad` are then the lowest keys.
  const count = keysOf(range, 0).count;
  const keyAt = (n: number) => (range === undefined ? '' : `${range.prefix}${range.from + n}`);
  const bad: { n: number; key: string; outcome: string }[] = [];
  let [next, checked, badCount] = [0, 0, 0];
  const underWay = new Set<Abort>();
  const walk = async () => {
    while (next < count && badCount < giveUpAfter) {
      const n = next++;
      const { ok, outcome } = await ask(prober, keyAt(n), spec.timeoutMs, underWay);
      checked++;
      if (ok) continue;
      badCount++;
      bad.push({ n, key: keyAt(n), outcome });
    }
  };
  let onAbort = () => {};
  const interruption = new Promise<never>((_, reject) => {
    onAbort = () => reject(interrupted(signal?.reason));
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted) onAbort();
  });
  try {
    await Promise.race([interruption, Promise.all(Array.from({ length: Math.min(concurrency, count) }, walk))]);
  } finally {
    signal?.removeEventListener('abort', onAbort);
    for (const abort of underWay) abort();
    await prober.close();
  }
  const first = bad.sort((a, b) => a.n - b.n).slice(0, shown);
  return { checked, good: checked - badCount, badCount, bad: first.map(({ key, outcome }) => ({ key, outcome })) };
}

/** One request with a deadline of its own. Once aborted it never resolves, and holds nothing any more. */
function ask(
  prober: Prober,
  key: string,
  timeoutMs: number,
  underWay: Set<Abort>,
): Promise<{ ok: boolean; outcome: string }> {
  return new Promise((resolve) => {
    const giveUp = () => {
      if (!underWay.has(abort)) return;
      abort();
      resolve({ ok: false, outcome: outcomes.timeout });
    };
    // Past the poll phase: an answer that waits in the socket of a busy thread is no timeout.
    const timer = setTimeout(() => setImmediate(giveUp), timeoutMs);
    let stop: Abort = () => {};
    const abort = () => {
      clearTimeout(timer);
      underWay.delete(abort);
      stop();
    };
    underWay.add(abort);
    stop = prober.send(key, (ok, outcome) => {
      clearTimeout(timer);
      underWay.delete(abort);
      resolve({ ok, outcome });
    });
  });
}

const interrupted = (reason: unknown): Error =>
  reason instanceof OrdealError
    ? reason
    : new OrdealError('interrupted', 'The sweep was interrupted', { cause: asError(reason) });
