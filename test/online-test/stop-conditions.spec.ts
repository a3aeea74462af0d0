import { expect, test } from '@playwright/test';
import type { Sample } from '../../harness/model/probe.js';
import { commandStopCondition, probeStopCondition, stopCondition } from '../../harness/model/stop-condition.js';
import { CommandWatch, ProbeWatch, StopWatch } from '../../harness/online-test/stop-conditions.js';
import { describeStopCondition } from '../../harness/online-test/stop-plan.js';
import { sleep } from '../../harness/util/deadline.js';

const sample = (atMs: number, ok: boolean, tookMs = 5, probe = 'p'): Sample => ({
  probe,
  intendedMs: atMs - tookMs,
  sentMs: atMs - tookMs,
  doneMs: atMs,
  ok,
  outcome: ok ? '200' : '503',
});
const condition = (change: Record<string, unknown> = {}) =>
  probeStopCondition.parse({ kind: 'probe', probe: 'p', indicator: 'errorRatio', above: 0.5, ...change });

/** One sample every 50 ms. @returns the first crossing */
function feed(watch: ProbeWatch, ok: (atMs: number) => boolean, { tookMs = 5, untilMs = 10_000 } = {}) {
  for (let atMs = 50; atMs <= untilMs; atMs += 50) {
    watch.add(sample(atMs, ok(atMs), tookMs));
    const crossing = watch.look(atMs);
    if (crossing !== undefined) return crossing;
  }
  return undefined;
}

test('a service that answers crosses nothing', () => {
  expect(feed(new ProbeWatch(condition(), 20), () => true)).toBeUndefined();
});

test('an error ratio crosses once it has outgrown its threshold over the window, and says with which figure', () => {
  const crossing = feed(new ProbeWatch(condition(), 20), (atMs) => atMs < 3000);
  expect(crossing?.atMs).toBeGreaterThanOrEqual(3400);
  expect(crossing?.atMs).toBeLessThanOrEqual(3600);
  expect(crossing?.figure).toBeGreaterThan(0.5);
  expect(crossing?.threshold).toBe(0.5);
  expect(crossing?.reason).toMatch(/^errorRatio of probe "p" was 0\.5\d* over 1000 ms, above 0\.5$/);
});

test('a hold time asks that it stays crossed, and a break begins it anew', () => {
  const watch = () => new ProbeWatch(condition({ holdMs: 2000, windowMs: 200 }), 20);
  const steady = feed(watch(), (atMs) => atMs < 1000);
  expect(steady?.atMs).toBeGreaterThanOrEqual(3000);
  expect(steady?.atMs).toBeLessThanOrEqual(3400);
  expect(steady?.reason).toMatch(/, for 2000 ms$/);
  const broken = feed(watch(), (atMs) => atMs < 1000 || (atMs > 2000 && atMs < 2600));
  expect(broken?.atMs).toBeGreaterThanOrEqual(4600);
});

test('two lost requests are not an error ratio of 1', () => {
  const watch = new ProbeWatch(condition({ windowMs: 100 }), 20);
  watch.add(sample(10, false));
  watch.add(sample(60, false));
  expect(watch.look(70)).toBeUndefined();
  watch.add(sample(80, false));
  expect(watch.look(90)?.figure).toBe(1);
});

test('samples of other probes and of before the window do not count', () => {
  const watch = new ProbeWatch(condition(), 20);
  for (let i = 0; i < 10; i++) {
    watch.add(sample(i, false));
    watch.add(sample(2000 + i, true));
    watch.add(sample(2000 + i, false, 5, 'other'));
  }
  expect(watch.look(2010)).toBeUndefined();
});

test('an availability crosses from above, a latency from below', () => {
  const availability = condition({ indicator: 'availability', above: undefined, below: 0.8 });
  expect(feed(new ProbeWatch(availability, 20), (atMs) => atMs < 3000)?.reason).toMatch(
    /^availability .*, below 0\.8$/,
  );
  const latency = condition({ indicator: 'latencyP95', above: 100 });
  expect(feed(new ProbeWatch(latency, 20), () => true, { tookMs: 150 })?.reason).toMatch(
    /^latencyP95 of probe "p" was 150 ms over 1000 ms, above 100 ms$/,
  );
  expect(feed(new ProbeWatch(latency, 20), () => true, { tookMs: 90 })).toBeUndefined();
});

test('a threshold is either above or below', () => {
  expect(stopCondition.safeParse({ kind: 'probe', probe: 'p', indicator: 'errorRatio' }).success).toBe(false);
  expect(stopCondition.safeParse({ ...condition(), below: 1 }).success).toBe(false);
});

