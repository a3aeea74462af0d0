import type { ScaleLinear } from 'd3-scale';
import type { RunRecord } from '../../harness/model/run-record.js';
import { type Content, type Markup, markup } from '../markup.js';
import { duration, faultName } from '../words.js';
import type { Colour } from './theme.js';

/** A stretch of time with a name: a phase of the test, or a fault from its injection to its heal. */
export interface Span {
  readonly label: string;
  readonly colour: Colour;
  readonly fromMs: number;
  readonly toMs: number;
  /** The heal was not recorded: the bar is left open. */
  readonly open?: boolean;
}

const phaseWords: Readonly<Record<string, readonly [string, Colour]>> = {
  baseline: ['baseline', 'baseline'],
  snapshot: ['snapshot', 'snapshot'],
  reaction: ['service reacts', 'reaction'],
  recovery: ['service reacts', 'reaction'],
  measurement: ['measure again', 'measurement'],
  measure: ['measure again', 'measurement'],
  restoration: ['restoration', 'restoration'],
  after: ['after', 'other'],
};

/** The phases of the test in their order; the faults have lanes of their own. */
export const phaseSpans = ({ phases }: RunRecord): Span[] =>
  phases
    .filter((p) => p.name !== 'fault')
    .map(({ name, fromMs, toMs }) => {
      const [label, colour] = phaseWords[name] ?? [name, 'other'];
      return { label, colour, fromMs, toMs };
    });

export const faultSpans = ({ injections, finishedMs }: RunRecord): Span[] =>
  injections.flatMap((i) => {
    if (i.injectedMs === undefined) return [];
    const label = faultName(i).replace(/^the /, '');
    const toMs = i.healedMs ?? finishedMs;
    return [{ label, colour: 'fault' as const, fromMs: i.injectedMs, toMs, open: i.healedMs === undefined }];
  });

export const laneHeight = 20;
const gap = 4;
const calloutHeight = 15;
/** An estimate that is right within a few percent for the fonts named in the theme. */
export const textWidth = (text: string, size = 11): number =>
  size *
  [...text].reduce((sum, c) => sum + (/[iljtfrI.,:;'()! ]/.test(c) ? 0.34 : /[mwMW%]/.test(c) ? 0.88 : 0.625), 0);

export interface Lanes {
  readonly height: number;
  readonly svg: Markup;
}

/** The phases as one lane, each fault as one more. What is too short for its name is named above, with a leader. */
export function phaseLanes(record: RunRecord, x: ScaleLinear<number, number>): Lanes {
  const phases = phaseSpans(record);
  const faults = faultSpans(record);
  const short = phases.filter((p) => x(p.toMs) - x(p.fromMs) < textWidth(p.label) + 10);
  const callouts = placed(short, x);
  const top = callouts.rows * calloutHeight;
  const lane = (n: number) => top + n * (laneHeight + gap);
  const svg = markup`${callouts.svg(top)}
${phases.map((p) => bar(p, x, lane(0), short.includes(p)))}
${faults.map((f, n) => faultBar(f, x, lane(n + 1)))}`;
  return { height: lane(1 + faults.length) + gap, svg };
}

function bar(span: Span, x: ScaleLinear<number, number>, y: number, bare: boolean): Content {
  const [from, to] = [x(span.fromMs), x(span.toMs)];
  const width = Math.max(2, to - from - 1);
  const name = markup`<title>${span.label}: ${duration(span.toMs - span.fromMs)}</title>`;
  return markup`<g>${name}<rect x="${from}" y="${y}" width="${width}" height="${laneHeight}" rx="3" class="f-${span.colour}" opacity="${bare ? 0.85 : 0.2}"/>${
    !bare && markup`<text x="${from + width / 2}" y="${y + 14}" class="middle">${span.label}</text>`
  }</g>`;
}

function faultBar(span: Span, x: ScaleLinear<number, number>, y: number): Content {
  const [from, to] = [x(span.fromMs), x(span.toMs)];
  const [left, right] = x.range() as [number, number];
  const width = Math.max(2, to - from);
  const length = textWidth(span.label);
  const inside = width > length + 10;
  const after = to + 6 + length < right;
  const at = inside ? from + 6 : after ? to + 6 : Math.max(left + length, from - 6);
  const anchor = inside || after ? '' : 'end';
  const told = `${span.label}: ${span.open ? 'not healed' : `${duration(span.toMs - span.fromMs)} from injection to heal`}`;
  return markup`<g><title>${told}</title><rect x="${from}" y="${y}" width="${width}" height="${laneHeight}" rx="3" class="f-fault" opacity="0.22"/><path d="M${from} ${y}v${laneHeight}" class="s-fault" stroke-width="2"/><text x="${at}" y="${y + 14}" class="${anchor}">${span.label}</text></g>`;
}

/** Names of what is too short, side by side where they fit, in further rows where they do not. */
function placed(spans: readonly Span[], x: ScaleLinear<number, number>) {
  const [left, right] = x.range() as [number, number];
  const ends: number[] = [];
  const labels = spans
    .toSorted((a, b) => a.fromMs - b.fromMs)
    .map((span) => {
      const anchor = (x(span.fromMs) + x(span.toMs)) / 2;
      const width = textWidth(span.label);
      const start = Math.min(Math.max(left, anchor - width / 2), right - width);
      const free = ends.findIndex((end) => end + 8 < start);
      const row = free < 0 ? ends.length : free;
      ends[row] = start + width;
      return { span, anchor, middle: start + width / 2, row };
    });
  const svg = (top: number) =>
    labels.map(({ span, anchor, middle, row }) => {
      const y = top - row * calloutHeight;
      return markup`<path d="M${anchor} ${y - 3}V${top}" class="s-${span.colour} hair"/><text x="${middle}" y="${y - 5}" class="middle">${span.label}</text>`;
    });
  return { rows: ends.length, svg };
}
