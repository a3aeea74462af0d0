import { expect, test } from '@playwright/test';
import fc from 'fast-check';
import { checkFault } from '../../harness/fault/catalogue.js';
import { expand, randomFaults, type TimedFault } from '../../harness/fault/composition.js';

const stall = (more: Partial<TimedFault> = {}): TimedFault => ({ kind: 'stall', target: { vnfc: 'store-1' }, ...more });
const crash: TimedFault = { kind: 'crash', target: { vnfc: 'worker-1' } };
const times = (faults: readonly TimedFault[]) => faults.map((f) => [f.kind, f.afterMs ?? 0, f.durationMs]);

test('plain faults are as they are, in the order of their times', () => {
  expect(expand([stall({ afterMs: 500 }), crash])).toEqual([crash, stall({ afterMs: 500 })]);
});

test('a repetition begins every so often, so many times', () => {
  const repeated = { repeat: [stall({ durationMs: 200, afterMs: 100 })], everyMs: 1000, times: 3 };
  expect(times(expand([repeated]))).toEqual([
    ['stall', 100, 200],
    ['stall', 1100, 200],
    ['stall', 2100, 200],
  ]);
});

test('an event may be repeated without a duration, a condition may not', () => {
  expect(expand([{ repeat: [crash], everyMs: 1000, times: 2 }])).toHaveLength(2);
  expect(() => expand([{ repeat: [stall()], everyMs: 1000, times: 2 }])).toThrow(/"stall" has no duration/);
  expect(() => expand([{ repeat: [stall({ durationMs: 1001 })], everyMs: 1000, times: 2 }])).toThrow(
    /"stall" lasts 1001 ms: expected|expected at most 1000 ms/,
  );
});

test('a ramp goes from one dose to the other in equal steps without a gap', () => {
  const slow = { kind: 'delay', target: { link: 'back' } };
  const steps = expand([{ ramp: slow, parameter: 'delayMs', from: 20, to: 80, steps: 4, stepMs: 500 }]);
  expect(steps.map((s) => [s.afterMs, s.durationMs, s.params])).toEqual([
    [0, 500, { delayMs: 20 }],
    [500, 500, { delayMs: 40 }],
    [1000, 500, { delayMs: 60 }],
    [1500, 500, { delayMs: 80 }],
  ]);
  const narrow = { kind: 'rate', target: { link: 'back' } };
  const falling = expand([{ ramp: narrow, parameter: 'bytesPerSecond', from: 10_000, to: 1000, steps: 3, stepMs: 10 }]);
  expect(falling.map((s) => s.params?.bytesPerSecond)).toEqual([10_000, 5500, 1000]);
});

test('a sequence waits for each heal, and for its pause', () => {
  const parts = [stall({ durationMs: 300 }), { parallel: [crash, stall({ durationMs: 200, afterMs: 100 })] }, stall()];
  expect(times(expand([{ sequence: parts, pauseMs: 50 }]))).toEqual([
    ['stall', 0, 300],
    ['crash', 350, undefined],
    ['stall', 450, 200],
    ['stall', 700, undefined],
  ]);
  expect(() => expand([{ sequence: [stall(), crash] }])).toThrow(/"stall" has no duration, and another fault comes/);
});

test('compositions nest', () => {
  const pair = { sequence: [stall({ durationMs: 100 }), stall({ durationMs: 100 })] };
  expect(times(expand([{ repeat: [pair], everyMs: 1000, times: 2 }])).map(([, at]) => at)).toEqual([
    0, 100, 1000, 1100,
  ]);
});

for (const [what, part, message] of [
  ['no repetition', { repeat: [crash], everyMs: 1000, times: 0 }, /is repeated 0 times/],
  ['half a repetition', { repeat: [crash], everyMs: 1000, times: 1.5 }, /is repeated 1\.5 times/],
  ['a repetition without an interval', { repeat: [crash], everyMs: 0, times: 2 }, /every 0 ms/],
  ['a ramp of one step', { ramp: stall(), parameter: 'x', from: 0, to: 1, steps: 1, stepMs: 1 }, /has 1 steps/],
  ['a ramp to nowhere', { ramp: stall(), parameter: 'x', from: 0, to: Number.NaN, steps: 2, stepMs: 1 }, /no ends/],
  ['a ramp without time', { ramp: stall(), parameter: 'x', from: 0, to: 1, steps: 2, stepMs: 0 }, /lasts 0 ms/],
  ['no random fault', { random: { targets: [{ vnfc: 'a' }], count: 0, overMs: 1 } }, /0 random faults/],
  ['a random fault on nothing', { random: { targets: [], count: 1, overMs: 1 } }, /at least one target/],
  [
    'a random fault of no kind',
    { random: { kinds: ['x'], targets: [{ vnfc: 'a' }], count: 1, overMs: 1 } },
    /no fault "x"/,
  ],
  [
    'a kind for no target',
    { random: { kinds: ['loss'], targets: [{ vnfc: 'a' }], count: 1, overMs: 1 } },
    /can strike any/,
  ],
  [
    'a thousand times a thousand',
    { repeat: [{ repeat: [crash], everyMs: 1, times: 1000 }], everyMs: 1000, times: 2 },
    /comes to 2000 faults/,
  ],
] as const) {
  test(`${what} is refused`, () => {
    expect(() => expand([part as never], { where: 'scenario "x"' })).toThrow(message);
  });
}

const targets = [{ vnfc: 'store-1' }, { vnfc: 'lb' }, { link: 'back' }, { link: 'back', from: 'lb', to: 'store-1' }];

test('random faults are the same for the same seed, and others for another', () => {
  const options = { targets, count: 12, overMs: 20_000 };
  expect(randomFaults({ ...options, seed: 5 })).toEqual(randomFaults({ ...options, seed: 5 }));
  expect(randomFaults({ ...options, seed: 5 })).not.toEqual(randomFaults({ ...options, seed: 6 }));
  expect(expand([{ random: options }], { seed: 5 })).toEqual(
    expand([{ random: { ...options, seed: 5 } }], { seed: 6 }),
  );
});

test('whatever the seed, random faults are valid, end by themselves, and do not overlap on one target', () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 0, max: 30_000 }),
      (seed, count, overMs) => {
        const faults = randomFaults({ seed, targets, count, overMs });
        expect(faults).toHaveLength(count);
        expect(faults[0]?.afterMs).toBe(0);
        const free = new Map<string, number>();
        for (const fault of faults) {
          checkFault(fault, 'property');
          const { target, afterMs = 0, durationMs = 0 } = fault;
          expect(durationMs).toBeGreaterThanOrEqual(500);
          expect(durationMs).toBeLessThanOrEqual(2000);
          expect(afterMs).toBeGreaterThanOrEqual(free.get(JSON.stringify(target)) ?? 0);
          free.set(JSON.stringify(target), afterMs + durationMs);
        }
        expect(JSON.parse(JSON.stringify(faults))).toEqual(faults);
      },
    ),
    { numRuns: 50 },
  );
});

test('over many seeds every kind is drawn that can strike a target', () => {
  const kinds = Array.from({ length: 60 }, (_, seed) => randomFaults({ seed, targets, count: 10, overMs: 1000 }));
  expect(new Set(kinds.flat().map((f) => f.kind)).size).toBe(14);
});
