import type { RunRecord } from '../../harness/model/run-record.js';
import { exitMeaning, headlineOf, recoveryOf } from '../headline.js';
import { type Content, type Markup, markup } from '../markup.js';
import type { Plot } from '../plots/index.js';
import { evidenceDetail, injectionDetail, restorationDetail, serviceDetail } from '../summary.js';
import { duration, durationBetween, verdictTone, verdictWords } from '../words.js';
import { page, prose, section } from './page.js';
import {
  diagrams,
  environmentList,
  evidence,
  indicatorTable,
  injectionTable,
  loadTable,
  outageTable,
  planList,
  snapshotTable,
  stageTable,
  traceTable,
} from './run-sections.js';

/** report.html: first what a person on call needs, last what an auditor needs. */
export function runPage(record: RunRecord, plots: readonly Plot[]): Markup {
  const headline = headlineOf(record);
  const overview = plots.find((p) => p.name === 'overview');
  const body = [
    markup`<header><span class="badge ${headline.tone}">${headline.badge}</span><h1>${record.title}</h1><p class="now">${headline.now}</p>${
      headline.todo.length > 0 &&
      markup`<div class="todo"><strong>Do now</strong>${headline.todo.map((line) => markup`<p>${prose(line)}</p>`)}</div>`
    }<p class="lead">${headline.story}</p><p class="by">${about(record)}</p></header>`,
    cards(record),
    section(
      'What went wrong',
      record.errors.map((e) => markup`<pre>${e}</pre>`),
      record.errors.length > 0,
    ),
    section(
      'Time to recover',
      recoveryText(record),
      record.injections.some((i) => i.injectedMs !== undefined),
    ),
    section(
      'Every indicator over time',
      overview && markup`<div class="scroll">${overview.svg}</div>`,
      overview !== undefined,
    ),
    section('Before the fault and at the judgement', indicatorTable(record), record.indicators.length > 0),
    section('Outages', outageTable(record), record.outages.length > 0),
    section('The eight steps (clause 4.1.1.4)', stageTable(record)),
    section('What was injected', injectionTable(record), record.injections.length > 0),
    section('Load', loadTable(record), record.loads !== undefined && record.loads.length > 0),
    section('Snapshots', snapshotTable(record), record.snapshots.length > 0),
    section('Evidence', evidence(record), record.packages.length > 0),
    section('Plan', planList(record), record.plan.length > 0),
    section('Procedure trace', [traceTable(record), diagrams(record)], record.trace.length > 0),
    section('Environment', environmentList(record)),
    markup`<footer>Ordeal: online testing of network services after ETSI GR NFV-TST 005, clause 4.1.1. The figures of this page are in run.json and ${record.samplesFile} beside it.</footer>`,
  ];
  return page(`${headline.badge}: ${record.title}`, body);
}

const about = (record: RunRecord): string =>
  `${record.service} · ${record.startedAt.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')} · ${duration(record.finishedMs)} · ${record.id} · ${exitMeaning(record)}`;

function cards(record: RunRecord): Content {
  const { service, injection, restoration, evidence: kept } = record.verdicts;
  const four: readonly [string, string, string][] = [
    ['The service', service, serviceDetail(record)],
    ['The fault', injection, injectionDetail(record)],
    ['The restoration', restoration, restorationDetail(record)],
    ['The evidence', kept, evidenceDetail(record)],
  ];
  return markup`<div class="cards">${four.map(
    ([name, verdict, detail]) =>
      markup`<div class="card ${verdictTone[verdict]}"><h3>${name}</h3><div class="verdict">${verdictWords[verdict]}</div><p class="muted">${detail}</p></div>`,
  )}</div>`;
}

function recoveryText(record: RunRecord): Content {
  const { backAfterMs, backByRestoration, stillOut } = recoveryOf(record);
  const expected = duration(record.expectedRecoveryMs);
  const rule = markup`<p class="muted">An outage is known as an interval: it ended after the last request that failed was due, and not later than the first good answer that followed it.</p>`;
  if (record.outages.length === 0) {
    return markup`<p>No request failed: the service never stopped. Expected: back within <strong>${expected}</strong>.</p>`;
  }
  if (backAfterMs === undefined || (stillOut.length > 0 && record.timeToRecoverMs === null)) {
    return markup`<p>The service did not come back by itself while it was watched. Expected: within <strong>${expected}</strong>.</p>${rule}`;
  }
  const how = backByRestoration ? ' It came back only with the restoration.' : '';
  const judged = {
    within: 'within',
    beyond: 'beyond',
    'cannot-tell': 'not known against',
    'not-applicable': 'not judged against',
  };
  return markup`<p><strong>${durationBetween(...backAfterMs)}</strong> after the injection, ${judged[record.recovery]} the expected <strong>${expected}</strong>.${how}</p>${rule}`;
}
