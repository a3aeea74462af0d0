import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@playwright/test';
import type { FaultKind, Injection } from '../../harness/model/fault.js';
import type { History } from '../../harness/model/probe.js';
import { startLoad } from '../../harness/monitor/load.js';
import { type Monitor, startMonitor } from '../../harness/monitor/monitor.js';
import { timeToRecover } from '../../harness/monitor/outage-clock.js';
import { type RunningService, startService } from './gateway-on-vim.js';

/**
 * The session gateway on the real embedded VIM, with the probes of its descriptor. One service for all tests, in this
 * order: the last of them breaks it, and puts it back.
 */
test.describe.configure({ mode: 'serial', timeout: 120_000 });

let running: RunningService;
let monitor: Monitor;

test.beforeAll(async () => {
  running = await startService('session-gateway');
  monitor = await startMonitor({ probes: running.service.descriptor.probes, resolve: running.resolve });
});
test.afterAll(async () => {
  await monitor?.stop();
  await running?.[Symbol.asyncDispose]();
});

const probeIds = ['sessions', 'hits', 'health'] as const;

function injection(kind: FaultKind, target: Injection['target'], params: Record<string, unknown> = {}): Injection {
  const id = `${kind}-${Math.round(monitor.nowMs())}`;
  return { id, runId: 'test', kind, vim: 'embedded', target, params, seed: 1, expiresAfterMs: 60_000 };
}

async function inject(fault: Injection, forMs = 0): Promise<void> {
  const { faults } = running.vim;
  if (faults === undefined) throw new Error('the VIM injects no faults');
  await faults.inject(fault);
  await sleep(forMs);
  await faults.heal(fault);
}

async function observe(forMs: number): Promise<Record<(typeof probeIds)[number], History>> {
  const from = monitor.nowMs();
  await sleep(forMs);
  const to = monitor.nowMs();
  await monitor.settled(to);
  const [sessions, hits, health] = probeIds.map((id) => monitor.history(id, from, to)) as [History, History, History];
  return { sessions, hits, health };
}

const shareWrong = ({ samples }: History): number => samples.filter((s) => !s.ok).length / samples.length;

const shares = (seen: Record<string, History>): string =>
  Object.entries(seen)
    .map(([id, h]) => `${id} ${(100 * shareWrong(h)).toFixed(1)} % of ${h.samples.length}`)
    .join(', ');

/** Three seconds in which not more than one answer in a hundred is wrong, and every session is there. */
async function expectAsBefore(): Promise<void> {
  const seen = await observe(3000);
  for (const id of probeIds) expect(shareWrong(seen[id]), shares(seen)).toBeLessThanOrEqual(0.01);
  expect(await monitor.sweep('sessions')).toMatchObject({ checked: 5000, badCount: 0 });
}

test('serves 5,000 sessions at the rates of its probes without a wrong answer', async () => {
  await expectAsBefore();
});

test('answers 1,000 requests a second', async () => {
  const [request] = running.service.descriptor.probes;
  const profile = { timetable: { kind: 'constant' as const, rateHz: 1000 }, durationMs: 3000 };
  await using load = await startLoad({ profile, request: request!, resolve: running.resolve });
  const { complete, good, latency } = await load.ended;
  test.info().annotations.push({ type: 'load', description: `${good} of ${complete} right, p50 ${latency.p50Ms} ms` });
  expect(complete).toBe(3000);
  expect(good).toBeGreaterThanOrEqual(2970);
});

for (const vnfc of ['store-1', 'worker-1', 'lb', 'store-2']) {
  test(`survives a crash of ${vnfc} within the expected recovery time, with every session`, async () => {
    const at = monitor.nowMs();
    await inject(injection('crash', { vnfc }));
    const seen = await observe(running.service.descriptor.expectedRecoveryMs);
    for (const id of ['sessions', 'hits'] as const) {
      const recovery = timeToRecover(seen[id], at);
      const tookMs = recovery === null ? Number.POSITIVE_INFINITY : recovery.latestMs - at;
      test.info().annotations.push({ type: id, description: `recovered after ${Math.round(tookMs)} ms` });
      expect(tookMs).toBeLessThanOrEqual(running.service.descriptor.expectedRecoveryMs);
    }
    await expectAsBefore();
  });
}

test('survives a delay of 20 ms on the link of the stores', async () => {
  await inject(injection('delay', { link: 'back' }, { delayMs: 20 }), 3000);
  await expectAsBefore();
});

test('after a stall of the primary for 2 s it is wrong for good, until it is put back from a warm snapshot', async () => {
  const { vim, service } = running;
  await expectAsBefore();
  const computes = await Promise.all(service.descriptor.vnfs.flatMap((v) => v.vnfcs).map((v) => vim.locate(v.id)));
  await Promise.all(computes.map((c) => vim.pausing?.pause(c)));
  const captured = await Promise.all(computes.map((c) => vim.snapshots.capture(c, { name: 'before', type: 'warm' })));
  await Promise.all(computes.map((c) => vim.pausing?.resume(c)));
  const snapshots = await Promise.all(captured.map((c) => c.store()));
  await expectAsBefore();

  const status = async () => (await fetch(`${running.resolve('lb.public')}/status`)).json();
  const { stores } = (await status()) as { stores: Record<string, { role: string }> };
  const primary = Object.keys(stores).find((id) => stores[id]?.role === 'primary') ?? 'none';
  await inject(injection('stall', { vnfc: primary }), 2000);
  await sleep(3000);
  for (let n = 0; n < 2; n++) {
    const seen = await observe(5000);
    test.info().annotations.push({ type: 'after the stall', description: shares(seen) });
    expect(shareWrong(seen.sessions), shares(seen)).toBeGreaterThan(0.3);
    expect(shareWrong(seen.hits), shares(seen)).toBeGreaterThan(0.3);
    expect(shareWrong(seen.health), 'an ordinary health check sees nothing').toBeLessThan(0.05);
  }
  expect(await status()).toMatchObject({ stores: { 'store-1': { role: 'primary' }, 'store-2': { role: 'primary' } } });

  await Promise.all(computes.map((c, i) => vim.snapshots.revert(c, snapshots[i]!.id, { state: 'suspended' })));
  await Promise.all(computes.map((c) => vim.pausing?.resume(c)));
  await sleep(500);
  await expectAsBefore();
});
