import { existsSync } from 'node:fs';
import type { JournalEntry, JournalledRun } from '../model/journal.js';
import { Journal } from '../store/journal.js';
import type { OperationRecord } from '../store/operations.js';
import { databaseOf } from '../store/place.js';
import { seemsHeld } from './lease.js';

export interface OpenRun {
  readonly run: JournalledRun;
  /** At a glance: its process is there, and its last sign of life is fresh by the wall clock. */
  readonly alive: boolean;
  readonly open: readonly JournalEntry[];
}

export function status(stateFolder: string): OpenRun[] {
  using journal = new Journal(stateFolder);
  return journal.runs({ open: true }).map((run) => ({ run, alive: seemsHeld(run), open: journal.open(run.id) }));
}

/** What somebody had begun outside of a run, such as `ordeal snapshot create`, and whose process has died. */
export async function abandonedOperations(stateFolder: string): Promise<readonly OperationRecord[]> {
  if (!existsSync(databaseOf(stateFolder))) return [];
  const { openState } = await import('../store/state.js');
  await using state = await openState(stateFolder);
  // Those of an open run are undone with the run, by who holds it.
  const inRuns = new Set(status(stateFolder).map(({ run }) => run.serviceId));
  return state.operations.allAbandoned().filter((o) => !inRuns.has(o.service));
}
