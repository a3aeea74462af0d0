import { existsSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JournalledRun } from '../model/journal.js';
import { Journal } from '../store/journal.js';
import { sleep } from '../util/deadline.js';
import { asError, reasonOf } from '../util/errors.js';
import { HolderWatch, isAlive } from './lease.js';
import { type RecoveryStep, recoverRun } from './recover.js';

/** So often a VIM that does not answer is asked again; what is still open then is for `ordeal recover`. */
const attempts = 6;

/**
 * The guard: a small process that outlives the harness. It ends when the run is closed, and gives the service back when
 * the harness dies or hangs. Arguments: state folder, run id, process id of a guard that was silent.
 */
async function guard(stateFolder: string, runId: string, silent: string): Promise<void> {
  using journal = new Journal(stateFolder);
  let holder: HolderWatch | undefined;
  // Whoever removes the state folder wants nothing of the run any more.
  while (existsSync(journal.file)) {
    try {
      const run = journal.run(runId);
      if (run === undefined || run.closed) return;
      // Another guard that is well makes this one superfluous.
      const other = run.guardPid !== process.pid && String(run.guardPid) !== silent ? run.guardPid : null;
      if (other !== null && isAlive(other)) return;
      journal.guardHeartbeat(runId);
      holder ??= new HolderWatch(run);
      if (!holder.isHeld(run)) {
        // A holder that was slow, not dead, may die yet.
        holder = undefined;
        if ((await giveBack(journal, run)) === 'given back') return;
      }
    } catch (e) {
      // A journal that is busy or full for a moment is no reason to leave the run alone.
      process.stderr.write(`${reasonOf(e)}\n`);
    }
    await sleep(holder?.times.lookMs ?? 100);
  }
}

/**
 * A VIM that does not answer now may do so later: what could not be undone is tried again, with growing pauses.
 * @returns whether it was given back as far as can be, or its holder has come back to life before
 */
async function giveBack(journal: Journal, first: JournalledRun): Promise<'given back' | 'held'> {
  let run: JournalledRun | undefined = first;
  for (let attempt = 1; run !== undefined && !run.closed; attempt++) {
    const steps = await recoverRun(journal.stateFolder, run);
    await writeLog(run, steps);
    if (steps.some((s) => s.outcome === 'left')) return 'held';
    if (attempt === attempts || !steps.some((s) => s.outcome === 'failed' && s.mayPass === true)) break;
    await sleep(run.leaseMs * 0.2 * 2 ** (attempt - 1));
    run = journal.run(run.id);
  }
  return 'given back';
}

async function writeLog({ outFolder }: JournalledRun, steps: readonly RecoveryStep[]): Promise<void> {
  const at = new Date().toISOString();
  const lines = steps.map((s) => `${at} ${s.outcome}: ${s.what}${s.reason ? `: ${s.reason}` : ''}\n`);
  try {
    await appendFile(join(outFolder, 'guard.log'), lines.join(''), { mode: 0o600 });
  } catch (e) {
    // A disk that is full keeps no log; giving back goes on.
    process.stderr.write(`${reasonOf(e)}\n`);
  }
}

const [stateFolder = '', runId = '', silent = ''] = process.argv.slice(2);
guard(stateFolder, runId, silent).catch((e: unknown) => {
  process.stderr.write(`${asError(e).message}\n`);
  process.exitCode = 1;
});