test('a command crosses with any other exit code, and when it cannot be run', () => {
  const parsed = commandStopCondition.parse({ kind: 'command', command: ['check', 'it'], holdMs: 500 });
  const watch = new CommandWatch(parsed);
  expect(watch.ended({ exitCode: 1 }, 0)).toBeUndefined();
  expect(watch.ended({ exitCode: 0 }, 300)).toBeUndefined();
  expect(watch.ended({ problem: 'did not end within 5000 ms' }, 400)).toBeUndefined();
  expect(watch.ended({ exitCode: 3 }, 900)).toMatchObject({
    figure: 3,
    threshold: 0,
    atMs: 900,
    reason: 'the command "check it" ended with 3, expected 0',
  });
});

/** A monitor whose samples a test sends, on the test's own clock. */
function fakeMonitor() {
  const listeners = new Set<(s: Sample) => void>();
  const fromMs = performance.now();
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
  const told: string[] = [];
  using _ = new StopWatch(
    [condition(), condition({ above: 0.1 })],
    monitor,
    () => 20,
    (e) => told.push(e.message),
  );
  for (let i = 0; i < 5; i++) monitor.send(false);
  await sleep(200);
  expect(told).toEqual([expect.stringMatching(/^A stop condition was crossed: errorRatio of probe "p" was 1 /)]);
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
  const told: string[] = [];
  using _ = new StopWatch(
    [condition()],
    monitor,
    () => 20,
    (e) => told.push(e.message),
  );
  monitor.fail(new Error('the probe thread died'));
  await sleep(150);
  expect(told).toEqual([expect.stringMatching(/can no longer be watched: the probe thread died/)]);
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

test('a plan says in one line each when it will stop', () => {
  expect(describeStopCondition(condition({ holdMs: 500 }))).toBe(
    'errorRatio of p over 1000 ms is above 0.5, for 500 ms',
  );
  expect(describeStopCondition(commandStopCondition.parse({ kind: 'command', command: ['check', 'it'] }))).toBe(
    '"check it", run every 1000 ms, does not end with 0',
  );
});

const quiet = (tookMs: number) => ({
  probe: 'p',
  rateHz: 20,
  fromMs: 0,
  toMs: 5000,
  samples: Array.from({ length: 100 }, (_, i) => sample(50 * (i + 1), true, tookMs)),
});

test('a condition of the baseline is a multiple of what the same run had before, and says so', () => {
  const asked = condition({ indicator: 'latencyP99', above: 3, of: 'baseline', holdMs: 1000 });
  const watch = (tookMs: number) =>
    feed(new ProbeWatch(asked, 20, { baseline: [quiet(10)] }), () => true, { tookMs, untilMs: 4000 });
  expect(watch(25)).toBeUndefined();
  const crossing = watch(35);
  expect(crossing).toMatchObject({ figure: 35, threshold: 30 });
  expect(crossing?.atMs).toBeGreaterThanOrEqual(1000);
  expect(crossing?.reason).toBe(
    'latencyP99 of probe "p" was 35 ms over 1000 ms, above 30 ms, 3 times the baseline, for 1000 ms',
  );
});

test('a condition of a baseline that has no such figure is refused, and nothing is watched', () => {
  const asked = condition({ indicator: 'latencyP99', above: 3, of: 'baseline' });
  const broken = { ...quiet(10), samples: quiet(10).samples.map((s) => ({ ...s, ok: false })) };
  for (const baseline of [[], [broken]])
    expect(() => new ProbeWatch(asked, 20, { baseline })).toThrow(/baseline has no latencyP99 of the probe "p"/);
});

test('a condition may watch a figure that a probe reads', () => {
  const asked = probeStopCondition.parse({ kind: 'probe', probe: 'p', figure: 'queue', above: 50 });
  const rule = {
    probe: 'p',
    id: 'queue',
    unit: 'jobs',
    direction: 'lower-is-better',
    quantity: 'p50',
    margin: {},
  } as const;
  const watch = new ProbeWatch(asked, 20, { figures: [rule] });
  const read = (atMs: number, queue: number) => {
    watch.add({ ...sample(atMs, true), figures: { queue } });
    return watch.look(atMs);
  };
  expect([100, 200, 300, 400].map((atMs) => read(atMs, 20))).toEqual([undefined, undefined, undefined, undefined]);
  const crossing = [500, 600, 700, 800, 900].map((atMs) => read(atMs, 80)).find((c) => c !== undefined);
  expect(crossing?.reason).toMatch(/^queue of probe "p" was \d+ jobs over 1000 ms, above 50 jobs$/);
  expect(() => new ProbeWatch(asked, 20, {})).toThrow(/names the figure "queue" of the probe "p"/);
});

test('a condition names an indicator or a figure, and no multiple of a ratio that should be nothing', () => {
  const parse = (more: object) => () => stopCondition.parse({ kind: 'probe', probe: 'p', above: 1, ...more });
  expect(parse({})).toThrow(/either indicator or figure/);
  expect(parse({ indicator: 'latencyP50', figure: 'q' })).toThrow(/either indicator or figure/);
  expect(parse({ indicator: 'errorRatio', of: 'baseline' })).toThrow(/errorRatio has no multiples/);
});
