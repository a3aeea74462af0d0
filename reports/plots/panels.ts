import { type ScaleLinear, scaleLinear, scaleLog } from 'd3-scale';
import { area, curveMonotoneX, line } from 'd3-shape';
import { latencyMs, type Outage, type Sample } from '../../harness/model/probe.js';
import type { IndicatorResult } from '../../harness/model/verdict.js';
import { type Content, Markup, markup } from '../markup.js';
import { duration } from '../words.js';
import { type Bin, binned } from './bins.js';
import type { Colour } from './theme.js';

export type Time = ScaleLinear<number, number>;

export interface LegendEntry {
  readonly label: string;
  readonly colour: Colour;
  readonly mark: 'block' | 'pale' | 'line' | 'dash' | 'dot' | 'cross';
}

/** One plot without its time axis: drawn between y = 0 and its height. */
export interface Panel {
  readonly name: string;
  readonly title: string;
  /** Beside the title: figures. */
  readonly subtitle?: string;
  readonly height: number;
  readonly legend: readonly LegendEntry[];
  readonly ticks: readonly { readonly y: number; readonly label: string }[];
  readonly draw: (x: Time) => Content;
}

export interface ProbeData {
  readonly probe: string;
  readonly samples: readonly Sample[];
  readonly bins: readonly Bin[];
  readonly outages: readonly Outage[];
  readonly indicators: readonly IndicatorResult[];
}

export function probeData(
  probe: string,
  all: readonly Sample[],
  endMs: number,
  outages: readonly Outage[],
  indicators: readonly IndicatorResult[],
): ProbeData {
  const samples = all.filter((s) => s.probe === probe);
  return {
    probe,
    samples,
    bins: binned(samples, endMs),
    outages: outages.filter((o) => o.probe === probe),
    indicators: indicators.filter((i) => i.probe === probe),
  };
}

/** Request rate with the failed ones on top. */
export function requestsPanel({ probe, bins }: ProbeData): Panel {
  const height = 88;
  const perSecond = (n: number, b: Bin) => (n * 1000) / (b.toMs - b.fromMs);
  const y = scaleLinear()
    .domain([0, 1.1 * Math.max(1, ...bins.map((b) => perSecond(b.good + b.failed, b)))])
    .nice(3)
    .range([height, 0]);
  return {
    name: `${probe}-requests`,
    title: `${probe}: requests a second`,
    height,
    legend: [
      { label: 'answered well', colour: 'ok', mark: 'block' },
      { label: 'failed', colour: 'fail', mark: 'block' },
    ],
    ticks: y.ticks(3).map((t) => ({ y: y(t), label: String(t) })),
    draw: (x) => [
      block(
        bins,
        x,
        (b) => y(perSecond(b.good, b)),
        (b) => y(0) - y(perSecond(b.good, b)),
        'ok',
        0.6,
      ),
      block(
        bins,
        x,
        (b) => y(perSecond(b.good + b.failed, b)),
        (b) => y(0) - y(perSecond(b.failed, b)),
        'fail',
        1,
      ),
    ],
  };
}

/** All bars of one colour in one path. */
function block(
  bins: readonly Bin[],
  x: Time,
  top: (b: Bin) => number,
  tall: (b: Bin) => number,
  colour: Colour,
  opacity: number,
): Content {
  const d = bins
    .filter((b) => tall(b) > 0)
    .map((b) => {
      const [from, to] = [x(b.fromMs), x(b.toMs)];
      const width = Math.max(0.8, to - from - (to - from > 4 ? 0.8 : 0));
      return `M${from.toFixed(1)} ${top(b).toFixed(1)}h${width.toFixed(1)}v${tall(b).toFixed(1)}h-${width.toFixed(1)}z`;
    })
    .join('');
  return d && markup`<path d="${d}" class="f-${colour}" opacity="${opacity}"/>`;
}

