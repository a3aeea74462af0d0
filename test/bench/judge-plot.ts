import type { Tally } from '../judge/trials.js';

const left = 190;
const width = 620;
const rowHeight = 22;
const top = 60;
/** Rates below this are drawn here: a logarithm has no zero. */
const floor = 0.0001;

const series = [
  { label: 'judge, worst quantity', colour: '#1a7f37', rate: worstOfJudge },
  { label: 'Mann-Whitney at 1 %', colour: '#cf222e', rate: (t: Tally) => t.mannWhitney / t.runs },
  { label: 'fixed threshold', colour: '#bf8700', rate: (t: Tally) => t.fixedThreshold / t.runs },
  { label: 'stationary bootstrap', colour: '#0969da', rate: (t: Tally) => t.bootstrap / Math.max(1, t.bootstrapRuns) },
] as const;

function worstOfJudge(t: Tally): number {
  return Math.max(...Object.values(t.quantities).map((q) => q.worse)) / t.runs;
}

/** False alarms of each method in each family, on a logarithmic scale; what is promised is the line at 1 %. */
export function plot(alarms: readonly Tally[]): string {
  const x = (rate: number) => left + (width * Math.log(Math.max(rate, floor) / floor)) / Math.log(1 / floor);
  const height = top + alarms.length * rowHeight + 40;
  const bottom = height - 34;
  const grid = [0.0001, 0.001, 0.01, 0.1, 1].map((rate) => {
    const stroke = rate === 0.01 ? '#24292f' : '#d0d7de';
    const label = `<text x="${x(rate)}" y="${bottom + 18}" text-anchor="middle">${rate === floor ? '&#8804; ' : ''}${100 * rate} %</text>`;
    return `<line x1="${x(rate)}" y1="${top - 8}" x2="${x(rate)}" y2="${bottom}" stroke="${stroke}"/>${label}`;
  });
  const legend = series.map(({ label, colour }, i) => {
    const at = left + i * 160;
    return `<circle cx="${at}" cy="34" r="5" fill="${colour}"/><text x="${at + 10}" y="38">${label}</text>`;
  });
  const rows = alarms.map((tally, i) => {
    const y = top + i * rowHeight + rowHeight / 2;
    const dots = series.map(
      ({ colour, rate }) =>
        `<circle cx="${x(rate(tally)).toFixed(1)}" cy="${y}" r="5" fill="${colour}" fill-opacity="0.8"/>`,
    );
    return `<text x="${left - 12}" y="${y + 4}" text-anchor="end">${tally.name}</text>${dots.join('')}`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${left + width + 40}" height="${height}" font-family="sans-serif" font-size="12">`,
    '<rect width="100%" height="100%" fill="#ffffff"/>',
    `<text x="${left}" y="18" font-weight="bold">False "worse" when nothing changed</text>`,
    ...legend,
    ...grid,
    ...rows,
    '</svg>',
  ].join('\n');
}
