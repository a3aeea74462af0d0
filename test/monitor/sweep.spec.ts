import { expect, test } from '@playwright/test';
import { networkService } from '../../harness/model/network-service.js';
import { populate } from '../../harness/monitor/load.js';
import { startMonitor } from '../../harness/monitor/monitor.js';
import { httpProbe, resolveTo, TestServer } from './test-server.js';

const keys = { prefix: 's-', from: 1, to: 300 };
const population = networkService.shape.population.unwrap().parse({
  connectionPoint: 'gw.web',
  url: '{base}/sessions/{key}',
  body: 'owner of {key}',
  keys,
});

test('a sweep asks for every key once, and names the bad ones', async () => {
  await using server = await TestServer.start();
  const probes = [httpProbe('web', { rateHz: 1, keys, timeoutMs: 1500, expect: { body: 'state of {key}' } })];
  await using monitor = await startMonitor({ probes, resolve: resolveTo(server) });
  await monitor.settled(monitor.nowMs() + 1);
  server.urls.length = 0;
  expect(await monitor.sweep('web')).toEqual({ checked: 300, good: 300, badCount: 0, bad: [] });
  expect(new Set(server.urls).size).toBe(300);

  server.answer = ({ url = '' }, response) => {
    const number = Number(url.split('-').at(-1));
    if (number === 7) return; // never answered
    if (number % 10 === 0) response.statusCode = 404;
    response.end(`state of s-${number}`);
  };
  const swept = await monitor.sweep('web', { concurrency: 4 });
  expect(swept).toMatchObject({ checked: 300, good: 269, badCount: 31 });
  expect(swept.bad.length).toBe(20);
  expect(swept.bad[0]).toEqual({ key: 's-7', outcome: 'timeout' });
  expect(swept.bad[1]).toEqual({ key: 's-10', outcome: '404' });
});

test('a sweep ends at once when it is interrupted', async () => {
  await using server = await TestServer.start();
  server.answer = () => {};
  const probes = [httpProbe('web', { rateHz: 1, keys, timeoutMs: 10_000 })];
  await using monitor = await startMonitor({ probes, resolve: resolveTo(server) });
  await expect(monitor.sweep('web', { signal: AbortSignal.timeout(100) })).rejects.toThrow(/interrupted/);
});

test('a population is stored key by key, at most so many at a time', async () => {
  await using server = await TestServer.start();
  const stored = new Map<string, string>();
  let [now, most] = [0, 0];
  server.answer = (request, response) => {
    most = Math.max(most, ++now);
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      stored.set(`${request.method} ${request.url}`, body);
      setImmediate(() => {
        now--;
        response.writeHead(201).end();
      });
    });
  };
  expect(await populate(population, resolveTo(server), { concurrency: 8 })).toEqual({ stored: 300 });
  expect(stored.size).toBe(300);
  expect(stored.get('PUT /sessions/s-42')).toBe('owner of s-42');
  expect(most).toBeLessThanOrEqual(8);
});

for (const method of ['PUT', 'POST'] as const) {
  test(`a population whose service is late with one answer is ${method === 'PUT' ? '' : 'not '}stored again by ${method}`, async () => {
    await using server = await TestServer.start();
    let late = 1;
    server.answer = ({ url = '' }, response) => {
      response.writeHead(url.endsWith('-17') && late-- > 0 ? 503 : 200).end();
    };
    const stored = populate({ ...population, method }, resolveTo(server));
    if (method === 'PUT') expect(await stored).toEqual({ stored: 300 });
    else await expect(stored).rejects.toThrow(/503 for s-17.*299 keys were stored before/);
  });
}

test('a population that the service does not take fails soon, and names the first bad answers', async () => {
  await using server = await TestServer.start();
  server.answer = ({ url = '' }, response) => {
    response.writeHead(Number(url.split('-').at(-1)) > 50 ? 507 : 200).end();
  };
  const failing = populate(population, resolveTo(server), { concurrency: 4 });
  await expect(failing).rejects.toThrow(/did not take the population.*507 for s-51/);
  await expect(failing).rejects.toThrow(/50 keys were stored before/);
  expect(server.urls.length).toBeLessThan(80);
});
