import { ManyErrors } from '../../harness/util/errors.js';
import type { CapabilityTables, Evidence, Proof, ProofFile } from './proofs.js';
import type { Requirements } from './requirements.js';

/**
 * proven: a proof passed and none failed. failed: a proof failed. unsupported: the VIM says no, with the reason.
 * open: nothing passed for it.
 */
export type Result = 'proven' | 'failed' | 'unsupported' | 'open';
export const resultNames = ['proven', 'failed', 'unsupported', 'open'] as const;

export interface Cell {
  readonly result: Result;
  readonly proofs: readonly Proof[];
  /** Why the VIM cannot serve the row. */
  readonly reason?: string;
}

export interface Row {
  readonly id: string;
  readonly text: string;
  readonly result: Result;
  /** By VIM; `ordeal` is what does not depend on one. */
  readonly cells: Readonly<Record<string, Cell>>;
}

export type Totals = Readonly<Record<Result, number>>;

export interface Section {
  readonly id: string;
  readonly title: string;
  readonly source: string;
  readonly rows: readonly Row[];
  readonly totals: Totals;
}

/** How far one VIM has come over the rows that may be asked of any. */
export interface VimSummary {
  readonly vim: string;
  readonly proven: number;
  /** Proven, but only without a VIM or on another one's behalf. */
  readonly provenWithout: number;
  readonly unsupported: readonly string[];
  readonly failed: readonly string[];
  readonly open: readonly string[];
}

export interface Matrix {
  readonly vims: readonly string[];
  readonly summaries: readonly VimSummary[];
  readonly sections: readonly Section[];
  readonly totals: Totals;
  readonly files: readonly ProofFile[];
}

/** What is proven without a VIM, or whichever VIM it runs on. */
export const independent = 'ordeal';

interface Sorted {
  readonly proof: Proof;
  readonly rows: readonly string[];
  readonly vims: readonly string[];
}

/**
 * @throws ManyErrors of kind scenario-invalid when a test or scenario carries the tag of a row or of a VIM that does not
 *   exist: a typing mistake must not look like a missing proof
 */
export function conformanceMatrix(requirements: Requirements, evidence: Evidence): Matrix {
  const sorted = sortedProofs(requirements, evidence.proofs);
  const present = new Set([...sorted.flatMap((s) => s.vims), ...Object.keys(evidence.capabilities)]);
  const order = [independent, ...requirements.vims];
  const vims = [independent, ...[...present].filter((v) => v !== independent)].sort(
    (a, b) => rank(order, a) - rank(order, b),
  );
  const sections = requirements.sections.map(({ id, title, source, rows }) => {
    const filled = Object.entries(rows).map(([row, text]) => {
      const need = requirements.needs[row] ?? row;
      return rowOf(row, text, vims, sorted, (vim) => evidence.capabilities[vim]?.[need]);
    });
    return { id, title, source, rows: filled, totals: totalsOf(filled.map((r) => r.result)) };
  });
  const totals = totalsOf(sections.flatMap((s) => s.rows.map((r) => r.result)));
  const summaries = vims.filter((v) => v !== independent).map((vim) => summaryOf(vim, sections));
  return { vims, summaries, sections, totals, files: evidence.files };
}

/** The systems of annex A are rows of their own, and no VIM is another one. */
const systems = 'systems';

function summaryOf(vim: string, sections: readonly Section[]): VimSummary {
  const rows = sections.filter((s) => s.id !== systems).flatMap((s) => s.rows);
  const isWithout = (row: Row) => row.cells[vim]?.result === 'open' && row.cells[independent]?.result === 'proven';
  const ids = (result: Result) => rows.filter((r) => r.cells[vim]?.result === result && !isWithout(r)).map((r) => r.id);
  return {
    vim,
    proven: ids('proven').length,
    provenWithout: rows.filter(isWithout).length,
    unsupported: ids('unsupported'),
    failed: ids('failed'),
    open: ids('open'),
  };
}

