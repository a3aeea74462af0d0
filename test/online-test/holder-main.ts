import { join } from 'node:path';
import Database from 'libsql';
import { Lease } from '../../harness/online-test/guard.js';
import { Journal } from '../../harness/store/journal.js';
import { injection } from './undo-fakes.js';

/**
 * A process that stands still: who holds a run with a fault on, with its guard or alone; or who guards a run, and hangs in
 * the middle of a write. `holder-main.js <guarded|alone|guard> <writing|idle> <state folder> <service file> <lease, ms>`.
 */
const [as = '', doing = '', stateFolder = '', serviceFile = '', lease = ''] = process.argv.slice(2);
const leaseMs = Number(lease);
const journal = new Journal(stateFolder);
const runId = 'run-held';
if (as === 'guard') journal.guardHeartbeat(runId);
else {
  journal.begin({
    ...{ id: runId, serviceFile, serviceId: 'session-gateway', outFolder: stateFolder, pid: process.pid, leaseMs },
    startedAt: new Date().toISOString(),
  });
  journal.intend(runId, { type: 'fault', injection: { ...injection, runId, vim: 'embedded' } });
}
if (as === 'guarded') await new Lease(journal, runId, { leaseMs }).guarded();
if (doing === 'writing') new Database(join(stateFolder, 'journal.db')).exec('begin immediate');
process.kill(process.pid, 'SIGSTOP');
