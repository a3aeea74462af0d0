import { Pool } from 'undici';
import { z } from 'zod';
import type { FigureSpec, ProbeSpec } from '../../model/network-service.js';
import { type Abort, type Done, outcomeOf, type Prober } from './prober.js';

type PromqlSpec = Extract<ProbeSpec, { kind: 'promql' }>;
type OpenMetricsSpec = Extract<ProbeSpec, { kind: 'openmetrics' }>;

/** A page longer than this is not read. */
const longestPage = 32 * 1024 * 1024;

/** The value of every sample of a metric with these labels. */
export type Page = (metric: string, labels: Readonly<Record<string, string>>) => readonly number[];

/**
 * Figures on a page: good when there is at least one, and each is within the range. The outcome does not carry the
 * figure, so that there are few of them; the sample does, for those that are judged as series.
 */
export class PageProber implements Prober {
  readonly #pool: Pool;
  readonly #path: string;
  readonly #figures: readonly FigureReader[];

  /** @param read throws NotMetrics for what is no such page */
  constructor(
    url: string,
    path: string,
    private readonly read: (text: string) => Page,
    private readonly spec: PromqlSpec | OpenMetricsSpec,
  ) {
    const { origin, pathname, search } = new URL(url);
    this.#pool = new Pool(origin, { pipelining: 1, connectTimeout: spec.timeoutMs });
    this.#path = `${pathname.replace(/\/$/, '')}${path}${search}` || '/';
    this.#figures = spec.figures.map((f) => new FigureReader(f, 500 / spec.rateHz));
  }

  send(_key: string, done: Done): Abort {
    const abort = new AbortController();
    this.#judge(abort.signal).then(
      ([ok, outcome, figures]) => {
        if (!abort.signal.aborted) done(ok, outcome, figures);
      },
      (e: unknown) => {
        if (!abort.signal.aborted) done(false, e instanceof NotMetrics ? e.message : outcomeOf(e));
      },
    );
    return () => abort.abort();
  }

  async #judge(signal: AbortSignal): Promise<[ok: boolean, outcome: string, figures?: readonly number[]]> {
    const { statusCode, body } = await this.#pool.request({ path: this.#path, method: 'GET', signal });
    const text = await body.text();
    const nowMs = performance.now();
    if (statusCode !== 200) return [false, String(statusCode)];
    if (text.length > longestPage) return [false, 'page too long'];
    const page = this.read(text);
    const figures = this.#figures.length === 0 ? undefined : this.#figures.map((f) => f.take(page, nowMs));
    const { expect } = this.spec;
    const [ok, outcome] = expect === undefined ? [true, 'read'] : within(this.#own(page), expect);
    return figures === undefined ? [ok, outcome] : [ok, outcome, figures];
  }

  #own(page: Page): readonly number[] {
    return this.spec.kind === 'openmetrics' ? page(this.spec.metric ?? '', this.spec.labels) : page('', {});
  }

  moveTo(): void {
    // The url is the descriptor's own.
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }
}

function within(
  found: readonly number[],
  { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY }: NonNullable<PromqlSpec['expect']>,
): [boolean, string] {
  if (found.length === 0) return [false, 'no figure'];
  // A comparison with NaN is false, which is as it should be: no figure is no good figure.
  if (found.every((x) => x >= min && x <= max)) return [true, 'within'];
  return [false, found.some((x) => x < min) ? 'below' : found.some((x) => x > max) ? 'above' : 'no figure'];
}

/** One figure of a page, from one page to the next. */
class FigureReader {
  #before: { readonly value: number; readonly atMs: number } | undefined;

  /** @param shortestMs what a counter grew in less time is told by the next page, as two late pages at once tell no rate */
  constructor(
    private readonly spec: FigureSpec & { readonly metric?: string },
    private readonly shortestMs: number,
  ) {}

  /** @returns NaN when it is not there, or, of a counter, cannot be told from this page yet */
  take(page: Page, atMs: number): number {
    const { metric = '', labels, combine, perSecond } = this.spec;
    const all = page(metric, labels);
    const value = all.length === 0 ? Number.NaN : combined(all, combine);
    if (!perSecond) return value;
    const before = this.#before;
    if (before !== undefined && atMs - before.atMs < this.shortestMs) return Number.NaN;
    if (!Number.isNaN(value)) this.#before = { value, atMs };
    // A counter that went back was started anew: what it had counted before is not known.
    if (before === undefined || value < before.value) return Number.NaN;
    return ((value - before.value) * 1000) / (atMs - before.atMs);
  }
}

function combined(all: readonly number[], how: FigureSpec['combine']): number {
  switch (how) {
    case 'sum':
      return all.reduce((sum, x) => sum + x, 0);
    case 'mean':
      return all.reduce((sum, x) => sum + x, 0) / all.length;
    case 'min':
      return all.reduce((least, x) => Math.min(least, x));
    case 'max':
      return all.reduce((most, x) => Math.max(most, x));
  }
}

class NotMetrics extends Error {}

export const openPageProber = (spec: PromqlSpec | OpenMetricsSpec): PageProber =>
  spec.kind === 'promql'
    ? new PageProber(spec.url, promqlPath(spec), promqlAnswer, spec)
    : new PageProber(spec.url, '', openMetricsPage, spec);

const promqlPath = ({ query }: PromqlSpec): string => `/api/v1/query?query=${encodeURIComponent(query)}`;

const sample = z.tuple([z.number(), z.string()]);
const metric = z.record(z.string(), z.string()).default({});
const answer = z.object({
  data: z.discriminatedUnion('resultType', [
    z.object({ resultType: z.literal('vector'), result: z.array(z.object({ metric, value: sample })) }),
    z.object({ resultType: z.literal('scalar'), result: sample }),
  ]),
});

const has = (own: ReadonlyMap<string, string>, labels: Readonly<Record<string, string>>): boolean =>
  Object.entries(labels).every(([name, expected]) => own.get(name) === expected);

/** Source: Prometheus, HTTP API, instant queries. The query says of which metrics; the labels tell its series apart. */
export function promqlAnswer(text: string): Page {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    throw new NotMetrics('not JSON');
  }
  const found = answer.safeParse(data);
  if (!found.success) throw new NotMetrics('no vector and no scalar');
  const { resultType, result } = found.data.data;
  if (resultType === 'scalar') return () => [Number(result[1])];
  const all = result.map((r) => ({ labels: new Map(Object.entries(r.metric)), value: Number(r.value[1]) }));
  return (_, labels) => all.filter((s) => has(s.labels, labels)).map((s) => s.value);
}

/**
 * Source: OpenMetrics 1.0, and the text format of Prometheus, of which a sample is: name, labels in braces with \\, \" and
 * \n escaped, a number, and perhaps a time.
 */
export function openMetricsPage(text: string): Page {
  const lines = text.split('\n');
  return (metric, labels) =>
    lines.flatMap((line) => {
      if (!line.startsWith(metric)) return [];
      const [, braces = '', value] =
        /^(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?[ \t]+(\S+)/.exec(line.slice(metric.length)) ?? [];
      if (value === undefined || !has(labelsIn(braces), labels)) return [];
      return [Number(value.replace(/^([+-]?)Inf$/, '$1Infinity'))];
    });
}

const labelsIn = (braces: string): ReadonlyMap<string, string> =>
  new Map(
    [...braces.matchAll(/([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"/g)].map(([, name = '', raw = '']) => [
      name,
      raw.replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c)),
    ]),
  );
