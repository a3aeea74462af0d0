import type { NetworkService } from '../model/network-service.js';
import type { ResolveAddress } from '../model/probe.js';
import { sleep } from '../util/deadline.js';
import { OrdealError } from '../util/errors.js';
import { sweepOnce } from './sweep.js';

export interface PopulateOptions {
  /** Requests under way at the same time. */
  readonly concurrency?: number;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

const accepted = [200, 201, 202, 203, 204, 205, 206];
/** So many bad answers, and the rest is not tried. */
const badEnough = 5;
/** With fewer than that, a method that is idempotent is tried again so often, after a pause in milliseconds. */
const tries = 2;
const pauseMs = 500;
const isAlmostGood = ({ badCount }: { badCount: number }): boolean => badCount > 0 && badCount < badEnough;

/**
 * Puts the state into the service that the descriptor asks for, one request a key. Idempotent when the service's own
 * method is (PUT).
 * @throws OrdealError that names the first bad answers; what was stored before stays stored
 */
export async function populate(
  spec: NonNullable<NetworkService['population']>,
  resolve: ResolveAddress,
  { concurrency = 16, timeoutMs = 5000, signal }: PopulateOptions = {},
): Promise<{ stored: number }> {
  const { connectionPoint, method, url, body, keys } = spec;
  const store = () =>
    sweepOnce(
      {
        kind: 'http',
        id: 'population',
        connectionPoint,
        method,
        url,
        body,
        keys,
        rateHz: 1,
        timeoutMs,
        expect: { status: accepted },
      },
      resolve(connectionPoint),
      { concurrency, giveUpAfter: badEnough, ...(signal === undefined ? {} : { signal }) },
    );
  let result = await store();
  // A service that has just been started may be late with one answer or another.
  for (let again = 0; again < tries && method === 'PUT' && isAlmostGood(result); again++) {
    await sleep(pauseMs, signal);
    result = await store();
  }
  if (result.badCount === 0) return { stored: result.good };
  throw new OrdealError('vim-failed', 'The service did not take the population', {
    where: `${method} ${url} at ${connectionPoint}`,
    expected: 'an answer of 200 to 206 for every key',
    got: result.bad.map(({ key, outcome }) => `${outcome} for ${key}`).join(', '),
    remedy: `${result.good} keys were stored before. Check that the service is up, and the population of its descriptor.`,
  });
}
