import pc from 'picocolors';
import wrapAnsi from 'wrap-ansi';
import { page, table, toned } from '../html/page.js';
import { type Content, type Markup, markup } from '../markup.js';
import type { Tone } from '../words.js';
import { type Cell, type Matrix, type Result, type Row, resultNames, type Totals, type VimSummary } from './matrix.js';

const source = 'ETSI GR NFV-TST 005 V3.1.1';
const tones: Readonly<Record<Result, Tone>> = { proven: 'good', failed: 'bad', unsupported: 'warn', open: 'neutral' };

const totalsText = (totals: Totals): string =>
  resultNames
    .filter((r) => totals[r] > 0)
    .map((r) => `${totals[r]} ${r}`)
    .join(', ');

const all = (totals: Totals): number => resultNames.reduce((sum, r) => sum + totals[r], 0);

/** More rows than this are a column of the matrix, not a line. */
const mostNamed = 12;

/** `embedded: 127 proven, 6 unsupported, 0 open`; the rows are named where they are few. */
function summaryText({ vim, proven, provenWithout, unsupported, failed, open }: VimSummary): string {
  const named = (word: string, ids: readonly string[]) =>
    `${ids.length} ${word}${ids.length === 0 || ids.length > mostNamed ? '' : ` (${ids.join(', ')})`}`;
  const parts = [
    `${proven} proven`,
    provenWithout > 0 && `${provenWithout} proven without it`,
    named('unsupported', unsupported),
    failed.length > 0 && named('failed', failed),
    named('open', open),
  ];
  return `${vim}: ${parts.filter(Boolean).join(', ')}`;
}

/** What tells the result of a cell: its proofs, or why there are none. */
function proofLines({ result, proofs, reason }: Cell): string[] {
  if (result === 'unsupported') return [reason ?? ''];
  const telling = proofs.filter((p) => (result === 'failed' ? p.result === 'failed' : true));
  return telling.map((p) => {
    const why = p.result === 'passed' ? '' : ` (${p.result}: ${p.reason ?? 'no reason given'})`;
    return `${p.file}: ${p.title}${why}`;
  });
}

const told = (row: Row): [string, Cell][] =>
  Object.entries(row.cells).filter(([, c]) => c.result !== 'open' || c.proofs.length > 0);

export interface TextOptions {
  /** Columns; 120 when not given. */
  readonly width?: number;
  readonly colour?: boolean;
}

/** For the terminal: the rows of each section, below each one its proofs by VIM. */
export function matrixText(matrix: Matrix, { width = 120, colour = false }: TextOptions = {}): string {
  const c = pc.createColors(colour);
  const paint = { proven: c.green, failed: c.red, unsupported: c.dim, open: c.yellow };
  const cut = (text: string, room: number) => (text.length > room ? `${text.slice(0, room - 1)}…` : text);
  const wideRow = Math.max(...matrix.sections.flatMap((s) => s.rows.map((r) => r.id.length)));
  const wideVim = Math.max(...matrix.vims.map((v) => v.length));
  const lines = [`Conformance with ${source}: ${totalsText(matrix.totals)} of ${all(matrix.totals)} rows`];
  for (const summary of matrix.summaries)
    lines.push(
      ...wrapAnsi(summaryText(summary), width - 4)
        .split('\n')
        .map((line, i) => `${i === 0 ? '  ' : '    '}${line}`),
    );
  for (const { file, at, count } of matrix.files)
    lines.push(`  ${file}: ${count} tests${at ? `, ${at.slice(0, 19)}Z` : ''}`);
  for (const section of matrix.sections) {
    lines.push('', c.bold(`${section.title} (${section.source}): ${totalsText(section.totals)}`));
    for (const row of section.rows) {
      lines.push(
        `  ${paint[row.result](row.result.padEnd(11))} ${row.id.padEnd(wideRow)} ${cut(row.text, width - wideRow - 15)}`,
      );
      for (const [vim, cell] of told(row)) {
        const [first = '', ...more] = proofLines(cell);
        const head = `${' '.repeat(14)}${vim.padEnd(wideVim)} ${cell.result.padEnd(11)} `;
        const also = more.length === 0 ? '' : ` (and ${more.length} more)`;
        lines.push(c.dim(`${head}${cut(first, width - head.length - also.length)}${also}`));
      }
    }
  }
  return `${lines.join('\n')}\n`;
}

/** For a README or a merge request: one column a VIM. */
export function matrixMarkdown(matrix: Matrix): string {
  const plain = (text: string) => text.replace(/[\\|<>*_`[\]]/g, '\\$&').replaceAll('\n', ' ');
  const rows = (row: Row) => {
    const proof = told(row).flatMap(([vim, cell]) => proofLines(cell).map((line) => `${vim}: ${plain(line)}`));
    const cells = matrix.vims.map((v) => row.cells[v]?.result ?? 'open');
    return `| ${plain(row.id)} | ${plain(row.text)} | ${cells.join(' | ')} | ${proof.join('<br>')} |`;
  };
  const head = [
    `| Row | What it asks for | ${matrix.vims.join(' | ')} | Proof |`,
    `|---|---|${matrix.vims.map(() => '---').join('|')}|---|`,
  ];
  return [
    `# Conformance with ${source}`,
    '',
    `${totalsText(matrix.totals)} of ${all(matrix.totals)} rows.`,
    '',
    ...matrix.summaries.map((s) => `- ${plain(summaryText(s))}`),
    ...matrix.sections.flatMap((s) => [
      '',
      `## ${s.title} (${s.source})`,
      '',
      totalsText(s.totals),
      '',
      ...head,
      ...s.rows.map(rows),
    ]),
    '',
  ].join('\n');
}

/** For the browser: the sections at a glance, then row by row. */
export function matrixHtml(matrix: Matrix): Markup {
  const number = (totals: Totals, result: Result) => totals[result] || '–';
  const cell = (row: Row, vim: string): Content => {
    const found = row.cells[vim];
    return found && toned(tones[found.result], found.result);
  };
  return page(`Conformance with ${source}`, [
    markup`<header><h1>Conformance with ${source}</h1><p class="lead">${totalsText(matrix.totals)} of ${all(matrix.totals)} rows.</p>${matrix.summaries.map((s) => markup`<p>${summaryText(s)}</p>`)}<p class="by">${matrix.files.map((f) => `${f.file}: ${f.count} tests${f.at ? `, ${f.at}` : ''}`).join(' · ')}</p></header>`,
    table(matrix.sections, [
      { head: 'Section', of: (s) => markup`<a href="#${s.id}">${s.title}</a> <span class="muted">${s.source}</span>` },
      ...resultNames.map((r) => ({
        head: r,
        of: (s: (typeof matrix.sections)[number]) => number(s.totals, r),
        number: true,
      })),
    ]),
    matrix.sections.map(
      (s) =>
        markup`<section id="${s.id}"><h2>${s.title} <span class="muted">${s.source}: ${totalsText(s.totals)}</span></h2>${table(
          s.rows,
          [
            { head: 'Row', of: (r) => markup`<code>${r.id}</code>`, key: true },
            { head: 'What it asks for', of: (r) => r.text },
            ...matrix.vims.map((vim) => ({ head: vim, of: (r: Row) => cell(r, vim), key: true })),
            {
              head: 'Proof',
              of: (r) =>
                told(r).map(([vim, found]) =>
                  proofLines(found).map((line) => markup`<div><span class="muted">${vim}:</span> ${line}</div>`),
                ),
            },
          ],
        )}</section>`,
    ),
  ]);
}
