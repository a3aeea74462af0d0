import type { ScaleLinear } from 'd3-scale';
import { scaleLinear } from 'd3-scale';
import type { Outage } from '../../harness/model/probe.js';
import { lengthOf } from '../../harness/monitor/outage-clock.js';
import { type Content, Markup, markup } from '../markup.js';
import { count, duration, durationBetween } from '../words.js';
import type { Bin } from './bins.js';
import type { Panel, ProbeData, Time } from './panels.js';
import { textWidth } from './phase-lanes.js';

/** The share of good answers, and the outages as intervals. */
export function availabilityPanel({ probe, bins, outages }: ProbeData): Panel {
  const height = 74;
  const curve = 44;
  const y = scaleLinear().domain([0, 1]).range([curve, 0]);
  return {
    name: `${probe}-availability`,
    title: `${probe}: availability`,
    ...(outages.length > 1 && { subtitle: outageWords(outages) }),
    height,
    legend: [
      { label: 'good answers', colour: 'good', mark: 'pale' },
      { label: 'outage', colour: 'fail', mark: 'block' },
      { label: 'began or ended in this time', colour: 'fail', mark: 'pale' },
    ],
    ticks: [0, 0.5, 1].map((t) => ({ y: y(t), label: `${t * 100} %` })),
    draw: (x) => [stepArea(bins, x, y), outageLane(outages, x, curve + 10)],
  };
}

/** All outages of one probe in a few words: `33 outages, the longest 1.25 to 1.32 s, 244 requests lost`. */
export function outageWords(outages: readonly Outage[]): string {
  const lost = outages.reduce((sum, o) => sum + o.lost, 0);
  const longest = outages.toSorted((a, b) => lengthOf(b).atLeastMs - lengthOf(a).atLeastMs)[0];
  const length = longest === undefined ? '' : `, the longest ${lengthWords(longest)}`;
  return `${count(outages.length, 'outage')}${length}, ${count(lost, 'request')} lost`;
}

export function lengthWords(outage: Outage): string {
  const { atLeastMs, atMostMs } = lengthOf(outage);
  return Number.isFinite(atMostMs) ? durationBetween(atLeastMs, atMostMs) : `more than ${duration(atLeastMs)}`;
}

function stepArea(bins: readonly Bin[], x: Time, y: ScaleLinear<number, number>): Content {
  const share = (b: Bin) => (y(b.good / Math.max(1, b.good + b.failed)) ?? 0).toFixed(1);
  let edge = '';
  let fill = '';
  let before: Bin | undefined;
  for (const b of bins) {
    const [from, to] = [x(b.fromMs).toFixed(1), x(b.toMs).toFixed(1)];
    edge += `${before && b.fromMs - before.toMs < 1 ? 'V' : `M${from} `}${share(b)}H${to}`;
    fill += `M${from} ${y(0)}V${share(b)}H${to}V${y(0)}z`;
    before = b;
  }
  return [
    markup`<path d="${new Markup(fill)}" class="f-good" opacity="0.22" shape-rendering="crispEdges"/>`,
    markup`<path d="${new Markup(edge)}" class="line s-good"/>`,
  ];
}

/** Each by itself with its figures where they are few; as two paths, one place a pixel, where they are many. */
function outageLane(outages: readonly Outage[], x: Time, y: number): Content {
  if (outages.length <= 60) return outages.map((o) => outageBar(o, x, y, outages.length === 1));
  const places = (ends: (o: Outage) => readonly [number, number]) =>
    [...new Set(outages.map((o) => placeOf(ends(o), y)))].join('');
  return [
    markup`<path d="${places((o) => extent(o, x))}" class="f-fail" opacity="0.28"/>`,
    markup`<path d="${places((o) => certainty(o, x))}" class="f-fail"/>`,
  ];
}

const placeOf = ([from, to]: readonly [number, number], y: number): string =>
  to <= from
    ? ''
    : `M${Math.round(from)} ${y}h${Math.max(1, Math.round(to - from))}v16h-${Math.max(1, Math.round(to - from))}z`;

const rightOf = (x: Time): number => x.range()[1] ?? 0;

const extent = ({ lastGoodMs, firstGoodMs }: Outage, x: Time): readonly [number, number] => [
  x(lastGoodMs),
  firstGoodMs === undefined ? rightOf(x) : x(firstGoodMs),
];

/** One lost request is known as a moment within an interval: then no time is out for certain, and the end comes first. */
const certainty = ({ firstBadMs, lastBadMs, firstGoodMs }: Outage, x: Time): readonly [number, number] => [
  x(firstBadMs),
  firstGoodMs === undefined ? rightOf(x) : x(lastBadMs),
];

function outageBar(outage: Outage, x: Time, y: number, named: boolean): Content {
  const [left, right] = x.range() as [number, number];
  const [from, to] = extent(outage, x);
  const [bad, badTo] = certainty(outage, x);
  const told = `${outage.firstGoodMs === undefined ? 'not over' : `out for ${lengthWords(outage)}`}, ${outage.lost} lost`;
  const width = textWidth(told) * 1.08;
  const inside = badTo - bad > width + 10;
  const behind = to + 6 + width < right;
  const at = inside ? (bad + badTo) / 2 : behind ? to + 6 : Math.max(left + width, from - 6);
  const anchor = inside ? 'middle' : behind ? '' : 'end';
  return markup`<g><title>${told}</title><rect x="${from}" y="${y}" width="${Math.max(1, to - from)}" height="16" rx="1.5" class="f-fail" opacity="0.28"/>${
    badTo > bad &&
    markup`<rect x="${bad}" y="${y}" width="${Math.max(1, badTo - bad)}" height="16" rx="1.5" class="f-fail"/>`
  }${
    named && markup`<text x="${at}" y="${y + 12}" class="${anchor} strong ${inside ? 'f-surface' : ''}">${told}</text>`
  }</g>`;
}
