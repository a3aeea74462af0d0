import type { Outage } from '../../harness/model/probe.js';
import type { RunRecord, StageRecord } from '../../harness/model/run-record.js';
import type { IndicatorOutcome } from '../../harness/model/verdict.js';
import { sequenceDiagrams } from '../../harness/snapshot/sequence-diagram.js';
import { type Content, markup } from '../markup.js';
import { lengthWords, outageWords } from '../plots/availability.js';
import {
  bytes,
  capital,
  clock,
  count,
  difference,
  duration,
  faultName,
  indicatorName,
  outcomeWords,
  quantity,
  steps,
  type Tone,
  tolerated,
  verdictTone,
  verdictWords,
} from '../words.js';
import { table, toned } from './page.js';

/** The sections of a run's page, one function each. */

const outcomeTone: Readonly<Record<IndicatorOutcome, Tone>> = {
  'as-before': 'good',
  better: 'good',
  worse: 'bad',
  inconclusive: 'warn',
};

export const indicatorTable = ({ indicators }: RunRecord): Content =>
  table(indicators, [
    { head: 'Probe', of: (i) => i.probe, key: true },
    { head: 'Indicator', of: (i) => capital(indicatorName(i.indicator)), key: true },
    { head: 'Before', of: (i) => quantity(i.before, i.unit), number: true },
    { head: 'After', of: (i) => quantity(i.after, i.unit), number: true },
    {
      head: 'Change, with its interval',
      of: (i) => [
        difference(i.effect, i.unit),
        i.interval &&
          markup`<br><span class="muted">${difference(i.interval[0], i.unit)} to ${difference(i.interval[1], i.unit)}</span>`,
      ],
      number: true,
    },
    { head: 'Tolerated', of: (i) => tolerated(i.margin, i.unit), number: true },
    { head: 'Outcome', of: (i) => toned(outcomeTone[i.outcome], outcomeWords[i.outcome]), key: true },
    {
      head: 'Why',
      of: (i) => [i.reason, i.needMoreMs !== undefined && `. Measure ${duration(i.needMoreMs)} longer to tell.`],
    },
  ]);

/** As many as a person reads; the samples have them all. */
const shown = 200;

/** One line a probe; each outage by itself below, folded away where there are many. */
export function outageTable(record: RunRecord): Content {
  const all = record.outages as readonly Outage[];
  const byProbe = [...new Set(all.map((o) => o.probe))].map((probe) => all.filter((o) => o.probe === probe));
  const each = table(all.slice(0, shown), [
    { head: 'Probe', of: (o) => o.probe, key: true },
    { head: 'Last good', of: (o) => at(record, o.lastGoodMs), key: true },
    { head: 'First failed', of: (o) => at(record, o.firstBadMs), key: true },
    { head: 'Last failed', of: (o) => at(record, o.lastBadMs), key: true },
    { head: 'Good again', of: (o) => (o.firstGoodMs === undefined ? '–' : at(record, o.firstGoodMs)), key: true },
    { head: 'Lasted', of: (o) => lengthWords(o), number: true },
    { head: 'Lost', of: (o) => o.lost, number: true },
  ]);
  if (all.length <= 6) return each;
  return [
    byProbe.map((own) => markup`<p><strong>${own[0]?.probe}</strong>: ${outageWords(own)}</p>`),
    markup`<details><summary>${all.length > shown ? `The first ${shown} of ${all.length} outages` : `Each of the ${all.length} outages`}</summary>${each}</details>`,
  ];
}

/** The run's clock and the wall clock, so that the page can be laid beside the service's own logs. */
const at = ({ startedAt }: RunRecord, ms: number): Content =>
  markup`${(ms / 1000).toFixed(3)} s <span class="muted">${clock(startedAt, ms)}</span>`;

const stateTone: Readonly<Record<StageRecord['state'], Tone>> = { done: 'good', failed: 'bad', skipped: 'neutral' };

export const stageTable = (record: RunRecord): Content =>
  table(record.stages, [
    { head: 'Step', of: (s) => steps[s.name].step, number: true },
    {
      head: 'What is done',
      of: (s) => markup`<strong>${steps[s.name].name}</strong><br><span class="muted">${steps[s.name].does}</span>`,
    },
    { head: 'State', of: (s) => toned(stateTone[s.state], s.state), key: true },
    { head: 'From', of: (s) => at(record, s.fromMs), key: true },
    { head: 'Took', of: (s) => duration(s.toMs - s.fromMs), number: true },
    { head: 'Result', of: (s) => s.note },
  ]);

