import { scaleLinear } from 'd3-scale';
import type { ToldComparison } from '../../harness/judge/measurement-comparison.js';
import { latencyMs } from '../../harness/model/probe.js';
import type { IndicatorOutcome } from '../../harness/model/verdict.js';
import { relativeChange } from '../comparison.js';
import { type Content, markup } from '../markup.js';
import { count, figure } from '../words.js';
import { type Colour, plotStyle } from './theme.js';

const width = 1120;
const left = 230;
const right = 300;
const rowHeight = 26;
const stripHeight = 92;
/** Effects are drawn up to so many margins. */
const mostMargins = 3;
/** So many figures of one side are drawn; of more, every so-manieth. */
const mostDots = 600;

const colours: Readonly<Record<IndicatorOutcome, Colour>> = {
  worse: 'fail',
  better: 'good',
  'as-before': 'ok',
  inconclusive: 'reaction',
};

/**
 * Why the judge said so: each effect with its interval in units of its margin, and below them the figures themselves,
 * before on the left and after on the right. An interval beyond the dashed line on the bad side is worse.
 */
export function comparisonPlot(told: ToldComparison): string {
  const { indicators, outcome } = told;
  const strips = stripsOf(told);
  const top = 62;
  const forestEnd = top + indicators.length * rowHeight + 30;
  const height = forestEnd + strips.length * (stripHeight + 40) + 20;
  const title = `${outcome}: ${count(indicators.length, 'indicator')} before and after`;
  return markup`<svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${title}"><title>${title}</title><style>${plotStyle}</style><rect width="${width}" height="${height}" class="f-surface"/><text x="20" y="26" class="title">${title}</text><text x="20" y="44" class="muted">change, in units of the margin of each indicator; the dashed lines are the margin</text>${forest(told, top)}${strips.map((s, i) => markup`<g transform="translate(0 ${forestEnd + 24 + i * (stripHeight + 40)})">${strip(s)}</g>`)}</svg>`
    .text;
}

function forest({ indicators }: ToldComparison, top: number): Content {
  const x = scaleLinear()
    .domain([-mostMargins, mostMargins])
    .range([left, width - right])
    .clamp(true);
  const bottom = top + indicators.length * rowHeight;
  const axis = [-2, -1, 0, 1, 2].map(
    (m) =>
      markup`<path d="M${x(m)} ${top}V${bottom}" class="${Math.abs(m) === 1 ? 's-muted' : m === 0 ? 's-line' : 's-grid'} hair"${Math.abs(m) === 1 && markup` stroke-dasharray="4 4"`}/><text x="${x(m)}" y="${bottom + 16}" class="middle muted">${m > 0 ? `+${m}` : m}</text>`,
  );
  const rows = indicators.map((i, row) => {
    const y = top + row * rowHeight + rowHeight / 2;
    const at = (effect: number) => x(i.margin > 0 ? effect / i.margin : Math.sign(effect) * mostMargins);
    const colour = colours[i.outcome];
    const bar =
      i.interval !== undefined &&
      markup`<path d="M${at(i.interval[0])} ${y}H${at(i.interval[1])}" class="s-${colour}" stroke-width="3" opacity="0.55"/>`;
    const dot = i.effect !== null && markup`<circle cx="${at(i.effect)}" cy="${y}" r="4.5" class="f-${colour}"/>`;
    const figures =
      i.before !== null && i.after !== null && `${figure(i.before)} → ${figure(i.after)} ${relativeChange(i)}`;
    return markup`<g><title>${i.reason}</title><text x="${left - 12}" y="${y + 4}" class="end">${i.probe} ${i.indicator}</text>${bar}${dot}<text x="${width - right + 14}" y="${y + 4}"><tspan class="strong f-${colour}">${i.outcome}</tspan><tspan class="muted" dx="8">${figures}</tspan></text></g>`;
  });
  return [axis, rows];
}

interface Strip {
  readonly name: string;
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly lines: readonly (readonly [before: number, after: number])[];
}

/** One for each series, and for each probe one of its latencies. */
function stripsOf({ before, after, indicators }: ToldComparison): Strip[] {
  const names = new Set([...before.series.keys(), ...after.series.keys()]);
  const probes = new Set([...before.histories, ...after.histories].map((h) => h.probe));
  const linesOf = (name: string, isDrawn: (indicator: string) => boolean) =>
    indicators.flatMap((i): [number, number][] =>
      i.probe === name && i.before !== null && i.after !== null && isDrawn(i.indicator) ? [[i.before, i.after]] : [],
    );
  const latencies = (side: ToldComparison['before'], probe: string) =>
    side.histories.filter((h) => h.probe === probe).flatMap((h) => h.samples.filter((s) => s.ok).map(latencyMs));
  return [
    ...[...names].map((name) => ({
      name,
      before: before.series.get(name)?.values ?? [],
      after: after.series.get(name)?.values ?? [],
      lines: linesOf(name, (quantity) => quantity !== 'spread'),
    })),
    ...[...probes].map((probe) => ({
      name: `${probe}, latency of good answers, ms`,
      before: latencies(before, probe),
      after: latencies(after, probe),
      lines: linesOf(probe, (indicator) => indicator.startsWith('latency')),
    })),
  ];
}

/** The scale leaves out the outermost 0.5 %, which would flatten all others; they are drawn at the edge. */
function strip({ name, before, after, lines }: Strip): Content {
  const all = [...before, ...after].sort((a, b) => a - b);
  const at = (p: number) => all[Math.round(p * (all.length - 1))] ?? 0;
  const y = scaleLinear()
    .domain([at(0.005), at(0.995)])
    .nice(3)
    .range([stripHeight, 0])
    .clamp(true);
  const middle = (left + width - 40) / 2;
  const halves = [
    { values: before, from: left, to: middle - 8, colour: 'baseline' as Colour, side: 0 as const, label: 'before' },
    {
      values: after,
      from: middle + 8,
      to: width - 40,
      colour: 'measurement' as Colour,
      side: 1 as const,
      label: 'after',
    },
  ];
  const drawn = halves.map(({ values, from, to, colour, side, label }) => {
    const every = Math.max(1, Math.ceil(values.length / mostDots));
    const dots = values
      .map((v, i) => ({ v, i }))
      .filter(({ i }) => i % every === 0)
      .map(({ v, i }) => {
        const px = from + ((to - from) * (i + 0.5)) / values.length;
        return `M${px.toFixed(1)} ${y(v).toFixed(1)}h0`;
      })
      .join('');
    const bars = lines.map((l) => markup`<path d="M${from} ${y(l[side])}H${to}" class="s-ink" stroke-width="1.4"/>`);
    return [
      markup`<path d="${dots}" class="s-${colour}" stroke-width="3" stroke-linecap="round" opacity="0.55"/>`,
      bars,
      markup`<text x="${from}" y="-6" class="muted">${label}, ${values.length}</text>`,
    ];
  });
  const ticks = y
    .ticks(3)
    .map(
      (t) =>
        markup`<path d="M${left} ${y(t)}H${width - 40}" class="s-grid hair"/><text x="${left - 8}" y="${y(t) + 4}" class="end muted">${figure(t)}</text>`,
    );
  return [markup`<text x="20" y="-6" class="title">${name}</text>`, ticks, drawn];
}
