import { expect, test } from '@playwright/test';
import type { Sample } from '../../harness/model/probe.js';
import { commandStopCondition, probeStopCondition, stopCondition } from '../../harness/model/stop-condition.js';
import { CommandWatch, ProbeWatch } from '../../harness/online-test/stop-conditions.js';
import { describeStopCondition } from '../../harness/online-test/stop-plan.js';
import { condition, sample } from './stop-samples.js';

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

test('a window is of its own probe alone, from its very first millisecond on', () => {
  const watch = new ProbeWatch(condition({ windowMs: 100 }), 20);
  for (let atMs = 1; atMs <= 50; atMs++) watch.add(sample(atMs, false, 5, 'other'));
  for (const atMs of [0, 50, 100]) watch.add(sample(atMs, true));
  expect(watch.look(100)).toBeUndefined();
  const failing = new ProbeWatch(condition({ windowMs: 100 }), 20);
  for (const atMs of [0, 50, 100]) failing.add(sample(atMs, false));
  expect(failing.look(100)?.figure).toBe(1);
});

test('a figure that is just the threshold has not crossed it', () => {
  const half = (change: Record<string, unknown>) => {
    const watch = new ProbeWatch(condition(change), 20);
    // The probe beats every 50 ms: each answer speaks for as long.
    for (let atMs = 50; atMs <= 200; atMs += 50) watch.add(sample(atMs, atMs <= 100, 50));
    return watch.look(200);
  };
  expect(half({ above: 0.5 })).toBeUndefined();
  expect(half({ above: 0.499 })?.figure).toBe(0.5);
  expect(half({ indicator: 'availability', above: undefined, below: 0.5 })).toBeUndefined();
  expect(half({ indicator: 'availability', above: undefined, below: 0.501 })?.figure).toBe(0.5);
});

test('the order in which answers come in changes no figure', () => {
  const availability = condition({ indicator: 'availability', above: undefined, below: 0.99 });
  const samples = Array.from({ length: 16 }, (_, i) => sample(50 * (i + 1), i % 3 !== 0, 40));
  const figure = (order: readonly Sample[]) => {
    const watch = new ProbeWatch(availability, 20);
    for (const s of order) watch.add(s);
    return watch.look(1000)?.figure;
  };
  expect(figure(samples)).toBeGreaterThan(0);
  expect(figure([...samples].reverse())).toBe(figure(samples));
});

test('time in which nothing was seen does not count towards the hold time', () => {
  const availability = condition({ indicator: 'availability', above: undefined, below: 0.8, holdMs: 500 });
  const watch = new ProbeWatch(availability, 20);
  for (let atMs = 0; atMs < 3000; atMs += 50) expect(watch.look(atMs)).toBeUndefined();
  const crossings: number[] = [];
  for (let atMs = 3000; atMs <= 4000; atMs += 50) {
    watch.add(sample(atMs, false));
    if (watch.look(atMs) !== undefined) crossings.push(atMs);
  }
  // The third sample is the first that tells.
  expect(crossings[0]).toBe(3600);
});

test('an availability crosses from above, a latency from below', () => {
  const availability = condition({ indicator: 'availability', above: undefined, below: 0.8 });
  const fallen = feed(new ProbeWatch(availability, 20), (atMs) => atMs < 3000);
  expect(fallen?.reason).toMatch(/^availability .*, below 0\.8$/);
  expect(fallen?.atMs).toBeGreaterThanOrEqual(3100);
  expect(fallen?.figure).toBeLessThan(0.8);
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
  expect(new CommandWatch({ ...parsed, holdMs: 0 }).ended({ problem: 'did not end' }, 0)).toMatchObject({
    figure: -1,
    reason: 'the command "check it" did not end',
  });
  expect(watch.ended({ exitCode: 3 }, 900)).toMatchObject({
    figure: 3,
    threshold: 0,
    atMs: 900,
    reason: 'the command "check it" ended with 3, expected 0',
  });
});

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
  for (const baseline of [[], [broken], [{ ...quiet(10), probe: 'other' }]])
    expect(() => new ProbeWatch(asked, 20, { baseline })).toThrow(
      expect.objectContaining({
        kind: 'inconclusive',
        message:
          'a stop condition of the baseline: The baseline has no latencyP99 of the probe "p". Measure longer, or name an absolute figure. Nothing was injected.',
      }),
    );
  expect(() => new ProbeWatch(asked, 20)).toThrow(/The baseline has no latencyP99/);
});

