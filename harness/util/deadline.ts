import { OrdealError } from './errors.js';

/** @param ms milliseconds; 0 resolves in the next turn of the event loop. Rejects when the signal aborts. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/**
 * Fails when the work takes longer than it may. The work itself goes on unless it watches the signal it is given.
 * @param ms milliseconds; 0 means no deadline.
 * @throws OrdealError of kind `timeout`: `<what> timed out after <ms> ms`
 */
export async function withDeadline<T>(
  ms: number,
  what: string,
  work: (signal: AbortSignal) => Promise<T>,
  remedy?: string,
): Promise<T> {
  const abort = new AbortController();
  if (ms === 0) return work(abort.signal);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const e = new OrdealError('timeout', `${what} timed out after ${ms} ms`, remedy === undefined ? {} : { remedy });
      abort.abort(e);
      reject(e);
    }, ms);
  });
  try {
    return await Promise.race([work(abort.signal), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Polls until the condition holds. @throws OrdealError of kind `timeout` @param everyMs pause between two looks */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  { withinMs, everyMs = 20, signal }: { withinMs: number; everyMs?: number; signal?: AbortSignal },
): Promise<T> {
  const end = performance.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() >= end) throw new OrdealError('timeout', `${what} did not happen within ${withinMs} ms`);
    await sleep(everyMs, signal);
  }
}
