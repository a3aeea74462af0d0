import { rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { type ProbeSpec, probe } from '../../harness/model/network-service.js';
import { startMonitor } from '../../harness/monitor/monitor.js';
import { readSamples } from '../../harness/monitor/read-samples.js';
import { temporaryFolder } from '../temporary-folder.js';

/** A page and a query whose figures a test can turn. */
async function metricsServer() {
  const now = { queue: 4, requests: 1000, pages: 0 };
  const server = createServer((request, response) => {
    if (request.url?.startsWith('/api/v1/query')) {
      const series = (vnfc: string, value: string) => ({ metric: { vnfc }, value: [1795000000, value] });
      const result = [series('lb', '0.25'), series('worker-1', '0.75')];
      return void response.end(JSON.stringify({ data: { resultType: 'vector', result } }));
    }
    now.pages++;
    now.requests += 50;
    response.end(
      `queue{vnfc="a"} ${now.queue}\nqueue{vnfc="b"} ${2 * now.queue}\nrequests_total ${now.requests}\n# EOF\n`,
    );
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    now,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

const parsed = (specs: readonly object[]): ProbeSpec[] =>
  specs.map((s) => probe.parse({ rateHz: 20, timeoutMs: 5000, ...s }));

test('several figures are read from one page with one request, and are in the samples and in their file', async () => {
  await using server = await metricsServer();
  const folder = await temporaryFolder('figures');
  try {
    const figures = [
      { id: 'queue', metric: 'queue', good: 'low' },
      { id: 'longest', metric: 'queue', combine: 'max', good: 'low' },
      { id: 'of-a', metric: 'queue', labels: { vnfc: 'a' }, good: 'low' },
      { id: 'throughput', metric: 'requests_total', perSecond: true, good: 'high' },
      { id: 'absent', metric: 'nothing', good: 'low' },
    ];
    const samplesFile = join(folder, 'samples.jsonl');
    const probes = parsed([{ kind: 'openmetrics', id: 'page', url: `${server.url}/metrics`, figures }]);
    await using monitor = await startMonitor({ probes, resolve: () => '', samplesFile });
    await monitor.settled(monitor.nowMs() + 500);
    const { samples } = monitor.history('page', 0, 1e9);
    expect(samples.length).toBeGreaterThan(5);
    expect(samples.every((s) => s.ok && s.outcome === 'read')).toBe(true);
    // The counter cannot be told from the first page alone.
    expect(samples[0]?.figures).toEqual({ queue: 12, longest: 8, 'of-a': 4 });
    expect(samples[4]?.figures).toMatchObject({ queue: 12, longest: 8, 'of-a': 4 });
    // 50 more at each page, about 20 pages a second; a busy machine reads them in other time, but never two for one.
    const rates = samples.flatMap((s) => s.figures?.throughput ?? []);
    expect(rates.length).toBeGreaterThan(0);
    for (const rate of rates) expect(rate).toBeGreaterThan(50);
    expect(Math.max(...rates)).toBeLessThan(samples.length * 50 * 40);
    expect(server.now.pages).toBeLessThanOrEqual(samples.length + 2);
    await monitor.stop();
    const written = await readSamples(samplesFile);
    expect(written.slice(0, 3).map((s) => s.figures)).toEqual(samples.slice(0, 3).map((s) => s.figures));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('a counter that was started anew has no rate for once, and none is invented', async () => {
  await using server = await metricsServer();
  const figures = [{ id: 'rate', metric: 'requests_total', perSecond: true, good: 'high' }];
  const probes = parsed([{ kind: 'openmetrics', id: 'page', url: `${server.url}/metrics`, figures }]);
  await using monitor = await startMonitor({ probes, resolve: () => '' });
  await monitor.settled(monitor.nowMs() + 250);
  server.now.requests = 0;
  await monitor.settled(monitor.nowMs() + 250);
  const rates = monitor.history('page', 0, 1e9).samples.map((s) => s.figures?.rate);
  expect(rates.filter((r) => r === undefined).length).toBeGreaterThanOrEqual(2);
  expect(rates.filter((r) => r !== undefined && r < 0)).toEqual([]);
});

test('the figures of a query are its series, told apart by their labels', async () => {
  await using server = await metricsServer();
  const figures = [
    { id: 'worker', labels: { vnfc: 'worker-1' }, good: 'low' },
    { id: 'mean', combine: 'mean', good: 'low' },
  ];
  const probes = parsed([{ kind: 'promql', id: 'cpu', url: server.url, query: 'cpu', expect: { max: 0.5 }, figures }]);
  await using monitor = await startMonitor({ probes, resolve: () => '' });
  await monitor.settled(monitor.nowMs() + 200);
  const [first] = monitor.history('cpu', 0, 1e9).samples;
  expect(first).toMatchObject({ ok: false, outcome: 'above', figures: { worker: 0.75, mean: 0.5 } });
});

test('a probe of metrics that looks at nothing is refused', () => {
  const metrics = { kind: 'openmetrics', id: 'page', url: 'http://127.0.0.1:1/' };
  expect(() => probe.parse(metrics)).toThrow(/must have expect, figures or both/);
  expect(() => probe.parse({ ...metrics, expect: { max: 1 } })).toThrow(/must have metric and expect, or neither/);
  expect(() => probe.parse({ ...metrics, figures: [{ id: 'q', metric: 'q' }] })).toThrow(/good/);
});
