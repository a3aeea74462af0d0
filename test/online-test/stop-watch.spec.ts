import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import type { Sample } from '../../harness/model/probe.js';
import { commandStopCondition } from '../../harness/model/stop-condition.js';
import { StopWatch } from '../../harness/online-test/stop-conditions.js';
import { sleep, until } from '../../harness/util/deadline.js';
import { temporaryFolder } from '../temporary-folder.js';
import { condition, sample } from './stop-samples.js';

/** A monitor whose samples a test sends, on the test's own clock, which says `atMs` at first. */
function fakeMonitor(atMs = 0) {
  const listeners = new Set<(s: Sample) => void>();
  const fromMs = performance.now() - atMs;
  const nowMs = () => performance.now() - fromMs;
  let failure: Error | undefined;
  return {
    nowMs,
    onSample: (l: (s: Sample) => void) => {
      listeners.add(l);
      return () => listeners.delete(l);
    },
    history: (probe: string) => {
      if (failure !== undefined) throw failure;
      return { probe, rateHz: 20, fromMs: 0, toMs: 0, samples: [] };
    },
    send: (ok: boolean) => {
      for (const l of listeners) l(sample(nowMs(), ok));
    },
    fail: (e: Error) => {
      failure = e;
    },
    listeners,
  };
}

test('the watch tells the first crossing once, and listens no more', async () => {
  const monitor = fakeMonitor();
  const told: unknown[] = [];
  using _ = new StopWatch(
    [condition(), condition({ above: 0.1 })],
    monitor,
    () => 20,
    ({ kind, message }, crossing) => told.push([kind, message, crossing?.figure]),
  );
  for (let i = 0; i < 5; i++) monitor.send(false);
  await sleep(200);
  const message =
    'A stop condition was crossed: errorRatio of probe "p" was 1 over 1000 ms, above 0.5. The fault was healed at once, and the service was given back.';
  expect(told).toEqual([['stopped', message, 1]]);
  expect(monitor.listeners.size).toBe(0);
});

test('the watch says nothing after it has ended', async () => {
  const monitor = fakeMonitor();
  const told: string[] = [];
  const watch = new StopWatch(
    [condition()],
    monitor,
    () => 20,
    (e) => told.push(e.message),
  );
  for (let i = 0; i < 5; i++) monitor.send(false);
  watch[Symbol.dispose]();
  await sleep(150);
  expect(told).toEqual([]);
});

test('a monitor that has failed watches nothing, and that stops the run', async () => {
  const monitor = fakeMonitor();
  const told: unknown[] = [];
  using _ = new StopWatch(
    [condition()],
    monitor,
    () => 20,
    ({ kind, message }, crossing) => told.push([kind, message, crossing]),
  );
  monitor.fail(new Error('the probe thread died'));
  await sleep(150);
  expect(told).toEqual([
    ['stopped', 'The stop conditions can no longer be watched: the probe thread died.', undefined],
  ]);
});

/** Adds a letter to a file each time that it is run, and ends well. */
async function counting() {
  const file = join(await temporaryFolder('stop'), 'runs');
  const runs = () => (existsSync(file) ? readFileSync(file, 'utf8').length : 0);
  return { command: ['sh', '-c', `printf x >> '${file}'`], runs };
}

test('a command that ends well is run again and again, and crosses nothing', async () => {
  const { command, runs } = await counting();
  const told: string[] = [];
  {
    using _ = new StopWatch(
      [commandStopCondition.parse({ kind: 'command', command, everyMs: 20 })],
      fakeMonitor(1_000_000),
      () => 20,
      (e) => told.push(e.message),
    );
    await until('three runs', () => runs() >= 3, { withinMs: 20_000 });
  }
  expect(told).toEqual([]);
  // The one that is under way when the watch ends may still write.
  await sleep(100);
  const atTheEnd = runs();
  await sleep(150);
  expect(runs()).toBe(atTheEnd);
});

test('a command is run no more often than was said', async () => {
  const { command, runs } = await counting();
  using _ = new StopWatch(
    [commandStopCondition.parse({ kind: 'command', command, everyMs: 60_000 })],
    fakeMonitor(),
    () => 20,
    () => undefined,
  );
  await until('the first run', () => runs() >= 1, { withinMs: 20_000 });
  await sleep(300);
  expect(runs()).toBe(1);
});

test('a command is run again and again, and stops the run when it fails', async () => {
  const monitor = fakeMonitor();
  const told: string[] = [];
  const script = `process.exit(process.uptime() > 0 && Date.now() > ${Date.now() + 400} ? 4 : 0)`;
  const command = [process.execPath, '-e', script];
  using _ = new StopWatch(
    [commandStopCondition.parse({ kind: 'command', command, everyMs: 50 })],
    monitor,
    () => 20,
    (e) => told.push(e.message),
  );
  await expect.poll(() => told, { timeout: 10_000 }).toEqual([expect.stringMatching(/ended with 4, expected 0/)]);
});

for (const [what, command, reason] of [
  ['that is not there', ['/no/such/program'], /could not be run: spawn \/no\/such\/program ENOENT/],
  ['that does not end', [process.execPath, '-e', 'setTimeout(() => 0, 60000)'], /did not end within 300 ms/],
] as const) {
  test(`a command ${what} stops the run`, async () => {
    const told: string[] = [];
    const parsed = commandStopCondition.parse({ kind: 'command', command: [...command], timeoutMs: 300 });
    using _ = new StopWatch(
      [parsed],
      fakeMonitor(),
      () => 20,
      (e) => told.push(e.message),
    );
    await expect.poll(() => told, { timeout: 10_000 }).toEqual([expect.stringMatching(reason)]);
  });
}
