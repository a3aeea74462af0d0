import { spawnSync } from 'node:child_process';
import { appendFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createHttp2 } from 'node:http2';
import { type AddressInfo, createServer as createTcp } from 'node:net';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { type ProbeSpec, probe } from '../../harness/model/network-service.js';
import { startLoad } from '../../harness/monitor/load.js';
import { type Monitor, startMonitor } from '../../harness/monitor/monitor.js';
import { openMetricsPage } from '../../harness/monitor/probes/metrics.js';
import { dueAfterMs } from '../../harness/monitor/timetable.js';
import { until } from '../../harness/util/deadline.js';
import { ensurePackages } from '../hosts/debian.js';
import { temporaryFolder } from '../temporary-folder.js';
import { httpProbe, resolveTo, TestServer } from './test-server.js';

const parsed = (specs: readonly object[]): ProbeSpec[] =>
  specs.map((s) => probe.parse({ rateHz: 20, timeoutMs: 3000, ...s }));

const told = (monitor: Monitor, id: string): string[] => {
  const { samples } = monitor.history(id, 0, 1e9);
  return [...new Set(samples.map((s) => `${s.ok} ${s.outcome}`))].sort();
};

/** What each probe told, each outcome once. */
async function outcomes(specs: readonly object[]): Promise<Record<string, string[]>> {
  const probes = parsed(specs);
  await using monitor = await startMonitor({ probes, resolve: () => '' });
  await monitor.settled(monitor.nowMs() + 300);
  return Object.fromEntries(probes.map(({ id }) => [id, told(monitor, id)]));
}

