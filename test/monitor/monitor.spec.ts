import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect, test } from '@playwright/test';
import { probe } from '../../harness/model/network-service.js';
import { latencyMs, type Sample } from '../../harness/model/probe.js';
import { startMonitor } from '../../harness/monitor/monitor.js';
import { sleep, until } from '../../harness/util/deadline.js';
import { OrdealError } from '../../harness/util/errors.js';
import { httpProbe, resolveTo, TestServer } from './test-server.js';

/** Holds up this thread, and with it the server, as a long collection of garbage would. */
const stallMs = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

/** What timers of a thread that does nothing else are late by, on this machine and now: the measure for the probe thread. */
async function plainTimerLateness(forMs: number): Promise<{ p50Ms: number; p99Ms: number }> {
  const timing = `const { parentPort } = require('node:worker_threads');
    const start = performance.now(), late = [];
    const tick = () => {
      const due = start + late.length * 5, now = performance.now();
      if (now >= due) late.push(now - due);
      if (late.length * 5 < ${forMs}) setTimeout(tick, 5 - (now - start) % 5);
      else parentPort.postMessage(late.sort((a, b) => a - b));
    };
    tick();`;
  const late = await new Promise<number[]>((resolve) => new Worker(timing, { eval: true }).once('message', resolve));
  return { p50Ms: late[late.length >> 1] as number, p99Ms: late[Math.floor(late.length * 0.99)] as number };
}

test('a stall of the service is not hidden: requests go on, and their latencies are the rest of the stall', async () => {
  await using server = await TestServer.start();
  const probes = [httpProbe('web', { rateHz: 100 })];
  await using monitor = await startMonitor({ probes, resolve: resolveTo(server) });
  await sleep(300);
  const from = monitor.nowMs();
  stallMs(300);
  const to = monitor.nowMs();
  await monitor.settled(to);

  const { samples } = monitor.history('web', from, to);
  expect(samples.length).toBeGreaterThanOrEqual(29);
  expect(samples.every((s) => s.ok)).toBe(true);
  expect(samples.filter((s) => s.sentMs < to - 5).length).toBeGreaterThan(10);
  const [first] = samples as [Sample];
  expect(latencyMs(first)).toBeGreaterThan(270);
  const restOfStall = (s: Sample) => to - s.intendedMs;
  expect(samples.filter((s) => latencyMs(s) < restOfStall(s) - 5)).toEqual([]);
});

test('samples are as many as the rate says, on an absolute timetable', async () => {
  await using server = await TestServer.start();
  const probes = [httpProbe('fast', { rateHz: 200 }), httpProbe('slow', { rateHz: 30 })];
  const originMs = performance.now() - 5000;
  await using monitor = await startMonitor({ probes, resolve: resolveTo(server), originMs });
  expect(monitor.nowMs()).toBeGreaterThan(5000);
  await sleep(200);
  const from = monitor.nowMs();
  const plain = await plainTimerLateness(2000);
  await monitor.settled(from + 2000);

  const { samples } = monitor.history('fast', from, from + 2000);
  expect(samples.length).toBe(400);
  const [first] = samples as [Sample];
  for (const [i, s] of samples.entries()) expect(s.intendedMs).toBeCloseTo(first.intendedMs + i * 5, 3);
  expect(monitor.history('slow', from, from + 2000).samples.length).toBe(60);
  const { probes: costs, cpuMs } = monitor.cost();
  expect(cpuMs).toBeGreaterThan(1);
  const fast = costs.find((c) => c.probe === 'fast')!;
  expect(fast.samples).toBeGreaterThan(400);
  test.info().annotations.push({
    type: 'lateness p50, p99 ms',
    description: `${fast.lateness.p50Ms}, ${fast.lateness.p99Ms}`,
  });
  // The tail is the machine's: it is for the bench, not for a test.
  expect(fast.lateness.p50Ms).toBeLessThan(3 * plain.p50Ms + 5);
  expect(fast.lateness.maxMs).toBeGreaterThanOrEqual(fast.lateness.p99Ms);
});

test('the clock of the probe thread is that of the run', async () => {
  await using server = await TestServer.start();
  const handled: number[] = [];
  await using monitor = await startMonitor({
    probes: [httpProbe('web', { rateHz: 50, keys: { to: 1000 } })],
    resolve: resolveTo(server),
  });
  server.answer = (_, response) => {
    handled.push(monitor.nowMs());
    response.end();
  };
  await sleep(100);
  const from = monitor.nowMs();
  handled.length = 0;
  await sleep(500);
  await monitor.settled(from + 400);
  const { samples } = monitor.history('web', from, from + 400);
  expect(samples.length).toBe(20);
  for (const s of samples) expect(handled.some((at) => at >= s.sentMs - 0.5 && at <= s.doneMs + 0.5)).toBe(true);
});

