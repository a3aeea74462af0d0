import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import type { JournalledRun } from '../../harness/model/journal.js';
import { type GuardOptions, guardRun } from '../../harness/online-test/guard-watch.js';
import type { RecoveryStep } from '../../harness/online-test/recovery-step.js';
import { Journal } from '../../harness/store/journal.js';
import { temporaryFolder } from '../temporary-folder.js';

const leaseMs = 1000;
const lookMs = 50;
/** No process has this id: it is beyond what Linux gives out. */
const gone = 2 ** 22 + 1;

let stateFolder: string;
let journal: Journal;

test.beforeEach(async () => {
  stateFolder = await temporaryFolder('guard-watch');
  journal = new Journal(stateFolder);
});

test.afterEach(async () => {
  journal[Symbol.dispose]();
  await rm(stateFolder, { recursive: true, force: true });
});

interface World {
  /** Called at each pause, with the time on the guard's clock. */
  readonly each?: (nowMs: number) => void;
  /** What becomes of each recovery; default: all done, and closed. */
  readonly recover?: (run: JournalledRun) => readonly Partial<RecoveryStep>[];
  readonly of?: Partial<Journal>;
  readonly silentPid?: string;
  readonly pid?: number;
}

/** A guard over run r1 on a clock that only pauses move. */
async function guard({ each, recover, of = {}, silentPid = '', pid = process.pid }: World) {
  journal.begin({ id: 'r1', serviceFile: '', serviceId: 's', outFolder: stateFolder, pid, startedAt: '', leaseMs });
  const recovered: number[] = [];
  const pauses: number[] = [];
  const said: string[] = [];
  let nowMs = 0;
  const seen = new Proxy(journal, {
    get: (target, key) => {
      const value: unknown = Reflect.get(of, key) ?? Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const options: GuardOptions = {
    ...{ journal: seen, runId: 'r1', silentPid, say: (line) => void said.push(line), nowMs: () => nowMs },
    recover: async (run) => {
      recovered.push(nowMs);
      const steps = recover?.(run) ?? [{}];
      if (recover === undefined) journal.close('r1');
      return steps.map((s) => ({ runId: 'r1', what: 'heal', outcome: 'done', ...s }));
    },
    pause: async (ms) => {
      pauses.push(ms);
      nowMs += ms;
      if (nowMs > 60_000) throw new Error('the guard does not end');
      each?.(nowMs);
    },
  };
  const end = await guardRun(options);
  return { end, recovered, pauses, said, nowMs };
}

const log = () => readFile(join(stateFolder, 'guard.log'), 'utf8');

test('a guard gives signs of life for as long as its run is open, and does nothing else', async () => {
  const { end, recovered, pauses } = await guard({
    each: (nowMs) => {
      journal.heartbeat('r1');
      if (nowMs >= 5000) journal.close('r1');
    },
  });
  expect(end).toBe('the run is closed');
  expect(recovered).toEqual([]);
  expect(new Set(pauses)).toEqual(new Set([lookMs]));
  expect(journal.run('r1')).toMatchObject({ guardPid: process.pid, guardBeats: 100 });
});

test('a run that is not there has no guard', async () => {
  const { end } = await guard({ of: { run: () => undefined } });
  expect(end).toBe('the run is closed');
});

test('a holder that is silent for its lease has its service given back, not before, and once', async () => {
  const { end, recovered } = await guard({});
  expect(end).toBe('given back');
  expect(recovered).toEqual([leaseMs]);
  expect(await log()).toMatch(/^\d{4}-\d\d-\d\dT\S+Z done: heal\n$/);
});

test('a holder that is gone has its service given back at the first look', async () => {
  const { end, recovered } = await guard({ pid: gone });
  expect([end, recovered]).toEqual(['given back', [0]]);
});

test('another guard that is well makes this one superfluous', async () => {
  const { end, recovered } = await guard({ of: withGuard(process.ppid) });
  expect([end, recovered]).toEqual(['another guard is well', []]);
});

test('a guard that is gone, or silent as this one was told, does not', async () => {
  for (const [guardPid, silentPid] of [
    [gone, ''],
    [process.ppid, String(process.ppid)],
    [process.pid, ''],
  ] as const) {
    const { end } = await guard({ of: withGuard(guardPid), silentPid });
    expect(end).toBe('given back');
    journal[Symbol.dispose]();
    await rm(stateFolder, { recursive: true });
    journal = new Journal(stateFolder);
  }
});

/** The journal says that this is the guard, whoever gives a sign of life. */
const withGuard = (guardPid: number): Partial<Journal> => ({
  run: () => {
    const run = journal.run('r1');
    return run && { ...run, guardPid };
  },
});

test('a guard that cannot take the run over goes on watching: its holder was slow, and may die yet', async () => {
  let taken = 0;
  const { end, recovered } = await guard({
    recover: () => {
      if (++taken < 3) return [{ what: 'end process 7' }, { outcome: 'left' }];
      journal.close('r1');
      return [{}];
    },
  });
  expect(end).toBe('given back');
  // Its lease begins anew each time.
  expect(recovered).toEqual([1000, 2100, 3200]);
});

test('what a VIM did not answer is asked for again, with growing pauses, and no more than six times', async () => {
  const { end, recovered } = await guard({ recover: () => [{}, { outcome: 'failed', mayPass: true, reason: 'busy' }] });
  expect(end).toBe('given back');
  expect(recovered.map((ms) => ms - leaseMs)).toEqual([0, 200, 600, 1400, 3000, 6200]);
  expect((await log()).split('\n').filter((l) => l.endsWith('failed: heal: busy'))).toHaveLength(6);
});

test('what has failed for good is left for people, and what succeeds the second time is done', async () => {
  const { recovered } = await guard({ recover: () => [{ outcome: 'failed', reason: 'broken' }] });
  expect(recovered).toEqual([leaseMs]);
  journal.close('r1');
});

test('a VIM that answers at the second attempt is not asked a third time', async () => {
  let asked = 0;
  const { recovered } = await guard({ recover: () => (++asked === 1 ? [{ outcome: 'failed', mayPass: true }] : [{}]) });
  expect(recovered).toHaveLength(2);
});

test('a run that somebody closed between two attempts is left alone', async () => {
  const { recovered } = await guard({
    recover: () => {
      journal.close('r1');
      return [{ outcome: 'failed', mayPass: true }];
    },
  });
  expect(recovered).toHaveLength(1);
});

test('a journal that cannot be written hides no silence of the holder', async () => {
  const { end, recovered, said } = await guard({
    of: {
      guardHeartbeat: () => {
        throw new Error('held by another process');
      },
    },
  });
  expect([end, recovered]).toEqual(['given back', [leaseMs]]);
  expect(said).toHaveLength(leaseMs / lookMs + 1);
  expect(said[0]).toBe('held by another process');
});

test('a journal that cannot be read says what it said before', async () => {
  let looks = 0;
  const { end, recovered, said } = await guard({
    of: {
      run: (id: string) => {
        if (++looks > 3) throw new Error('held by another process');
        return journal.run(id);
      },
    },
  });
  expect([end, recovered]).toEqual(['given back', [leaseMs]]);
  expect(said.length).toBeGreaterThan(10);
});

test('a journal that was never read is waited for', async () => {
  let looks = 0;
  const { end, pauses } = await guard({
    of: {
      run: (id: string) => {
        if (++looks <= 3) throw new Error('held by another process');
        return journal.run(id);
      },
    },
  });
  expect(end).toBe('given back');
  expect(pauses.slice(0, 4)).toEqual([100, 100, 100, lookMs]);
});

test('a wait for who writes is no longer than the pause between two looks', async () => {
  const waits: number[] = [];
  const within = <T>(ms: number, work: () => T): T => {
    waits.push(ms);
    return work();
  };
  await guard({ of: { within } });
  expect(new Set(waits)).toEqual(new Set([lookMs]));
});

test('a recovery that throws does not end the guard', async () => {
  let thrown = 0;
  const { end, recovered, said } = await guard({
    recover: () => {
      if (thrown++ === 0) throw new Error('cosmic ray');
      journal.close('r1');
      return [{}];
    },
  });
  expect([end, recovered, said]).toEqual(['given back', [1000, 2100], ['cosmic ray']]);
});

test('a log that cannot be written holds nothing up', async () => {
  const nowhere = join(stateFolder, 'no', 'such', 'folder');
  const { end, said } = await guard({
    of: {
      run: (id: string) => {
        const run = journal.run(id);
        return run && { ...run, outFolder: nowhere };
      },
    },
  });
  expect(end).toBe('given back');
  expect(said).toEqual([expect.stringMatching(/ENOENT/)]);
});

test('who removes the journal wants nothing of the run any more', async () => {
  const { end, recovered } = await guard({ of: { file: join(stateFolder, 'gone.db') } });
  expect([end, recovered]).toEqual(['the journal was removed', []]);
});
