import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Journal } from '../store/journal.js';
import { sleep } from '../util/deadline.js';
import { asError } from '../util/errors.js';
import { isAlive, isHeld } from './lease.js';
import { recoverRun } from './recover.js';

/** How often the guard looks, in milliseconds. */
const lookMs = 500;

/**
 * The guard: a small process that outlives the harness. It ends when the run is closed, and gives the service back when
 * the harness dies or hangs. Arguments: state folder, run id.
 */
async function guard(stateFolder: string, runId: string): Promise<void> {
  for (;;) {
    {
      using journal = new Journal(stateFolder);
      const run = journal.run(runId);
      if (run === undefined || run.closed) return;
      // Another guard that is well makes this one superfluous.
      if (run.guardPid !== null && run.guardPid !== process.pid && isAlive(run.guardPid)) return;
      journal.guardHeartbeat(runId);
      if (!isHeld(run)) {
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

const [stateFolder = '', runId = ''] = process.argv.slice(2);
guard(stateFolder, runId).catch((e: unknown) => {
  process.stderr.write(`${asError(e).message}\n`);
  process.exitCode = 1;
});
