import type { NetworkService } from '../model/network-service.js';
import type { ResolveAddress } from '../model/probe.js';
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
  const result = await sweepOnce(
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
  if (result.badCount === 0) return { stored: result.good };
  throw new OrdealError('vim-failed', 'The service did not take the population', {
    where: `${method} ${url} at ${connectionPoint}`,
    expected: 'an answer of 200 to 206 for every key',
    got: result.bad.map(({ key, outcome }) => `${outcome} for ${key}`).join(', '),
    remedy: `${result.good} keys were stored before. Check that the service is up, and the population of its descriptor.`,
  });
}
