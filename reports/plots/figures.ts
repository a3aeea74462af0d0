import { scaleLinear } from 'd3-scale';
import { line } from 'd3-shape';
import type { Sample } from '../../harness/model/probe.js';
import { markup } from '../markup.js';
import { figure } from '../words.js';
import type { Panel, ProbeData } from './panels.js';

const height = 88;

/** Every series of figures that the probe has read, each by itself. */
export function figurePanels({ probe, samples, indicators }: ProbeData): Panel[] {
  const ids = new Set(samples.flatMap((s) => Object.keys(s.figures ?? {})));
  return [...ids].map((id) => {
    const unit = indicators.find((i) => i.indicator === id)?.unit ?? '';
    return figurePanel(probe, id, unit, samples);
  });
}

interface Point {
  readonly atMs: number;
  readonly value: number;
}

function figurePanel(probe: string, id: string, unit: string, samples: readonly Sample[]): Panel {
  const points = samples.flatMap((s): Point[] => {
    const value = s.figures?.[id];
    return value === undefined ? [] : [{ atMs: s.intendedMs, value }];
  });
  const values = points.map((p) => p.value);
  const [low, high] = [values.reduce((a, b) => Math.min(a, b), 0), values.reduce((a, b) => Math.max(a, b), 0)];
  const y = scaleLinear()
    .domain([low, high === low ? low + 1 : high])
    .nice(3)
    .range([height, 0]);
  return {
    name: `${probe}-${id}`,
    title: `${probe}: ${id}${unit === '' ? '' : `, ${unit}`}`,
    height,
    legend: [{ label: 'as it was read', colour: 'deep', mark: 'line' }],
    ticks: y.ticks(3).map((t) => ({ y: y(t), label: figure(t) })),
    draw: (x) => {
      const d = line<Point>(
        (p) => x(p.atMs),
        (p) => y(p.value),
      )(points);
      return markup`<path d="${(d ?? '').replace(/\d+\.\d+/g, (n) => Number(n).toFixed(1))}" class="line s-deep" fill="none"/>`;
    },
  };
}
