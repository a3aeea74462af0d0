import { closeSync, openSync, statfsSync, writeSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { recover } from '../../harness/online-test/recover.js';
import { runOnlineTest } from '../../harness/online-test/run.js';
import { readService, ServiceSession } from '../../harness/online-test/session.js';
import { until } from '../../harness/util/deadline.js';
import { asError, errnoOf } from '../../harness/util/errors.js';
import { writeLaneService } from './kills/lane-service.js';

/**
 * Everything on one small file system, which becomes full in the middle of a fault and stays so: `full-disk-main.js
 * folder`. Prints what became of it as JSON.
 */
const folder = process.argv[2] ?? '';
const stateFolder = join(folder, 'state');
const leaseMs = 5000;
const service = await readService(await writeLaneService(folder, 'cramped'));
await using session = await ServiceSession.open(service, { stateFolder });
await session.start();
const [vim] = session.vims.values();

/** To the last byte. */
function fill(): void {
  const fd = openSync(join(folder, 'filler'), 'a');
  for (let bytes = 1 << 20; bytes >= 1; ) {
    try {
      writeSync(fd, Buffer.alloc(bytes));
    } catch (e) {
      if (errnoOf(e) !== 'ENOSPC') throw e;
      bytes = Math.floor(bytes / 2);
    }
  }
  closeSync(fd);
}
const freeBytes = (): number => {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
};

const request = {
  ...{ title: 'full', front: 'library' as const, baselineMs: 1500, measureMs: 1500, seed: 1 },
  faults: [{ kind: 'stall', target: { vnfc: 'worker-1' }, durationMs: 20_000 }],
};
let freeWhenFull = -1;
const record = await runOnlineTest(session, request, {
  ...{ outFolder: join(folder, 'out'), leaseMs },
  listeners: [
    {
      ...{ started: () => undefined, note: () => undefined, finished: () => undefined },
      stage: (name, state) => {
        if (name !== 'react' || state !== 'running') return;
        fill();
        freeWhenFull = freeBytes();
      },
    },
  ],
});
const active = await vim?.faults?.active();
const openAfterRun = session.journal.open().map((e) => e.action.type);
const steps: string[] = [];
const closed = async (): Promise<boolean> => {
  for (const s of await recover(stateFolder)) steps.push(`${s.outcome}: ${s.what}${s.reason ? `: ${s.reason}` : ''}`);
  return session.journal.runs({ open: true }).length === 0;
};
await until('the run is closed', closed, { withinMs: 60_000, everyMs: 500 });
const freeAfterwards = freeBytes();
fill();
const again = await runOnlineTest(session, request, { outFolder: join(folder, 'out'), leaseMs }).then(
  ({ exitCode }) => `ran, and ended with ${exitCode}`,
  (e: unknown) => asError(e).message,
);
const runs = session.journal.runs().length;
await rm(join(folder, 'filler'));
process.stdout.write(
  `${JSON.stringify({
    ...{
      exitCode: record.exitCode,
      errors: record.errors,
      healed: record.injections.map((i) => i.healedMs !== undefined),
    },
    ...{ active, openAfterRun, steps, freeWhenFull, freeAfterwards, again, runs },
  })}\n`,
);
