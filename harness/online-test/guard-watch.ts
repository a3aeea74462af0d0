import { existsSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JournalledRun } from '../model/journal.js';
import type { Journal } from '../store/journal.js';
import { reasonOf } from '../util/errors.js';
import { HolderWatch, isAlive } from './lease.js';
import type { RecoveryStep } from './recovery-step.js';

/** So often a VIM that does not answer is asked again; what is still open then is for `ordeal recover`. */
const attempts = 6;

export interface GuardOptions {
  readonly journal: Journal;
  readonly runId: string;
  /** The process id of a guard that was silent, which this one replaces; empty for none. */
  readonly silentPid: string;
  /** Gives back what the run left behind. */
  readonly recover: (run: JournalledRun) => Promise<readonly RecoveryStep[]>;
  readonly pause: (ms: number) => Promise<void>;
  readonly say: (line: string) => void;
  readonly nowMs?: () => number;
}

/** Why a guard ended. */
export type GuardEnd = 'the run is closed' | 'another guard is well' | 'given back' | 'the journal was removed';

/** Watches the holder of a run until the run is closed, and gives the service back when the holder dies or hangs. */
export async function guardRun(options: GuardOptions): Promise<GuardEnd> {
  const { journal, silentPid, pause, say, nowMs } = options;
  let known: JournalledRun | undefined;
  let holder: HolderWatch | undefined;
  // Whoever removes the state folder wants nothing of the run any more.
  while (existsSync(journal.file)) {
    try {
      const run = read(options, known);
      if (run === undefined || run.closed) return 'the run is closed';
      known = run;
      const { guardPid } = run;
      const isOther = guardPid !== null && guardPid !== process.pid && String(guardPid) !== silentPid;
      if (isOther && isAlive(guardPid)) return 'another guard is well';
      holder ??= new HolderWatch(run, nowMs);
      beat(options, holder.times.lookMs);
      if (!holder.isHeld(run)) {
        // A holder that was slow, not dead, may die yet.
        holder = undefined;
        if ((await giveBack(options, run)) === 'given back') return 'given back';
      }
    } catch (e) {
      // A journal that is busy or full for a moment is no reason to leave the run alone.
      say(reasonOf(e));
    }
    await pause(holder?.times.lookMs ?? 100);
  }
  return 'the journal was removed';
}

/** A journal that cannot be read for a moment says what it said before: a holder that goes on is seen later. */
function read({ journal, runId, say }: GuardOptions, known: JournalledRun | undefined): JournalledRun | undefined {
  try {
    return journal.run(runId);
  } catch (e) {
    if (known === undefined) throw e;
    say(reasonOf(e));
    return known;
  }
}

/**
 * A journal that cannot be written hides no holder's death: the wait for who writes is no longer than the pause between two
 * looks, so that the holder's silence counts in full.
 */
function beat({ journal, runId, say }: GuardOptions, lookMs: number): void {
  try {
    journal.within(lookMs, () => journal.guardHeartbeat(runId));
  } catch (e) {
    say(reasonOf(e));
  }
}

/**
 * A VIM that does not answer now may do so later: what could not be undone is tried again, with growing pauses.
 * @returns whether it was given back as far as can be, or its holder has come back to life before
 */
async function giveBack(
  { journal, recover, pause, say }: GuardOptions,
  first: JournalledRun,
): Promise<'given back' | 'held'> {
  let run: JournalledRun | undefined = first;
  for (let attempt = 1; run !== undefined && !run.closed; attempt++) {
    const steps = await recover(run);
    await writeLog(run, steps, say);
    if (steps.some((s) => s.outcome === 'left')) return 'held';
    if (attempt === attempts || !steps.some((s) => s.outcome === 'failed' && s.mayPass === true)) break;
    await pause(run.leaseMs * 0.2 * 2 ** (attempt - 1));
    run = journal.run(run.id);
  }
  return 'given back';
}

async function writeLog(
  { outFolder }: JournalledRun,
  steps: readonly RecoveryStep[],
  say: GuardOptions['say'],
): Promise<void> {
  const at = new Date().toISOString();
  const lines = steps.map((s) => `${at} ${s.outcome}: ${s.what}${s.reason ? `: ${s.reason}` : ''}\n`);
  try {
    await appendFile(join(outFolder, 'guard.log'), lines.join(''), { mode: 0o600 });
  } catch (e) {
    // A disk that is full keeps no log; giving back goes on.
    say(reasonOf(e));
  }
}