async function closedPort(): Promise<number> {
  const server = createTcp();
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

/** HealthCheckResponse{status} of a server that was written against the protocol, not with our own code. */
const answer = (status: number) => Buffer.from([0, 0, 0, 0, 2, 0x08, status]);

test('a gRPC probe wants SERVING from the health check, of the service that it names', async () => {
  const asked: Buffer[] = [];
  const server = createHttp2();
  server.on('stream', (stream, headers) => {
    const body: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => body.push(chunk));
    stream.on('end', () => {
      const request = Buffer.concat(body);
      asked.push(request);
      const name = request.subarray(7).toString();
      if (headers[':path'] !== '/grpc.health.v1.Health/Check') {
        stream.respond({ ':status': 404 }, { endStream: true });
      } else if (name === 'unknown') {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '5' }, { endStream: true });
      } else {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
        stream.end(answer(name === 'draining' ? 2 : 1));
      }
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  try {
    const grpc = { kind: 'grpc', port };
    const found = await outcomes([
      { ...grpc, id: 'good' },
      { ...grpc, id: 'named', service: 'sessions' },
      { ...grpc, id: 'draining', service: 'draining' },
      { ...grpc, id: 'unknown', service: 'unknown' },
      { kind: 'grpc', id: 'closed', port: await closedPort() },
    ]);
    expect(found).toEqual({
      good: ['true SERVING'],
      named: ['true SERVING'],
      draining: ['false NOT_SERVING'],
      unknown: ['false grpc-status 5'],
      closed: ['false ECONNREFUSED'],
    });
    expect(asked.some((r) => r.equals(Buffer.from([0, 0, 0, 0, 0])))).toBe(true);
    expect(asked.some((r) => r.equals(Buffer.from('\0\0\0\0\n\n\bsessions', 'latin1')))).toBe(true);
  } finally {
    server.close();
  }
});

test('a PromQL probe and a page of metrics are good within their range', async () => {
  const page = [
    '# TYPE cpu gauge',
    'cpu{vnfc="lb",zone="a\\"b"} 0.25 1795000000',
    'cpu{vnfc="store"} 0.75',
    'cpu_limit{vnfc="lb"} 9',
    'up 1',
    '# EOF',
  ].join('\n');
  const vector = (...values: string[]) =>
    JSON.stringify({
      status: 'success',
      data: { resultType: 'vector', result: values.map((v) => ({ metric: {}, value: [1795000000, v] })) },
    });
  const queries: Record<string, string> = { 'sum(rate(x[1m]))': vector('3', '5'), none: vector(), broken: '<html>' };
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://x');
    if (pathname === '/metrics') response.end(page);
    else if (pathname === '/api/v1/query') response.end(queries[searchParams.get('query') ?? ''] ?? '{}');
    else response.writeHead(404).end();
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const promql = { kind: 'promql', url, query: 'sum(rate(x[1m]))' };
    const metrics = { kind: 'openmetrics', url: `${url}/metrics`, metric: 'cpu', labels: { vnfc: 'lb' } };
    expect(
      await outcomes([
        { ...promql, id: 'within', expect: { min: 3, max: 5 } },
        { ...promql, id: 'above', expect: { max: 4 } },
        { ...promql, id: 'none', query: 'none', expect: { max: 4 } },
        { ...promql, id: 'broken', query: 'broken', expect: { max: 4 } },
        { ...promql, id: 'other', query: 'other', expect: { max: 4 } },
        { ...metrics, id: 'page', expect: { max: 0.3 } },
        { ...metrics, id: 'all', labels: {}, expect: { max: 0.3 } },
        { ...metrics, id: 'low', expect: { min: 0.3 } },
        { ...metrics, id: 'missing', metric: 'memory', expect: { max: 1 } },
        { ...metrics, id: 'nowhere', url: `${url}/nothing`, expect: { max: 1 } },
      ]),
    ).toEqual({
      within: ['true within'],
      above: ['false above'],
      none: ['false no figure'],
      broken: ['false not JSON'],
      other: ['false no vector and no scalar'],
      page: ['true within'],
      all: ['false above'],
      low: ['false below'],
      missing: ['false no figure'],
      nowhere: ['false 404'],
    });
    expect(openMetricsPage(page)('cpu', { zone: 'a"b' })).toEqual([0.25]);
    expect(openMetricsPage('cpu +Inf\ncpu NaN')('cpu', {})).toEqual([Infinity, NaN]);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test('a log probe sees each new line once, through rotation, and none from before', async () => {
  const folder = await temporaryFolder('log');
  try {
    const file = join(folder, 'a.log');
    await writeFile(file, 'ERROR of yesterday\n');
    const log = { kind: 'log', file, pattern: '^ERROR' };
    await using monitor = await startMonitor({
      probes: parsed([
        { ...log, id: 'log' },
        { ...log, id: 'heartbeat', pattern: 'alive', expect: 'present' },
        { ...log, id: 'missing', file: join(folder, 'b.log') },
      ]),
      resolve: () => '',
    });
    const bad = () => monitor.history('log', 0, 1e9).samples.filter((s) => !s.ok).length;
    await monitor.settled(monitor.nowMs() + 200);
    expect(told(monitor, 'log')).toEqual(['true absent']);
    expect(told(monitor, 'heartbeat')).toEqual(['false absent']);
    expect(told(monitor, 'missing')).toEqual(['false ENOENT']);
    await appendFile(file, 'alive\nERROR not yet');
    await monitor.settled(monitor.nowMs() + 200);
    expect(bad()).toBe(0);
    expect(told(monitor, 'heartbeat')).toEqual(['false absent', 'true present']);
    await appendFile(file, ' ended\nfine\n');
    await until('the line', () => bad() === 1, { withinMs: 5000 });
    await rename(file, join(folder, 'a.log.1'));
    await writeFile(file, 'ERROR after rotation\n');
    await until('the line after the rotation', () => bad() >= 2 && told(monitor, 'log').includes('false present'), {
      withinMs: 5000,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('a pattern that is no regular expression is refused before anything is sent', async () => {
  const probes = parsed([{ kind: 'log', id: 'log', file: '/dev/null', pattern: '(' }]);
  await expect(startMonitor({ probes, resolve: () => '' })).rejects.toThrow(/probe "log": The pattern is no regular/);
});

test('an ICMP probe asks the loopback, and says when there is no answer', async () => {
  test.setTimeout(600_000);
  const missing = await ensurePackages({ ping: 'iputils-ping' }).then(
    () => undefined,
    (e: Error) => e.message,
  );
  test.skip(missing !== undefined, missing);
  const ping = spawnSync('ping', ['-n', '-c', '1', '-W', '1', '127.0.0.1']);
  test.skip(ping.status !== 0, `ping is not allowed to send here: ${ping.stderr}`);
  const icmp = { kind: 'icmp', rateHz: 5, timeoutMs: 5000 };
  const found = await outcomes([
    { ...icmp, id: 'good', host: '127.0.0.1' },
    { ...icmp, id: 'nobody', host: 'nothing.invalid' },
  ]);
  expect(found.good).toEqual(['true reply']);
  expect(found.nobody?.every((o) => o.startsWith('false '))).toBe(true);
});

test('a host that ping would take for an option is refused', () => {
  expect(() => probe.parse({ kind: 'icmp', id: 'x', host: '-f' })).toThrow(/must not begin with a dash/);
});

test('a load is replayed from a trace, at its own speed', async () => {
  await using server = await TestServer.start();
  const dueMs = [0, 10, 10, 200, 400];
  const timetable = { kind: 'trace' as const, dueMs, speed: 2 };
  await using load = await startLoad({
    profile: { timetable, durationMs: 10_000 },
    request: httpProbe('replay', { keys: { prefix: 's-', to: 100 } }),
    resolve: resolveTo(server),
  });
  const result = await load.ended;
  expect(result).toMatchObject({ offered: 5, complete: 5, good: 5 });
  const { samples } = load.history();
  const first = samples[0]?.intendedMs ?? 0;
  expect(samples.map((s) => Math.round(s.intendedMs - first))).toEqual([0, 5, 5, 100, 200]);
  expect(dueAfterMs(timetable, 5)).toBe(Number.POSITIVE_INFINITY);
  await expect(
    startLoad({
      profile: { timetable: { kind: 'trace', dueMs: [5, 1] }, durationMs: 1000 },
      request: httpProbe('replay'),
      resolve: resolveTo(server),
    }),
  ).rejects.toThrow(/must not go back in time/);
});