test('an answer counts as good only with the expected status and body, the key filled in', async () => {
  await using server = await TestServer.start();
  server.answer = ({ url }, response) => {
    const key = url?.split('/').at(-1);
    if (key === 's-3') response.statusCode = 503;
    response.end(key === 's-2' ? 'state of s-1' : `state of ${key}`);
  };
  const keys = { prefix: 's-', to: 4 };
  const expectation = { body: 'state of {key}' };
  await using monitor = await startMonitor({
    probes: [
      httpProbe('body', { rateHz: 40, keys, expect: expectation }),
      httpProbe('exact', { rateHz: 40, keys, expect: { body: 'state', exact: true } }),
      httpProbe('status', { rateHz: 40, keys, expect: { status: [200, 503] } }),
    ],
    resolve: resolveTo(server),
  });
  await monitor.settled(monitor.nowMs() + 400);
  const seen = (id: string) => new Set(monitor.history(id, 0, 1e9).samples.map((s) => `${s.ok} ${s.outcome}`));
  expect(seen('body')).toEqual(new Set(['true 200', 'false 200 other body', 'false 503']));
  expect(seen('exact')).toEqual(new Set(['false 200 other body', 'false 503']));
  expect(seen('status')).toEqual(new Set(['true 200', 'true 503']));
});

test('a request without an answer times out, and its thread goes on', async () => {
  await using server = await TestServer.start();
  server.answer = ({ url }, response) => {
    if (url?.endsWith('/1') !== true) response.end();
  };
  const probes = [httpProbe('web', { rateHz: 50, timeoutMs: 150, keys: { to: 2 } })];
  await using monitor = await startMonitor({ probes, resolve: resolveTo(server) });
  await monitor.settled(monitor.nowMs() + 500);
  const { samples } = monitor.history('web', 0, 1e9);
  const timedOut = samples.filter((s) => !s.ok);
  expect(timedOut.length).toBeGreaterThan(8);
  for (const s of timedOut) {
    expect(s.outcome).toBe('timeout');
    expect(s.doneMs - s.sentMs).toBeGreaterThanOrEqual(150);
    expect(s.doneMs - s.sentMs).toBeLessThan(2000);
  }
  expect(samples.filter((s) => s.ok).length).toBeGreaterThan(8);
});

test('a crashed service is refused within one period and good again when it listens again', async () => {
  await using server = await TestServer.start();
  const probes = [
    httpProbe('web', { rateHz: 100 }),
    probe.parse({ id: 'port', kind: 'tcp', port: server.port, rateHz: 100 }),
  ];
  await using monitor = await startMonitor({ probes, resolve: resolveTo(server) });
  await sleep(200);
  const crashed = monitor.nowMs();
  server.crash();
  await sleep(300);
  const up = monitor.nowMs();
  await server.listen();
  await monitor.settled(up + 400);
  for (const id of ['web', 'port']) {
    const all = monitor.history(id, 0, 1e9).samples;
    const down = all.filter((s) => s.sentMs > crashed + 10 && s.doneMs < up);
    expect(down.length).toBeGreaterThan(10);
    expect(down.filter((s) => s.ok)).toEqual([]);
    expect(new Set(down.map((s) => s.outcome))).toEqual(new Set(['ECONNREFUSED']));
    const again = all.filter((s) => s.sentMs > up + 100);
    expect(again.length).toBeGreaterThan(10);
    expect(again.filter((s) => !s.ok)).toEqual([]);
  }
});

test('a command is judged by its exit code, and killed with its children when it takes too long', async () => {
  const command = (id: string, script: string, more = {}) =>
    probe.parse({
      id,
      kind: 'command',
      command: [process.execPath, '-e', script],
      rateHz: 4,
      timeoutMs: 2000,
      ...more,
    });
  await using monitor = await startMonitor({
    probes: [
      command('good', ''),
      command('seven', 'process.exit(7)'),
      command('expected', 'process.exit(7)', { expectExitCode: 7 }),
      command('endless', 'setInterval(() => {}, 1000)', { timeoutMs: 300 }),
      probe.parse({ id: 'missing', kind: 'command', command: ['/no/such/command'], rateHz: 4 }),
    ],
    resolve: () => '',
  });
  await monitor.settled(monitor.nowMs() + 500);
  const seen = (id: string) => new Set(monitor.history(id, 0, 1e9).samples.map((s) => `${s.ok} ${s.outcome}`));
  expect(seen('good')).toEqual(new Set(['true exit 0']));
  expect(seen('seven')).toEqual(new Set(['false exit 7']));
  expect(seen('expected')).toEqual(new Set(['true exit 7']));
  expect(seen('endless')).toEqual(new Set(['false timeout']));
  expect(seen('missing')).toEqual(new Set(['false ENOENT']));
});

test('probes follow a connection point to its new address', async () => {
  await using old = await TestServer.start();
  await using next = await TestServer.start();
  let current = old;
  const probes = [httpProbe('web', { rateHz: 50 })];
  await using monitor = await startMonitor({ probes, resolve: () => current.base });
  await sleep(200);
  current = next;
  await until('the move', () => next.urls.length > 0, { withinMs: 5000 });
  await sleep(50);
  const asked = old.urls.length;
  await monitor.settled(monitor.nowMs() + 400);
  expect(old.urls.length).toBe(asked);
  expect(next.urls.length).toBeGreaterThan(10);
  expect(monitor.history('web', 0, 1e9).samples.filter((s) => !s.ok)).toEqual([]);
});