/** Latency of every request on a logarithmic scale, counted from the moment at which it was due. */
export function latencyPanel({ probe, samples, bins, indicators }: ProbeData): Panel {
  const height = 132;
  const values = samples.map((s) => Math.max(0.01, latencyMs(s)));
  const low = Math.floor(Math.log10(values.reduce((a, b) => Math.min(a, b), 1)));
  const high = Math.max(low + 2, Math.ceil(Math.log10(values.reduce((a, b) => Math.max(a, b), 1)) + 0.05));
  const y = scaleLog()
    .domain([10 ** low, 10 ** high])
    .range([height, 0])
    .clamp(true);
  const p99 = indicators.find((i) => i.indicator === 'latencyP99');
  const limit = p99?.before === null || p99 === undefined ? undefined : p99.before + p99.margin;
  return {
    name: `${probe}-latency`,
    title: `${probe}: latency`,
    height,
    legend: [
      { label: 'one request', colour: 'ok', mark: 'dot' },
      { label: 'median', colour: 'deep', mark: 'line' },
      { label: '5th to 95th percentile', colour: 'ok', mark: 'pale' },
      { label: 'failed', colour: 'fail', mark: 'cross' },
      ...(limit === undefined ? [] : [{ label: 'tolerated 99th percentile', colour: 'muted', mark: 'dash' } as const]),
    ],
    ticks: Array.from({ length: high - low + 1 }, (_, n) => ({
      y: y(10 ** (low + n)),
      label: duration(10 ** (low + n)),
    })),
    draw: (x) => {
      const known = bins.flatMap((b) =>
        b.latency === undefined ? [] : [{ ...b.latency, at: x((b.fromMs + b.toMs) / 2), bin: b }],
      );
      const pieces = stretches(known);
      const band = area<(typeof known)[number]>(
        (d) => d.at,
        (d) => y(d.low),
        (d) => y(d.high),
      ).curve(curveMonotoneX);
      const middle = line<(typeof known)[number]>(
        (d) => d.at,
        (d) => y(d.median),
      ).curve(curveMonotoneX);
      return [
        markup`<path d="${new Markup(pieces.map((p) => short(band(p))).join(''))}" class="f-ok" opacity="0.2"/>`,
        markup`<path d="${dots(samples, x, y)}" class="s-ok" stroke-width="2.2" stroke-linecap="round" opacity="0.42" fill="none"/>`,
        markup`<path d="${new Markup(pieces.map((p) => short(middle(p))).join(''))}" class="line s-deep"/>`,
        limit !== undefined &&
          markup`<path d="M${x.range()[0] ?? 0} ${y(limit)}H${x.range()[1] ?? 0}" class="s-muted" stroke-width="1" stroke-dasharray="5 4"/>`,
        markup`<path d="${crosses(samples, x, y)}" class="s-fail" stroke-width="1.3" fill="none"/>`,
      ];
    },
  };
}

/** A line does not run through a time in which nothing was answered. */
function stretches<T extends { readonly bin: Bin }>(points: readonly T[]): T[][] {
  const out: T[][] = [];
  for (const point of points) {
    const last = out[out.length - 1];
    const before = last?.[last.length - 1];
    if (last && before && point.bin.fromMs - before.bin.toMs < 1) last.push(point);
    else out.push([point]);
  }
  return out;
}

const short = (d: string | null): string => (d ?? '').replace(/\d+\.\d+/g, (n) => Number(n).toFixed(1));

type Latency = (ms: number) => number;

/** One dot for each place on a grid of one pixel, so that an hour of samples makes no larger file than a minute. */
function places(samples: readonly Sample[], x: Time, y: Latency): Set<string> {
  return new Set(samples.map((s) => `${Math.round(x(s.intendedMs))} ${Math.round(y(Math.max(0.01, latencyMs(s))))}`));
}
const dots = (samples: readonly Sample[], x: Time, y: Latency): Markup =>
  new Markup(
    [
      ...places(
        samples.filter((s) => s.ok),
        x,
        y,
      ),
    ]
      .map((at) => `M${at}h0`)
      .join(''),
  );
const crosses = (samples: readonly Sample[], x: Time, y: Latency): Markup =>
  new Markup(
    [
      ...places(
        samples.filter((s) => !s.ok),
        x,
        y,
      ),
    ]
      .map((at) => `M${at}m-2.5-2.5l5 5m0-5l-5 5`)
      .join(''),
  );