export const injectionTable = (record: RunRecord): Content =>
  table(record.injections, [
    { head: 'Fault', of: (i) => markup`<strong>${capital(faultName(i).replace(/^the /, ''))}</strong>` },
    { head: 'Asked for', of: (i) => pairs(i.params) },
    {
      head: 'Measured at the target',
      of: (i) => [pairs(i.measured), i.how && markup`<br><span class="muted">${i.how}</span>`],
    },
    {
      head: 'Verdict',
      of: (i) => toned(verdictTone[i.verdict] ?? 'neutral', verdictWords[i.verdict] ?? i.verdict),
      key: true,
    },
    { head: 'Injected', of: (i) => (i.injectedMs === undefined ? '–' : at(record, i.injectedMs)), key: true },
    { head: 'Healed', of: (i) => (i.healedMs === undefined ? 'not recorded' : at(record, i.healedMs)), key: true },
  ]);

export const loadTable = (record: RunRecord): Content =>
  table(record.loads ?? [], [
    { head: 'Load', of: (l) => capital(l.what) },
    { head: 'From', of: (l) => at(record, l.fromMs), key: true },
    { head: 'Lasted', of: (l) => duration(l.toMs - l.fromMs), number: true },
    { head: 'Due', of: (l) => count(l.offered, 'request'), number: true },
    { head: 'Answered well', of: (l) => `${l.good} of ${l.complete}`, number: true },
    { head: 'Median', of: (l) => duration(l.p50Ms), number: true },
    { head: '99th percentile', of: (l) => duration(l.p99Ms), number: true },
  ]);

/** A trace may be long. */
const longestValue = 120;

const pairs = (values: Readonly<Record<string, unknown>>): string =>
  Object.entries(values)
    .map(
      ([key, value]) =>
        `${key} ${typeof value === 'object' ? JSON.stringify(value).slice(0, longestValue) : String(value)}`,
    )
    .join(', ') || '–';

export function snapshotTable({ snapshots }: RunRecord): Content {
  const rows = snapshots.flatMap((s) => s.vnfcs.map((vnfc) => ({ ...s, vnfc })));
  const skews = snapshots.filter((s) => s.skewMs !== undefined);
  return [
    table(rows, [
      { head: 'VNF', of: (r) => r.vnf, key: true },
      { head: 'VNFC', of: (r) => r.vnfc.id, key: true },
      { head: 'For', of: (r) => (r.purpose === 'restore' ? 'restoration (step 3)' : 'root cause analysis (step 8)') },
      { head: 'Kind', of: (r) => r.vnfc.type, key: true },
      { head: 'Stored', of: (r) => bytes(r.vnfc.bytes), number: true },
      { head: 'Paused', of: (r) => duration(r.vnfc.pausedMs), number: true },
      { head: 'Snapshot', of: (r) => markup`<code>${r.id}</code>` },
    ]),
    skews.map(
      (s) =>
        markup`<p class="muted">${s.vnf}, ${s.id}: one consistent cut; ${duration(s.skewMs ?? 0)} between the first and the last freeze.</p>`,
    ),
  ];
}

export const evidence = ({ packages }: RunRecord): Content =>
  packages.map(
    (p) =>
      markup`<p><strong>${p.file}</strong> (${bytes(p.bytes)})<br><span class="muted">SHA-256 <code>${p.sha256}</code></span></p><pre>ordeal package verify ${quoted(p.file)}
ordeal package show ${quoted(p.file)}</pre>`,
  );

/** As a shell takes it. */
const quoted = (file: string): string => (/^[\w@%+=:,./-]+$/.test(file) ? file : `'${file.replaceAll("'", `'\\''`)}'`);

export const planList = ({ plan }: RunRecord): Content => markup`<pre>${plan.join('\n')}</pre>`;

export const traceTable = ({ trace }: RunRecord): Content =>
  markup`<p class="muted">The numbers are those of the figures in the clauses.</p><details><summary>${trace.length} steps</summary>${table(
    trace,
    [
      { head: 'Clause', of: (t) => t.clause, key: true },
      { head: 'Step', of: (t) => t.step, number: true },
      { head: 'From', of: (t) => t.from, key: true },
      { head: 'To', of: (t) => t.to, key: true },
      { head: 'What', of: (t) => [t.what, t.note && markup` <span class="muted">${t.note}</span>`] },
      { head: 'At', of: (t) => duration(t.atMs), number: true },
      {
        head: 'Outcome',
        of: (t) => toned(stateTone[t.outcome], t.outcome),
        key: true,
      },
    ],
  )}</details>`;

/** As Mermaid's source, which any viewer of Mermaid draws: the page itself fetches nothing and runs no script. */
export const diagrams = ({ trace }: RunRecord): Content =>
  sequenceDiagrams(trace).map(
    ({ title, mermaid }) =>
      markup`<details><summary>Sequence of ${title}</summary><pre class="mermaid">${mermaid}</pre></details>`,
  );

export const environmentList = (record: RunRecord): Content =>
  table(
    Object.entries({ run: record.id, front: record.front, 'samples file': record.samplesFile, ...record.environment }),
    [
      { head: 'Name', of: ([name]) => name, key: true },
      { head: 'Value', of: ([, value]) => value },
    ],
  );
