import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import type { StageName } from '../../harness/model/run-record.js';
import { runOnlineTest } from '../../harness/online-test/run.js';
import { readService, ServiceSession } from '../../harness/online-test/session.js';
import { temporaryFolder } from '../temporary-folder.js';
import { writeLaneService } from './kills/lane-service.js';

const RealDate = Date;
/** The wall clock of the harness; that of its guard stays what it is. */
function shiftClock(byMs: number): void {
  globalThis.Date = class extends RealDate {
    constructor(...at: [] | [string | number | Date]) {
      if (at.length === 0) super(RealDate.now() + byMs);
      else super(at[0]);
    }
    static override now = (): number => RealDate.now() + byMs;
  } as DateConstructor;
}

test('a wall clock that jumps an hour ahead and a day back in the middle of a fault changes no time and no verdict', async () => {
  test.setTimeout(60_000);
  const stateFolder = await temporaryFolder('clock');
  const jumps: Partial<Record<StageName, number>> = { snapshot: 3_600_000, react: -86_400_000, judge: 7_200_000 };
  try {
    await using session = await ServiceSession.open(await readService(await writeLaneService(stateFolder, 'jumpy')), {
      stateFolder,
    });
    await session.start();
    const record = await runOnlineTest(
      session,
      {
        ...{ title: 'jumpy', front: 'library', baselineMs: 1200, measureMs: 1200, seed: 1 },
        faults: [{ kind: 'stall', target: { vnfc: 'worker-1' }, durationMs: 500 }],
      },
      {
        ...{ outFolder: join(stateFolder, 'out'), leaseMs: 4000 },
        listeners: [
          {
            ...{ started: () => undefined, note: () => undefined, finished: () => undefined },
            stage: (name, state) => {
              const byMs = jumps[name];
              if (state === 'running' && byMs !== undefined) shiftClock(byMs);
            },
          },
        ],
      },
    );
    expect(record.errors).toEqual([]);
    expect([record.exitCode, record.verdicts.injection]).toEqual([0, 'confirmed']);
    const [stall] = record.injections;
    const onMs = (stall?.healedMs ?? 0) - (stall?.injectedMs ?? 0);
    expect(onMs).toBeGreaterThanOrEqual(495);
    expect(onMs).toBeLessThan(3000);
    for (const { fromMs, toMs } of [...record.stages, ...record.phases]) {
      expect(toMs).toBeGreaterThanOrEqual(fromMs);
      expect(toMs).toBeLessThan(60_000);
    }
    // Nobody took it for dead, and nobody took it over.
    expect(session.journal.run(record.id)).toMatchObject({ pid: process.pid, closed: true });
  } finally {
    globalThis.Date = RealDate;
    await rm(stateFolder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }
});
