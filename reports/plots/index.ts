import type { Outage, Sample } from '../../harness/model/probe.js';
import type { RunRecord } from '../../harness/model/run-record.js';
import type { Markup } from '../markup.js';
import { availabilityPanel } from './availability.js';
import { chart } from './chart.js';
import { figurePanels } from './figures.js';
import { latencyPanel, type Panel, probeData, requestsPanel } from './panels.js';

export interface Plot {
  /** A file name without its ending. */
  readonly name: string;
  readonly title: string;
  readonly svg: Markup;
}

/** The time that was watched. */
export const spanOf = (record: RunRecord, samples: readonly Sample[]): { readonly endMs: number } => ({
  endMs: samples.reduce((end, s) => Math.max(end, s.intendedMs), Math.max(0, ...record.phases.map((p) => p.toMs))),
});

/** Every indicator over time: one plot that shows all of them, and each by itself. Empty without samples. */
export function plotsOf(record: RunRecord, samples: readonly Sample[]): Plot[] {
  if (samples.length === 0) return [];
  const endMs = spanOf(record, samples).endMs + 200;
  // In the order of the descriptor, as the indicators are.
  const probes = [...new Set([...record.indicators, ...samples].map((s) => s.probe))].filter((probe) =>
    samples.some((s) => s.probe === probe),
  );
  const panels: Panel[] = probes.flatMap((probe) => {
    const data = probeData(probe, samples, endMs, record.outages as readonly Outage[], record.indicators);
    return [requestsPanel(data), latencyPanel(data), availabilityPanel(data), ...figurePanels(data)];
  });
  const plot = (name: string, title: string, shown: readonly Panel[]): Plot => ({
    name: name.replace(/[^A-Za-z0-9._-]/g, '_'),
    title,
    svg: chart(record, title, shown, endMs),
  });
  return [
    plot('overview', `${record.service}: every indicator over time`, panels),
    ...panels.map((panel) => plot(panel.name, `${record.service}, ${panel.title}`, [panel])),
  ];
}
