import type { ProbeSpec } from '../model/network-service.js';
import { asError, OrdealError } from '../util/errors.js';
import { keysOf } from './keys.js';
import { outcomes, type Prober } from './probes/prober.js';
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
  const range = keyRangeOf(spec);
  // Sequential: what a person sees first in `bad` are then the lowest keys.
  const count = keysOf(range, 0).count;
  const keyAt = (n: number) => (range === undefined ? '' : `${range.prefix}${range.from + n}`);
  const bad: { n: number; key: string; outcome: string }[] = [];
  let [next, checked, badCount] = [0, 0, 0];
  const walk = async () => {
    while (next < count && badCount < giveUpAfter) {
      const n = next++;
      const { ok, outcome } = await ask(prober, keyAt(n), spec.timeoutMs, signal);
      checked++;
      if (ok) continue;
      badCount++;
      bad.push({ n, key: keyAt(n), outcome });
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(concurrency, count) }, walk));
  } finally {
    await prober.close();
  }
  const first = bad.sort((a, b) => a.n - b.n).slice(0, shown);
  return { checked, good: checked - badCount, badCount, bad: first.map(({ key, outcome }) => ({ key, outcome })) };
}

/** One request with a deadline of its own. Rejects when the signal aborts. */
function ask(
  prober: Prober,
  key: string,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<{ ok: boolean; outcome: string }> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(interrupted(signal));
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    const timer = setTimeout(() => {
      end();
      abort();
      resolve({ ok: false, outcome: outcomes.timeout });
    }, timeoutMs);
    const onAbort = () => {
      end();
      abort();
      reject(interrupted(signal));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    const abort = prober.send(key, (ok, outcome) => {
      end();
      resolve({ ok, outcome });
    });
  });
}

const interrupted = (signal: AbortSignal | undefined): Error =>
  signal?.reason instanceof OrdealError
    ? signal.reason
    : new OrdealError('interrupted', 'The sweep was interrupted', { cause: asError(signal?.reason) });
