import { basename } from 'node:path';
import type { JournalEntry } from '../model/journal.js';
import type { RunRecord } from '../model/run-record.js';
import type { Verdicts } from '../model/verdict.js';
import { reasonOf } from '../util/errors.js';
import { packageSuffix } from './evidence.js';

/** What the journal and the packages still say of a run that has told nobody. */
export interface Outcome {
  readonly verdicts: Partial<Verdicts>;
  readonly packages: RunRecord['packages'];
  /** Packages that are not there any more, or not sound. */
  readonly errors: readonly string[];
}

/**
 * Prerequisite: the run had given its service back, and settled its entries. Whether the service had recovered or was
 * degraded is not in the journal; that it had failed is, as it was replaced.
 */
export async function outcomeOf(entries: readonly JournalEntry[]): Promise<Outcome> {
  if (!entries.some((e) => e.action.type === 'switch-over')) return { verdicts: {}, packages: [], errors: [] };
  const { verifyPackage } = await import('../package/index.js');
  const packages: RunRecord['packages'] = [];
  const errors: string[] = [];
  const files = new Set(entries.flatMap(({ action }) => (action.type === 'package' ? [action.file] : [])));
  for (const file of files) {
    try {
      const { sha256, bytes } = await verifyPackage(file);
      packages.push({ file, vnf: basename(file, packageSuffix), sha256, bytes });
    } catch (e) {
      errors.push(reasonOf(e));
    }
  }
  const evidence = packages.length > 0 && errors.length === 0 ? 'exported' : 'incomplete';
  return { verdicts: { service: 'failed', restoration: 'restored', evidence }, packages, errors };
}
