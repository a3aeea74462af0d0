import type { JournalledRun } from '../model/journal.js';
import { Journal } from '../store/journal.js';
import { sleep } from '../util/deadline.js';
import { asError, OrdealError, reasonOf } from '../util/errors.js';
import { guardRun } from './guard-watch.js';

/**
 * The guard: a small process that outlives the harness. It ends when the run is closed, and gives the service back when
 * the harness dies or hangs. Arguments: state folder, run id, process id of a guard that was silent.
 */
const [stateFolder = '', runId = '', silentPid = ''] = process.argv.slice(2);
const say = (line: string): void => void process.stderr.write(`${line}\n`);
/** How long it waits for who writes before it tries again, in milliseconds. */
const busyMs = 100;

/** A journal that somebody holds at this moment is there all the same. */
async function openJournal(): Promise<Journal> {
  for (;;) {
    try {
      return new Journal(stateFolder, { busyMs });
    } catch (e) {
      if (!(e instanceof OrdealError) || e.kind !== 'busy') throw e;
      say(reasonOf(e));
      await sleep(busyMs);
    }
  }
}

try {
  using journal = await openJournal();
  // It watches from its first moment; what it recovers with is loaded beside that, long before it is needed.
  const complete = import('./recover.js');
  const recover = async (run: JournalledRun) => (await complete).recoverRun(stateFolder, run);
  await guardRun({ journal, runId, silentPid, recover, pause: sleep, say });
} catch (e) {
  say(asError(e).message);
  process.exitCode = 1;
}
