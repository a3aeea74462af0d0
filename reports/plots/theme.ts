import { Markup } from '../markup.js';

/**
 * Colours of the plots, and of the page around them, by day and by night. Blue and red stay apart for every common
 * kind of colour blindness; what failed is also told by its shape.
 */
const day = {
  surface: '#ffffff',
  ink: '#1b2128',
  muted: '#5a6572',
  grid: '#e6e9ed',
  line: '#c8ced6',
  ok: '#2f6fde',
  deep: '#12408f',
  fail: '#d1242f',
  good: '#16805a',
  baseline: '#64748b',
  snapshot: '#7c4fd0',
  fault: '#d1242f',
  reaction: '#b7791f',
  measurement: '#2f6fde',
  restoration: '#16805a',
  other: '#64748b',
};
const night: typeof day = {
  surface: '#12161b',
  ink: '#e6ebf1',
  muted: '#98a4b3',
  grid: '#252c35',
  line: '#3a444f',
  ok: '#6aa5ff',
  deep: '#b5d2ff',
  fail: '#ff7a70',
  good: '#45c08f',
  baseline: '#8fa0b5',
  snapshot: '#b79aff',
  fault: '#ff7a70',
  reaction: '#e0aa4f',
  measurement: '#6aa5ff',
  restoration: '#45c08f',
  other: '#8fa0b5',
};
export type Colour = keyof typeof day;

const variables = (colours: typeof day): string =>
  Object.entries(colours)
    .map(([name, value]) => `--${name}:${value}`)
    .join(';');

export const colourVariables = (selector: string): string =>
  `${selector}{${variables(day)}}@media (prefers-color-scheme:dark){${selector}{${variables(night)}}}`;

const paints = (Object.keys(day) as Colour[]).map((c) => `.f-${c}{fill:var(--${c})}.s-${c}{stroke:var(--${c})}`);

/** The classes that the plots use; they carry their own colours so that each file stands alone. */
export const plotStyle = new Markup(
  `${colourVariables('.plot')}.plot text{font:11px ui-sans-serif,system-ui,"Segoe UI",Roboto,"Helvetica Neue",Arial,` +
    `"DejaVu Sans",sans-serif;fill:var(--ink);font-variant-numeric:tabular-nums}.plot .title{font-size:12.5px;` +
    `font-weight:600}.plot .muted,.plot .sub{fill:var(--muted)}.plot .sub{font-size:11px;font-weight:400}.plot .end{text-anchor:end}.plot .middle{text-anchor:middle}` +
    `.plot .strong{font-weight:600}.plot .line{fill:none;stroke-width:1.6;stroke-linejoin:round}.plot .hair{stroke-width:1;` +
    `shape-rendering:crispEdges}.plot .halo{paint-order:stroke;stroke:var(--surface);stroke-width:3px;` +
    `stroke-linejoin:round}${paints.map((p) => p.replaceAll('.f-', '.plot .f-').replaceAll('.s-', '.plot .s-')).join('')}`,
);