const rank = (order: readonly string[], vim: string): number =>
  order.includes(vim) ? order.indexOf(vim) : order.length;

function rowOf(
  id: string,
  text: string,
  vims: readonly string[],
  sorted: readonly Sorted[],
  capabilityOf: (vim: string) => CapabilityTables[string][string] | undefined,
): Row {
  const cells = Object.fromEntries(
    vims.map((vim): [string, Cell] => {
      const proofs = sorted.filter((s) => s.rows.includes(id) && s.vims.includes(vim)).map((s) => s.proof);
      const capability = capabilityOf(vim);
      if (proofs.some((p) => p.result === 'failed')) return [vim, { result: 'failed', proofs }];
      if (proofs.some((p) => p.result === 'passed')) return [vim, { result: 'proven', proofs }];
      if (capability?.supported === false) return [vim, { result: 'unsupported', proofs, reason: capability.reason }];
      return [vim, { result: 'open', proofs }];
    }),
  );
  return { id, text, result: rowResult(cells), cells };
}

/** Unsupported as a whole only where every VIM says no. */
function rowResult(cells: Readonly<Record<string, Cell>>): Result {
  const results = Object.values(cells).map((c) => c.result);
  if (results.includes('failed')) return 'failed';
  if (results.includes('proven')) return 'proven';
  const ofVims = Object.entries(cells).filter(([vim]) => vim !== independent);
  return ofVims.length > 0 && ofVims.every(([, c]) => c.result === 'unsupported') ? 'unsupported' : 'open';
}

export function totalsOf(results: readonly Result[]): Totals {
  const number = (result: Result) => results.filter((r) => r === result).length;
  return {
    proven: number('proven'),
    failed: number('failed'),
    unsupported: number('unsupported'),
    open: number('open'),
  };
}

/** Every tag is read: rows and VIMs must exist; tags that begin with a small letter are free. */
function sortedProofs(requirements: Requirements, proofs: readonly Proof[]): Sorted[] {
  const ids = requirements.sections.flatMap((s) => Object.keys(s.rows));
  const known = new Set(ids);
  const lower = new Map(ids.map((id) => [id.toLowerCase(), id]));
  const faults: Error[] = [];
  const sorted = proofs.map((proof): Sorted => {
    const tags = [...new Set(proof.tags.map((t) => t.replace(/^@/, '')))];
    const vims = tags.filter((t) => t.startsWith('vim:')).map((t) => t.slice(4));
    const where = `${proof.file}: "${proof.title}"`;
    for (const vim of vims) {
      if (!requirements.vims.includes(vim)) faults.push(new Error(`${where}: @vim:${vim} names no VIM`));
    }
    for (const tag of tags) {
      if (known.has(tag) || tag.startsWith('vim:')) continue;
      const meant = lower.get(tag.toLowerCase()) ?? nearest(tag, ids);
      if (/^[A-Z]/.test(tag) || lower.has(tag.toLowerCase())) {
        faults.push(new Error(`${where}: @${tag} names no row${meant === undefined ? '' : `; is @${meant} meant?`}`));
      }
    }
    return { proof, rows: tags.filter((t) => known.has(t)), vims: vims.length > 0 ? vims : [independent] };
  });
  if (faults.length > 0) {
    throw new ManyErrors(
      'scenario-invalid',
      'Tags name rows or VIMs that do not exist',
      faults,
      'The rows are in reports/conformance/requirements.yaml; correct the tags and run the tests again.',
    );
  }
  return sorted;
}

/** The row with the fewest different letters, when it is near enough to be a typing mistake. */
function nearest(tag: string, ids: readonly string[]): string | undefined {
  const best = ids.map((id) => ({ id, far: distance(tag, id) })).toSorted((a, b) => a.far - b.far)[0];
  return best !== undefined && best.far <= 3 ? best.id : undefined;
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