test('the baseline of a condition is that of its own probe', () => {
  const asked = condition({ indicator: 'latencyP99', above: 3, of: 'baseline' });
  const watch = new ProbeWatch(asked, 20, { baseline: [{ ...quiet(1000), probe: 'other' }, quiet(10)] });
  expect(feed(watch, () => true, { tookMs: 35, untilMs: 4000 })?.threshold).toBe(30);
});

const figureRule = (id: string, unit: string, probe = 'p') =>
  ({ probe, id, unit, direction: 'lower-is-better', quantity: 'p50', margin: {} }) as const;

test('a condition may watch a figure that a probe reads', () => {
  const asked = probeStopCondition.parse({ kind: 'probe', probe: 'p', figure: 'queue', above: 50 });
  const figures = [figureRule('queue', 'people', 'other'), figureRule('depth', 'm'), figureRule('queue', 'jobs')];
  const watch = new ProbeWatch(asked, 20, { figures });
  const read = (atMs: number, queue: number) => {
    watch.add({ ...sample(atMs, true), figures: { queue, depth: 1 } });
    return watch.look(atMs);
  };
  expect([100, 200, 300, 400].map((atMs) => read(atMs, 20))).toEqual([undefined, undefined, undefined, undefined]);
  const crossing = [500, 600, 700, 800, 900].map((atMs) => read(atMs, 80)).find((c) => c !== undefined);
  expect(crossing?.reason).toMatch(/^queue of probe "p" was \d+ jobs over 1000 ms, above 50 jobs$/);
});

test('a figure without a unit is told without one', () => {
  const asked = probeStopCondition.parse({ kind: 'probe', probe: 'p', figure: 'load', above: 2 });
  const watch = new ProbeWatch(asked, 20, { figures: [figureRule('load', '')] });
  for (const atMs of [50, 100, 150]) watch.add({ ...sample(atMs, true), figures: { load: 3 } });
  expect(watch.look(150)?.reason).toBe('load of probe "p" was 3 over 1000 ms, above 2');
});

test('a figure that its probe does not read is refused, with those that it does', () => {
  const asked = probeStopCondition.parse({ kind: 'probe', probe: 'p', figure: 'queue', above: 50 });
  const others = [figureRule('depth', 'm'), figureRule('load', ''), figureRule('queue', 'jobs', 'other')];
  for (const [figures, expected] of [
    [[], 'a probe that reads figures'],
    [others, 'one of depth, load'],
  ] as const)
    expect(() => new ProbeWatch(asked, 20, { figures })).toThrow(
      expect.objectContaining({
        kind: 'unknown-target',
        message: `A stop condition names the figure "queue" of the probe "p": expected ${expected}. Nothing was touched.`,
      }),
    );
  expect(() => new ProbeWatch(asked, 20)).toThrow(/expected a probe that reads figures/);
});

test('a condition names an indicator or a figure, and no multiple of a ratio that should be nothing', () => {
  const parse = (more: object) => () => stopCondition.parse({ kind: 'probe', probe: 'p', above: 1, ...more });
  expect(parse({})).toThrow(/either indicator or figure/);
  expect(parse({ indicator: 'latencyP50', figure: 'q' })).toThrow(/either indicator or figure/);
  expect(parse({ indicator: 'errorRatio', of: 'baseline' })).toThrow(/errorRatio has no multiples/);
});
