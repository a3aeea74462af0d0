import { expect, test } from '@playwright/test';
import { loadCaps, startLoad } from '../../harness/monitor/load.js';
import { sleep, until } from '../../harness/util/deadline.js';
import { httpProbe, resolveTo, TestServer } from './test-server.js';

const request = httpProbe('load', { keys: { prefix: 's-', to: 50 }, expect: { body: 'state of {key}' } });

test('a constant load offers what it says and ends by itself', async () => {
  await using server = await TestServer.start();
  await using load = await startLoad({
    profile: { timetable: { kind: 'constant', rateHz: 300 }, durationMs: 1000 },
    request,
    resolve: resolveTo(server),
  });
  const result = await load.ended;
  expect(result).toMatchObject({ offered: 300, complete: 300, good: 300, bad: 0, outcomes: { 200: 300 } });
  expect(server.urls.length).toBe(300);
  expect(new Set(server.urls).size).toBe(50);
  expect(result.latency.p50Ms).toBeGreaterThan(0);
  expect(result.latency.maxMs).toBeGreaterThanOrEqual(result.latency.p99Ms);
  expect(load.history().samples.length).toBe(300);
});

test('a ramp begins gently and ends at its full rate', async () => {
  await using server = await TestServer.start();
  await using load = await startLoad({
    profile: { timetable: { kind: 'ramp', fromHz: 10, toHz: 390, overMs: 1000 }, durationMs: 1000 },
    request,
    resolve: resolveTo(server),
  });
  const { offered, good, fromMs } = await load.ended;
  expect(offered).toBe(200);
  expect(good).toBe(200);
  const early = load.history().samples.filter((s) => s.intendedMs < fromMs + 500);
  expect(early.length).toBeGreaterThan(45);
  expect(early.length).toBeLessThan(60);
});

test('bursts come at once, and then nothing until the next', async () => {
  await using server = await TestServer.start();
  await using load = await startLoad({
    profile: { timetable: { kind: 'burst', size: 60, everyMs: 250 }, durationMs: 1000 },
    request,
    resolve: resolveTo(server),
  });
  const { offered, good } = await load.ended;
  expect([offered, good]).toEqual([240, 240]);
  const moments = new Set(load.history().samples.map((s) => s.intendedMs));
  expect(moments.size).toBe(4);
});

test('a load that is stopped ends at once, whatever is under way', async () => {
  await using server = await TestServer.start();
  server.answer = () => {};
  await using load = await startLoad({
    profile: { timetable: { kind: 'constant', rateHz: 200 }, durationMs: 60_000 },
    request: httpProbe('load', { timeoutMs: 30_000 }),
    resolve: resolveTo(server),
  });
  await until('load', () => server.urls.length > 20, { withinMs: 5000 });
  expect(load.reading().offered).toBeGreaterThan(20);
  const { complete } = await load.stop();
  expect(complete).toBe(0);
  await sleep(500); // what the server has in its sockets
  const asked = server.urls.length;
  await sleep(300);
  expect(server.urls.length).toBe(asked);
  await load.stop();
});

test('a load has caps that cannot be passed', async () => {
  await using server = await TestServer.start();
  const start = (profile: Parameters<typeof startLoad>[0]['profile']) =>
    startLoad({ profile, request, resolve: resolveTo(server) });
  const constant = { kind: 'constant', rateHz: 500 } as const;
  await expect(start({ timetable: constant, durationMs: loadCaps.durationMs + 1 })).rejects.toThrow(/not possible/);
  await expect(start({ timetable: constant, durationMs: 1000, maxRequests: 1e9 })).rejects.toThrow(/maxRequests/);
  await expect(start({ timetable: { kind: 'constant', rateHz: 1e6 }, durationMs: 1000 })).rejects.toThrow(/rateHz/);
  await using load = await start({ timetable: constant, durationMs: 60_000, maxRequests: 50 });
  expect((await load.ended).complete).toBe(50);
  expect(server.urls.length).toBe(50);
});

test('a service that is down under load is counted, request by request', async () => {
  await using server = await TestServer.start();
  server.crash();
  await using load = await startLoad({
    profile: { timetable: { kind: 'constant', rateHz: 100 }, durationMs: 500 },
    request,
    resolve: resolveTo(server),
  });
  const { good, bad, outcomes } = await load.ended;
  expect([good, bad, outcomes]).toEqual([0, 50, { ECONNREFUSED: 50 }]);
});
