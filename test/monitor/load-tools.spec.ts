import { spawnSync } from 'node:child_process';
import { chmod, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import type { LoadOptions } from '../../harness/monitor/load.js';
import { hey } from '../../harness/monitor/load-tools/hey.js';
import { k6 } from '../../harness/monitor/load-tools/k6.js';
import { checkTool, startToolLoad } from '../../harness/monitor/load-tools/tool-load.js';
import { ensurePackages } from '../hosts/debian.js';
import { temporaryFolder } from '../temporary-folder.js';
import { httpProbe, resolveTo, TestServer } from './test-server.js';

const load = (server: TestServer, probe: Record<string, unknown>, profile: LoadOptions['profile']): LoadOptions => ({
  request: httpProbe('load', probe),
  profile,
  resolve: resolveTo(server),
});
const constant = (rateHz: number) => ({ kind: 'constant' as const, rateHz });

test('hey, where it is installed, sends a load, and its requests are told one by one', async () => {
  test.setTimeout(600_000);
  const missing = await ensurePackages({ hey: 'hey' }).then(
    () => undefined,
    (e: Error) => e.message,
  );
  test.skip(missing !== undefined, missing);
  await using server = await TestServer.start();
  let n = 0;
  server.answer = (_, response) => {
    // After a while every fourth answer is a refusal.
    n++;
    response.writeHead(n > 50 && n % 4 === 0 ? 503 : 200).end('ok');
  };
  const options = load(server, { url: '{base}/page' }, { timetable: constant(100), durationMs: 2000 });
  await using running = await startToolLoad(hey, options);
  const result = await running.ended;
  expect(server.urls[0]).toBe('/page');
  // It is told as it is: how many came is the server's word, whatever the machine could send.
  expect(result.complete).toBeGreaterThan(50);
  expect(Math.abs(result.complete - server.urls.length)).toBeLessThanOrEqual(30);
  expect(Object.keys(result.outcomes).sort()).toEqual(['200', '503']);
  expect(result.bad).toBe(result.outcomes['503']);
  expect(result.latency.p50Ms).toBeGreaterThan(0);
  const { samples, fromMs, toMs } = running.history();
  expect(samples.every((s) => s.sentMs >= fromMs - 100 && s.doneMs <= toMs + 100)).toBe(true);
});

test('a load generator that is not installed is one clear message', async () => {
  await using server = await TestServer.start();
  const options = load(server, { url: '{base}/page' }, { timetable: constant(10), durationMs: 100 });
  await expect(startToolLoad({ ...hey, program: 'no-such-load-generator' }, options)).rejects.toThrow(
    /"no-such-load-generator" cannot be started: .*ENOENT.* Install it \(.*apt-get install hey\), or leave the load to/,
  );
});

test('what a load generator cannot send is refused before anything is', () => {
  const keyed = { request: httpProbe('p', { keys: { to: 5 } }) as never, timetable: constant(5) };
  expect(() => checkTool(hey, keyed, 'scenario "x"')).toThrow(/hey cannot send this load: got .* the probe has keys/);
  const burst = { request: httpProbe('p') as never, timetable: { kind: 'burst' as const, size: 5, everyMs: 10 } };
  expect(() => checkTool(k6, burst, 'scenario "x"')).toThrow(/no burst\. Leave it to Ordeal's own/);
});

/**
 * k6 as its documentation describes it: reads a script from its standard input and writes a JSON line for each metric and
 * each of its points. What the script asks for is sent for real, so that the rates and the keys are those of the script.
 */
const fakeK6 = `#!/usr/bin/env node
const fs = require('node:fs');
const script = fs.readFileSync(0, 'utf8');
const out = process.argv.find((a) => a.startsWith('json=')).slice(5);
const options = JSON.parse(/export const options = (.*);/.exec(script)[1]).scenarios.load;
const url = JSON.parse(/const url = (".*?"),/.exec(script)[1]);
const rate = options.rate / parseFloat(options.timeUnit), count = Math.round(rate * parseFloat(options.duration) / 1000);
const line = (o) => fs.appendFileSync(out, JSON.stringify(o) + '\\n');
line({ type: 'Metric', data: { name: 'http_req_duration', type: 'trend', contains: 'time', thresholds: [], submetrics: null }, metric: 'http_req_duration' });
let left = count;
for (let i = 0; i < count; i++) setTimeout(async () => {
  const from = performance.now();
  let status = '0', more = { error_code: '1212', error: 'connection refused' };
  try { status = String((await fetch(url.replace('{key}', 's-' + (1 + i % 3)))).status); more = {}; } catch {}
  const tags = { expected_response: 'true', group: '', method: 'GET', name: 'load', proto: 'HTTP/1.1', scenario: 'load', status, ...more };
  const time = new Date().toISOString().replace('Z', '123456Z');
  line({ metric: 'http_reqs', type: 'Point', data: { time, value: 1, tags } });
  line({ metric: 'http_req_duration', type: 'Point', data: { time, value: performance.now() - from, tags } });
  left--;
}, i * 1000 / rate);
`;

async function playedK6(folder: string): Promise<string> {
  const program = join(folder, 'k6');
  await writeFile(program, fakeK6);
  await chmod(program, 0o755);
  return program;
}

/** No package of Debian has k6: where it is installed, the same test asks it. */
const realK6 = process.env.ORDEAL_K6 ?? (spawnSync('k6', ['version']).status === 0 ? 'k6' : undefined);
const k6Programs: Record<string, (folder: string) => Promise<string>> = {
  'k6, played,': playedK6,
  ...(realK6 === undefined ? {} : { 'the k6 that is installed': async () => realK6 }),
};

for (const [name, programIn] of Object.entries(k6Programs)) {
  test(`${name} is driven by a script of its own and read by its documented output`, async () => {
    const folder = await temporaryFolder('k6');
    try {
      await using server = await TestServer.start();
      let n = 0;
      server.answer = (_, response) => void response.writeHead(++n % 10 === 0 ? 500 : 200).end('ok');
      const keys = { prefix: 's-', to: 3 };
      const options = load(server, { url: '{base}/x/{key}', keys }, { timetable: constant(50), durationMs: 1000 });
      await using running = await startToolLoad({ ...k6, program: await programIn(folder) }, options);
      const result = await running.ended;
      // The real one may begin one more as its time ends, and not wait for the answer.
      const uncertain = programIn === playedK6 ? 0 : 2;
      expect(Math.abs(result.complete - 50)).toBeLessThanOrEqual(uncertain);
      expect(Math.abs(result.complete - server.urls.length)).toBeLessThanOrEqual(uncertain);
      expect(result.bad).toBe(result.outcomes['500']);
      expect(result.bad).toBe(Math.floor(result.complete / 10));
      expect(new Set(server.urls)).toEqual(new Set(['/x/s-1', '/x/s-2', '/x/s-3']));
      const { samples, fromMs } = running.history();
      expect(samples[0]?.sentMs).toBeGreaterThan(fromMs - 50);
      expect((samples.at(-1)?.sentMs ?? 0) - (samples[0]?.sentMs ?? 0)).toBeGreaterThan(800);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}

test('the script for k6 asks for whole rates, keys and a rise as the timetable says', () => {
  const request = httpProbe('p', { method: 'PUT', body: 'b-{key}', keys: { prefix: 'u', from: 5, to: 9 } }) as never;
  const job = { request, url: 'http://h/{key}', durationMs: 30_000, connections: 100, folder: '/f' };
  const { args, input = '' } = k6.command({
    ...job,
    timetable: { kind: 'ramp', fromHz: 10, toHz: 12.5, overMs: 10_000 },
  });
  expect(args).toEqual(expect.arrayContaining(['run', '--out', 'json=/f/k6.json', '-']));
  expect(input).toContain(
    '"startRate":1000,"stages":[{"target":1250,"duration":"10000ms"},{"target":1250,"duration":"20000ms"}]',
  );
  expect(input).toContain('"timeUnit":"100s"');
  expect(input).toContain('const key = "u" + (5 + exec.scenario.iterationInTest % 5);');
  expect(input).toContain('http.request("PUT", url');
});

test('a tool that fails says what it said itself', async () => {
  await using server = await TestServer.start();
  const options = load(server, { url: '{base}/page' }, { timetable: constant(10), durationMs: 100 });
  const failing = {
    ...hey,
    program: process.execPath,
    command: () => ({ args: ['-e', 'process.stderr.write("no such flag"); process.exit(2)'] }),
  };
  await using running = await startToolLoad(failing, options);
  await expect(running.ended).rejects.toThrow(/ended with 2: no such flag/);
});
