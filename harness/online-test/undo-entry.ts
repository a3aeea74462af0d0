import type { JournalEntry } from '../model/journal.js';
import type { Vim } from '../model/vim.js';
import { unlessGone } from './gone.js';
import type { ServiceSession } from './session.js';

/** What recovery does with an entry, as a person reads it. */
export function describeUndo({ action }: JournalEntry): string {
  switch (action.type) {
    case 'fault':
      return `heal ${action.injection.kind} on ${Object.values(action.injection.target).join(' ')}`;
    case 'freeze':
      return `thaw ${action.computeId}`;
    case 'quarantine':
      return `end the quarantine of ${action.computeId}, or keep it as evidence when something stands in for it`;
    case 'restore-as-new':
      return `release the new ${action.resource} if it is not in place`;
    case 'switch-over':
      return `settle the switch-over of ${action.pairs.map((p) => p.resource).join(', ')}`;
    case 'package':
      return `remove what is unfinished of the package ${action.file}`;
    case 'covered':
      return `look whether ${action.area.join(', ')} are as before, and restore them if not`;
  }
}

/**
 * Undoes one act, whatever has become of its target. Idempotent. Entries are undone the latest first, so a switch that
 * did not happen is behind us when its quarantine comes.
 * @returns `evidence` for a failed VNFC that something else stands in for: it is to be captured, not given back
 */
export async function undoEntry(
  session: ServiceSession,
  runId: string,
  { action }: JournalEntry,
): Promise<'undone' | 'evidence'> {
  switch (action.type) {
    case 'fault':
      await session.vims.get(action.injection.vim)?.faults?.heal(action.injection);
      return 'undone';
    case 'freeze':
      await unlessGone(async () => session.vims.get(action.vim)?.pausing?.resume(action.computeId));
      return 'undone';
    case 'quarantine': {
      const vim = session.vims.get(action.vim);
      if (vim === undefined) return 'undone';
      const placed = await unlessGone(() => vim.locate(action.resource));
      if (placed !== undefined && placed !== action.computeId) return 'evidence';
      await unlessGone(async () => vim.replacement?.unquarantine(action.computeId, runId));
      return 'undone';
    }
    case 'restore-as-new':
      await releaseUnused(session.vims.get(action.vim), runId, action.resource);
      return 'undone';
    case 'package': {
      // The package appears whole or not at all; what may lie beside it is the temporary file of the dead writer.
      const { removeUnfinished } = await import('../package/index.js');
      await removeUnfinished(action.file);
      return 'undone';
    }
    case 'switch-over':
    case 'covered':
      // A switch is one act of the VIM, and a cover is looked after by recovery.
      return 'undone';
  }
}

/** The journal may know of a new compute resource before its id was known: what the run owns and nobody uses, goes. */
async function releaseUnused(vim: Vim | undefined, runId: string, resource: string): Promise<void> {
  const placed = await unlessGone(async () => vim?.locate(resource));
  for (const owned of (await vim?.replacement?.ownedBy(runId)) ?? []) {
    if (owned.resource !== resource || owned.quarantined || owned.computeId === placed) continue;
    await vim?.replacement?.release(owned.computeId, runId);
  }
}
