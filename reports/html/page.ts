import { type Content, type Markup, markup } from '../markup.js';
import type { Tone } from '../words.js';
import { pageStyle } from './style.js';

/** One file, nothing fetched, no script: it can be mailed, archived and opened on a plane. */
export const page = (title: string, body: Content): Markup =>
  markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><meta name="color-scheme" content="light dark"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:"><title>${title}</title><style>${pageStyle}</style></head>
<body>${body}</body></html>
`;

export interface Column<T> {
  readonly head: string;
  readonly of: (row: T) => Content;
  /** A figure: to the right. */
  readonly number?: boolean;
  /** A name: never broken. */
  readonly key?: boolean;
}

export function table<T>(rows: readonly T[], columns: readonly Column<T>[]): Markup {
  const kind = (c: Column<T>) => (c.number ? 'n' : c.key ? 'k' : '');
  return markup`<div class="scroll"><table><thead><tr>${columns.map((c) => markup`<th class="${kind(c)}">${c.head}</th>`)}</tr></thead><tbody>${rows.map(
    (row) => markup`<tr>${columns.map((c) => markup`<td class="${kind(c)}">${c.of(row)}</td>`)}</tr>
`,
  )}</tbody></table></div>`;
}

/** Commands between backticks, as messages have them, become code. */
export const prose = (text: string): Content =>
  text.split('`').map((part, n) => (n % 2 === 1 ? markup`<code>${part}</code>` : part));

export const toned = (tone: Tone, text: string): Markup => markup`<span class="tone ${tone}">${text}</span>`;

/** A section that is left out when there is nothing to tell. */
export const section = (title: string, body: Content, when = true): Content =>
  when && markup`<section><h2>${title}</h2>${body}</section>`;
