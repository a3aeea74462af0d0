import type { RunRecord } from '../../harness/model/run-record.js';
import { asExpected, headlineOf } from '../headline.js';
import { type Content, type Markup, markup } from '../markup.js';
import { count, duration, list, type Tone, verdictTone, verdictWords } from '../words.js';
import { page, table, toned } from './page.js';

export interface LinkedRun {
  readonly record: RunRecord;
  /** Where its report lies, relative to the page; absent when it has none. */
  readonly href?: string;
}

/** index.html: the runs of one `ordeal run`, those that need a look first. */
export function collectionPage(runs: readonly LinkedRun[]): Markup {
  const missed = runs.filter((r) => !asExpected(r.record));
  const tone: Tone = missed.length > 0 ? 'bad' : 'good';
  const badge = runs.length === 0 ? 'NO RUNS' : missed.length > 0 ? 'NOT AS EXPECTED' : 'AS EXPECTED';
  const services = list([...new Set(runs.map((r) => r.record.service))]);
  const title =
    missed.length > 0
      ? `${missed.length} of ${count(runs.length, 'online test')} did not end as expected`
      : `${count(runs.length, 'online test')} ended as expected`;
  const sorted = [...missed, ...runs.filter((r) => asExpected(r.record))];
  return page(`${badge}: ${title}`, [
    markup`<header><span class="badge ${tone}">${badge}</span><h1>${title}</h1><p class="by">${services}</p></header>`,
    table(sorted, [
      { head: 'Test', of: testCell },
      ...(['service', 'injection', 'restoration', 'evidence'] as const).map((verdict) => ({
        head: { service: 'Service', injection: 'Fault', restoration: 'Restoration', evidence: 'Evidence' }[verdict],
        of: ({ record }: LinkedRun) => {
          const value = record.verdicts[verdict];
          return toned(verdictTone[value] ?? 'neutral', verdictWords[value] ?? value);
        },
        key: true,
      })),
      {
        head: 'Scenario',
        of: (r) => (asExpected(r.record) ? toned('good', 'as expected') : toned('bad', `no: ${r.record.exitCode}`)),
        key: true,
      },
      { head: 'Took', of: (r) => duration(r.record.finishedMs), number: true },
    ]),
  ]);
}

function testCell({ record, href }: LinkedRun): Content {
  const { story } = headlineOf(record);
  const name = href === undefined ? record.title : markup`<a href="${href}">${record.title}</a>`;
  return markup`<strong>${name}</strong><br><span class="muted">${story}</span>`;
}
