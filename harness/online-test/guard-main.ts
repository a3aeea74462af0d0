import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Journal } from '../store/journal.js';
import { sleep } from '../util/deadline.js';
import { asError } from '../util/errors.js';
import { HolderWatch, isAlive, lookMs } from './lease.js';
import { recoverRun } from './recover.js';

/**
 * The guard: a small process that outlives the harness. It ends when the run is closed, and gives the service back when
 * the harness dies or hangs. Arguments: state folder, run id, process id of a guard that was silent.
 */
async function guard(stateFolder: string, runId: string, silent: string): Promise<void> {
  const holder = new HolderWatch();
  for (;;) {
    {
      using journal = new Journal(stateFolder);
      const run = journal.run(runId);
      if (run === undefined || run.closed) return;
      // Another guard that is well makes this one superfluous.
      const other = run.guardPid !== process.pid && String(run.guardPid) !== silent ? run.guardPid : null;
      if (other !== null && isAlive(other)) return;
      journal.guardHeartbeat(runId);
      if (!holder.isHeld(run)) {
        const steps = await recoverRun(stateFolder, run);
        const lines = steps.map(
          (s) => `${new Date().toISOString()} ${s.outcome}: ${s.what}${s.reason ? `: ${s.reason}` : ''}\n`,
        );
        await appendFile(join(run.outFolder, 'guard.log'), lines.join(''), { mode: 0o600 });
        return;
      }
    }
    await sleep(lookMs);
  }
}

const [stateFolder = '', runId = '', silent = ''] = process.argv.slice(2);
guard(stateFolder, runId, silent).catch((e: unknown) => {
  process.stderr.write(`${asError(e).message}\n`);
  process.exitCode = 1;
});
