import { expect, test } from '@playwright/test';
import type { ServiceSession } from '../../harness/online-test/session.js';
import { sweepPopulation } from '../../harness/online-test/sweep.js';
import { httpProbe, resolveTo, TestServer } from '../monitor/test-server.js';

test('a sweep asks for every member of the one population, and tells which are lost', async () => {
  await using server = await TestServer.start();
  server.answer = (request, response) => {
    if (request.url?.endsWith('/user-7')) response.writeHead(404);
    // So long that another probe would have been heard of.
    setTimeout(() => response.end(), 100);
  };
  const keys = { prefix: 'user-', from: 1, to: 20 };
  const probes = [httpProbe('health', { url: '{base}/health' }), httpProbe('sessions', { keys })];
  const session = { service: { descriptor: { probes } }, addresses: async () => resolveTo(server) };
  const { checked, badCount, bad } = await sweepPopulation(session as unknown as ServiceSession, 'sessions');
  expect([checked, badCount, bad.map((b) => b.key)]).toEqual([20, 1, ['user-7']]);
  expect(server.urls.filter((u) => u.startsWith('/health'))).toEqual([]);
});