test('samples reach listeners and the samples file as they come', async () => {
  await using server = await TestServer.start();
  const samplesFile = test.info().outputPath('run', 'samples.jsonl');
  const monitor = await startMonitor({ probes: [httpProbe('web')], resolve: resolveTo(server), samplesFile });
  const heard: Sample[] = [];
  const delays: number[] = [];
  const stopListening = monitor.onSample((s) => {
    heard.push(s);
    delays.push(monitor.nowMs() - s.doneMs);
  });
  await monitor.settled(monitor.nowMs() + 500);
  stopListening();
  await monitor.stop();
  await monitor.stop();

  expect(heard.length).toBeGreaterThanOrEqual(10);
  expect(Math.min(...delays)).toBeLessThan(50);
  const lines = (await readFile(samplesFile, 'utf8')).trimEnd().split('\n');
  expect(lines.length).toBe(monitor.history('web', 0, 1e9).samples.length);
  const [probeId, intended, sent, done, ok, outcome] = JSON.parse(lines[0] as string);
  expect([probeId, ok, outcome]).toEqual(['web', true, '200']);
  expect(intended).toBeLessThanOrEqual(sent);
  expect(sent).toBeLessThan(done);
});

test('the death of a probe thread is told by the next call', async () => {
  await using server = await TestServer.start();
  const workers: Worker[] = [];
  const onWorker = (worker: Worker) => workers.push(worker);
  process.on('worker', onWorker);
  const monitor = await startMonitor({ probes: [httpProbe('web')], resolve: resolveTo(server) });
  process.off('worker', onWorker);
  const waiting = monitor.settled(monitor.nowMs() + 60_000);
  await workers[0]!.terminate();
  await expect(waiting).rejects.toThrow(/The probe thread died/);
  expect(() => monitor.history('web', 0, 1)).toThrow(OrdealError);
  expect(() => monitor.cost()).toThrow(/no longer watched/);
  await expect(monitor.sweep('web')).rejects.toThrow(/died/);
  await monitor.stop();
});

test('the death of a probe thread is told by stop when nobody asked before', async () => {
  await using server = await TestServer.start();
  const workers: Worker[] = [];
  const onWorker = (worker: Worker) => workers.push(worker);
  process.on('worker', onWorker);
  const monitor = await startMonitor({ probes: [httpProbe('web')], resolve: resolveTo(server) });
  process.off('worker', onWorker);
  await workers[0]!.terminate();
  await expect(monitor.stop()).rejects.toThrow(/The probe thread died/);
});

test('waiting for samples ends when the monitor is stopped', async () => {
  await using server = await TestServer.start();
  const abort = new AbortController();
  const monitor = await startMonitor({ probes: [httpProbe('web')], resolve: resolveTo(server) }, abort.signal);
  const waiting = monitor.settled(monitor.nowMs() + 60_000);
  abort.abort();
  await expect(waiting).rejects.toThrow(/stopped before every sample/);
  await monitor.stop();
  await expect(monitor.settled(monitor.nowMs() + 60_000)).rejects.toThrow(/stopped before/);
});

test('what cannot be probed is refused before anything is sent', async () => {
  await using server = await TestServer.start();
  const start = (...probes: ReturnType<typeof httpProbe>[]) => startMonitor({ probes, resolve: resolveTo(server) });
  await expect(start(httpProbe('a'), httpProbe('a'))).rejects.toThrow('Two probes have the id "a"');
  await expect(start(httpProbe('a', { connectionPoint: undefined }))).rejects.toThrow(/no connection point is named/);
  await expect(start(httpProbe('a', { url: 'ftp://x/' }))).rejects.toThrow(/cannot be used: expected http/);
  await expect(start(httpProbe('a', { url: 'http://{key}/' }))).rejects.toThrow(/cannot be used/);
  await using monitor = await start(httpProbe('a', { rateHz: 1 }));
  expect(() => monitor.history('b', 0, 1)).toThrow('There is no probe "b": expected one of a.');
});

test('a samples file that cannot be written is told, and the monitor stops without it', async () => {
  await using server = await TestServer.start();
  const start = (samplesFile: string) =>
    startMonitor({ probes: [httpProbe('web')], resolve: resolveTo(server), samplesFile });
  const file = test.info().outputPath('a-file');
  await writeFile(file, '');
  await expect(start(join(file, 'samples.jsonl'))).rejects.toThrow(
    /a-file\/samples.jsonl: The samples cannot be written/,
  );

  test.skip(!existsSync('/dev/full'), 'needs /dev/full, to have a disk that is full');
  const monitor = await start('/dev/full');
  await expect(monitor.settled(60_000)).rejects.toThrow(/No space is left to write/);
  expect(() => monitor.history('web', 0, 1)).toThrow(/No space is left to write/);
  await monitor.stop();
});
