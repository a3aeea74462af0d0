import { type ScaleLinear, scaleLinear } from 'd3-scale';
import type { RunRecord } from '../../harness/model/run-record.js';
import { type Content, type Markup, markup } from '../markup.js';
import { duration } from '../words.js';
import type { LegendEntry, Panel } from './panels.js';
import { faultSpans, phaseLanes, phaseSpans, textWidth } from './phase-lanes.js';
import { plotStyle } from './theme.js';

const width = 1120;
const left = 62;
const right = 18;
const titleHeight = 34;
const axisHeight = 44;

/** Panels one above the other on one time axis, under the phases of the test. @param endMs end of the time axis */
export function chart(record: RunRecord, title: string, panels: readonly Panel[], endMs: number): Markup {
  const x = scaleLinear()
    .domain([0, endMs])
    .range([left, width - right]);
  const lanes = phaseLanes(record, x);
  let y = lanes.height;
  const drawn = panels.map((panel) => {
    const top = y + titleHeight;
    y = top + panel.height;
    return markup`<g transform="translate(0 ${top})">${frame(panel, record, x)}</g>`;
  });
  const height = y + axisHeight;
  return markup`<svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${title}"><title>${title}</title><style>${plotStyle}</style><rect width="${width}" height="${height}" class="f-surface"/><g transform="translate(0 6)">${lanes.svg}</g>${drawn}${timeAxis(record, x, y)}</svg>`;
}

function frame(panel: Panel, record: RunRecord, x: ScaleLinear<number, number>): Content {
  const [from, to] = x.range() as [number, number];
  const { height, ticks } = panel;
  return [
    markup`<text x="${from}" y="-10" class="title">${panel.title}${panel.subtitle && markup`<tspan class="sub" dx="10">${panel.subtitle}</tspan>`}</text>`,
    legend(panel.legend, to),
    phaseSpans(record).map(
      (p) =>
        markup`<rect x="${x(p.fromMs)}" y="0" width="${Math.max(1, x(p.toMs) - x(p.fromMs))}" height="${height}" class="f-${p.colour}" opacity="0.07"/>`,
    ),
    ticks.map(
      (t) =>
        markup`<path d="M${from} ${t.y}H${to}" class="s-grid hair"/><text x="${from - 8}" y="${t.y + 4}" class="end muted">${t.label}</text>`,
    ),
    panel.draw(x),
    faultSpans(record).map((f) => [
      markup`<path d="M${x(f.fromMs)} 0V${height}" class="s-fault" stroke-width="1.4"/>`,
      f.open !== true &&
        markup`<path d="M${x(f.toMs)} 0V${height}" class="s-fault" stroke-width="1.2" stroke-dasharray="3 3"/>`,
    ]),
  ];
}

/** From the right end leftwards, on the line of the title. */
function legend(entries: readonly LegendEntry[], right: number): Content {
  let end = right;
  return entries.toReversed().map((entry) => {
    const text = end - textWidth(entry.label);
    const at = text - 19;
    end = at - 14;
    return markup`<g>${swatch(entry, at)}<text x="${text}" y="-10" class="muted">${entry.label}</text></g>`;
  });
}

function swatch({ colour, mark }: LegendEntry, x: number): Content {
  switch (mark) {
    case 'block':
    case 'pale':
      return markup`<rect x="${x}" y="-19" width="14" height="10" rx="2" class="f-${colour}" opacity="${mark === 'pale' ? 0.28 : 0.9}"/>`;
    case 'line':
      return markup`<path d="M${x} -14h14" class="s-${colour}" stroke-width="2"/>`;
    case 'dash':
      return markup`<path d="M${x} -14h14" class="s-${colour}" stroke-width="1.2" stroke-dasharray="5 4"/>`;
    case 'dot':
      return markup`<circle cx="${x + 8}" cy="-14" r="2.2" class="f-${colour}" opacity="0.7"/>`;
    case 'cross':
      return markup`<path d="M${x + 5} -17l6 6m0-6l-6 6" class="s-${colour}" stroke-width="1.5"/>`;
  }
}

function timeAxis({ startedAt }: RunRecord, x: ScaleLinear<number, number>, y: number): Content {
  const [from, to] = x.range() as [number, number];
  const ticks = secondsTicks(x.domain()[1] ?? 0);
  return [
    markup`<path d="M${from} ${y}H${to}" class="s-line hair"/>`,
    ticks.map(
      (t) =>
        markup`<path d="M${x(t)} ${y}v5" class="s-line hair"/><text x="${x(t)}" y="${y + 17}" class="middle muted">${t === 0 ? '0' : duration(t)}</text>`,
    ),
    markup`<text x="${to}" y="${y + 34}" class="end muted">time since the start of the run, ${startedAt.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')}</text>`,
    markup`<path d="M${from} ${y + 35}v-9" class="s-fault" stroke-width="1.6"/><text x="${from + 7}" y="${y + 34}" class="muted">fault injected</text>`,
    markup`<path d="M${from + 100} ${y + 35}v-9" class="s-fault" stroke-width="1.4" stroke-dasharray="3 2"/><text x="${from + 107}" y="${y + 34}" class="muted">healed</text>`,
  ];
}

const steps = [
  100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000,
];

/** Between six and twelve round marks. */
function secondsTicks(endMs: number): number[] {
  const step = steps.find((s) => endMs / s <= 12) ?? 3_600_000 * Math.ceil(endMs / 12 / 3_600_000);
  return Array.from({ length: Math.floor(endMs / step) + 1 }, (_, n) => n * step);
}
