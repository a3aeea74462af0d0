import type { JournalEntry, JournalledRun } from '../model/journal.js';
import { Journal } from '../store/journal.js';
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
