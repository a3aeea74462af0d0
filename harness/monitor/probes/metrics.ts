import { Pool } from 'undici';
import { z } from 'zod';
import type { ProbeSpec } from '../../model/network-service.js';
import { type Abort, type Done, outcomeOf, type Prober } from './prober.js';

type PromqlSpec = Extract<ProbeSpec, { kind: 'promql' }>;
type OpenMetricsSpec = Extract<ProbeSpec, { kind: 'openmetrics' }>;

/** A page longer than this is not read. */
const longestPage = 32 * 1024 * 1024;

/**
 * Figures on a page: good when there is at least one, and each is within the range. The outcome does not carry the
 * figure, so that there are few of them.
 */
export class PageProber implements Prober {
  readonly #pool: Pool;
  readonly #path: string;

  /** @param figures of a page; throws what is no such page, with a few words */
  constructor(
    url: string,
    path: string,
    private readonly figures: (text: string) => readonly number[],
    private readonly spec: PromqlSpec | OpenMetricsSpec,
  ) {
    const { origin, pathname, search } = new URL(url);
    this.#pool = new Pool(origin, { pipelining: 1, connectTimeout: spec.timeoutMs });
    this.#path = `${pathname.replace(/\/$/, '')}${path}${search}` || '/';
  }

  send(_key: string, done: Done): Abort {
    const abort = new AbortController();
    this.#judge(abort.signal).then(
      ([ok, outcome]) => {
        if (!abort.signal.aborted) done(ok, outcome);
      },
      (e: unknown) => {
        if (!abort.signal.aborted) done(false, outcomeOf(e));
      },
    );
    return () => abort.abort();
  }

  async #judge(signal: AbortSignal): Promise<[boolean, string]> {
    const { statusCode, body } = await this.#pool.request({ path: this.#path, method: 'GET', signal });
    const text = await body.text();
    if (statusCode !== 200) return [false, String(statusCode)];
    if (text.length > longestPage) return [false, 'page too long'];
    let found: readonly number[];
    try {
      found = this.figures(text);
    } catch (e) {
      if (e instanceof NotMetrics) return [false, e.message];
      throw e;
    }
    const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = this.spec.expect;
    if (found.length === 0) return [false, 'no figure'];
    // A comparison with NaN is false, which is as it should be: no figure is no good figure.
    if (found.every((x) => x >= min && x <= max)) return [true, 'within'];
    return [false, found.some((x) => x < min) ? 'below' : found.some((x) => x > max) ? 'above' : 'no figure'];
  }

  moveTo(): void {
    // The url is the descriptor's own.
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }
}

class NotMetrics extends Error {}

export const promqlPath = ({ query }: PromqlSpec): string => `/api/v1/query?query=${encodeURIComponent(query)}`;

const sample = z.tuple([z.number(), z.string()]);
const answer = z.object({
  data: z.discriminatedUnion('resultType', [
    z.object({ resultType: z.literal('vector'), result: z.array(z.object({ value: sample })) }),
    z.object({ resultType: z.literal('scalar'), result: sample }),
  ]),
});

/** Source: Prometheus, HTTP API, instant queries. */
export function promqlFigures(text: string): readonly number[] {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    throw new NotMetrics('not JSON');
  }
  const found = answer.safeParse(data);
  if (!found.success) throw new NotMetrics('no vector and no scalar');
  const { resultType, result } = found.data.data;
  return resultType === 'scalar' ? [Number(result[1])] : result.map(({ value }) => Number(value[1]));
}

/**
 * The samples of one metric with these labels. Source: OpenMetrics 1.0, and the text format of Prometheus, of which a
 * sample is: name, labels in braces with \\, \" and \n escaped, a number, and perhaps a time.
 */
export function openMetricsFigures(
  text: string,
  { metric, labels }: Pick<OpenMetricsSpec, 'metric' | 'labels'>,
): readonly number[] {
  const wanted = Object.entries(labels);
  return text.split('\n').flatMap((line) => {
    if (!line.startsWith(metric)) return [];
    const [, braces = '', value] =
      /^(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?[ \t]+(\S+)/.exec(line.slice(metric.length)) ?? [];
    if (value === undefined) return [];
    const own = new Map(
      [...braces.matchAll(/([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"/g)].map(([, name = '', raw = '']) => [
        name,
        raw.replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c)),
      ]),
    );
    if (!wanted.every(([name, expected]) => own.get(name) === expected)) return [];
    return [Number(value.replace(/^([+-]?)Inf$/, '$1Infinity'))];
  });
}
