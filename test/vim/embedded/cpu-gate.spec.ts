import { expect, test } from '@playwright/test';
import { Control, monotonicMs } from '../../../harness/vim/embedded/host/control.js';
import { CpuGate } from '../../../harness/vim/embedded/host/cpu-gate.js';

for (const [share, eventMs] of [
  [0.25, 0.5],
  [0.25, 30],
  [0.6, 3],
  [0.05, 1],
] as const) {
  test(`a VNFC that may run ${share} of the time does, in events of ${eventMs} ms`, () => {
    let now = 12_345;
    const wait = (ms: number): void => {
      now += ms;
    };
    const gate = new CpuGate({ cpuShare: share, waitUnlessFrozen: wait }, () => now);
    const begin = now;
    let ran = 0;
    while (now - begin < 60_000) {
      if (gate.isShut(() => undefined)) continue;
      const eventBegins = now;
      wait(eventMs);
      gate.pay(eventBegins);
      ran += eventMs;
    }
    expect(ran / (now - begin)).toBeCloseTo(share, 2);
  });
}

test('a gate that is open, or healed, is in nobody’s way', () => {
  const control = new Control();
  const gate = new CpuGate(control);
  expect(gate.isShut(() => undefined)).toBe(false);
  control.cpuShare = 0.1;
  gate.pay(monotonicMs() - 1000);
  expect(gate.isShut(() => undefined)).toBe(true);
  control.cpuShare = 0;
  expect(gate.isShut(() => undefined)).toBe(false);
});

test('what is to freeze does not wait for the gate', () => {
  const control = new Control();
  control.cpuShare = 0.01;
  control.frozen = true;
  const gate = new CpuGate(control);
  gate.pay(monotonicMs() - 1000);
  const begin = monotonicMs();
  gate.isShut(() => undefined);
  expect(monotonicMs() - begin).toBeLessThan(10);
});
