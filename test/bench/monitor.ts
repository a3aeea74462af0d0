import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { latencyMs } from '../../harness/model/probe.js';
import { startLoad } from '../../harness/monitor/load.js';
import { startMonitor } from '../../harness/monitor/monitor.js';
import { quantile } from '../../harness/monitor/sample-columns.js';
import { sleep } from '../../harness/util/deadline.js';
import { type Found, plantAndProbe, timetable } from '../monitor/planted.js';
import { httpProbe } from '../monitor/test-server.js';

/** How exact the outage clock is, how punctual a probe of 1 kHz is, and what it costs: `node dist/test/bench/monitor.js`. */

const { values } = parseArgs({
  options: {
    outages: { type: 'string', default: '1000' },
    probes: { type: 'string', default: '25' },
    rate: { type: 'string', default: '40' },
    longest: { type: 'string', default: '30000' },
    seconds: { type: 'string', default: '60' },
    rounds: { type: 'string', default: '4' },
    only: { type: 'string', default: 'outages,punctual,cost' },
  },
});
const only = values.only.split(',');

const percent = (share: number) => `${(share * 100).toFixed(2)} %`;
const ms = (n: number) => `${n.toFixed(2)} ms`;
const sorted = (figures: Iterable<number>) => Float64Array.from(figures).sort();
const verdict = (isMet: boolean) => (isMet ? 'yes' : 'NO');

async function benchOutages(): Promise<boolean> {
  const rateHz = Number(values.rate);
  const probes = Number(values.probes);
  const each = Math.ceil(Number(values.outages) / probes);
  const range = { fromMs: 50, toMs: Number(values.longest), gapMs: 400, hows: ['crash', 'error', 'reset'] as const };
  const timetables = Array.from({ length: probes }, (_, i) => timetable(i + 1, each, range));
  console.log(
    `\nPlanted outages: ${probes * each} of 50 ms to ${Number(values.longest) / 1000} s, ${probes} probes at ${rateHz} Hz`,
  );
  const { found, alarms, cost } = await plantAndProbe(timetables, { rateHz, timeoutMs: 5000 });
  const allowedMs = (2 * 1000) / rateHz + 20;
  const row = (how: string, some: readonly Found[]) => {
    const one = some.filter((f) => f.planted === 1 && f.reported !== undefined);
    const wider = sorted(one.map((f) => f.widerMs));
    return {
      how,
      outages: some.reduce((sum, f) => sum + f.planted, 0),
      held: percent(some.filter((f) => f.held).length / some.length),
      missed: some.filter((f) => f.reported === undefined).length,
      merged: some.filter((f) => f.planted > 1).length,
      'wider p50': ms(quantile(wider, 0.5)),
      'wider p99': ms(quantile(wider, 0.99)),
      [`<= ${allowedMs} ms`]: percent(wider.filter((w) => w <= allowedMs).length / wider.length),
    };
  };
  console.table([
    ...range.hows.map((how) =>
      row(
        how,
        found.filter((f) => f.how === how),
      ),
    ),
    row('all', found),
  ]);
  const lateness = Math.max(...cost.probes.map((p) => p.lateness.p99Ms));
  const held = found.filter((f) => f.held).length / found.length;
  const narrow = found.filter((f) => f.widerMs <= allowedMs).length / found.length;
  console.log(
    `False alarms: ${alarms}. Greatest p99 lateness of a probe: ${ms(lateness)}. Probing took ${ms(cost.cpuMs)} of CPU.`,
  );
  console.log(
    `Held in at least 99 %: ${verdict(held >= 0.99)}. At most ${allowedMs} ms wider in at least 99 %: ${verdict(narrow >= 0.99)}.`,
  );
  return held >= 0.99 && narrow >= 0.99;
}

/** A service of its own thread; it does a little work for each answer. */
async function localService(): Promise<{ url: string; stop(): Promise<unknown> }> {
  const serving = `const { parentPort } = require('node:worker_threads');
    const { createHash } = require('node:crypto');
    const server = require('node:http').createServer((q, r) => r.end(createHash('sha256').update(q.url.repeat(20)).digest('hex')));
    server.listen(0, '127.0.0.1', 1024, () => parentPort.postMessage(server.address().port));`;
  const worker = new Worker(serving, { eval: true });
  const [port] = (await once(worker, 'message')) as [number];
  return { url: `http://127.0.0.1:${port}/session/{key}`, stop: () => worker.terminate() };
}

const keys = { prefix: 's-', to: 10_000 };

async function benchPunctual(): Promise<boolean> {
  const seconds = Number(values.seconds);
  console.log(
    `\nOne probe at 1 kHz for ${seconds} s, on ${availableParallelism()} cores, beside a load of 500 requests a second`,
  );
  const service = await localService();
  try {
    await using monitor = await startMonitor({
      probes: [httpProbe('khz', { url: service.url, rateHz: 1000, keys })],
      resolve: () => '',
    });
    await using load = await startLoad({
      profile: { timetable: { kind: 'constant', rateHz: 500 }, durationMs: (seconds + 2) * 1000 },
      request: httpProbe('load', { url: service.url, keys }),
      resolve: () => '',
    });
    await sleep(1000);
    const fromMs = monitor.nowMs();
    const cpuBefore = monitor.cost().cpuMs;
    await sleep(seconds * 1000);
    const toMs = fromMs + seconds * 1000;
    await monitor.settled(toMs);
    const { samples } = monitor.history('khz', fromMs, toMs);
    const cpuMs = monitor.cost().cpuMs - cpuBefore;
    const lateness = sorted(samples.map((s) => s.sentMs - s.intendedMs));
    const latency = sorted(samples.map(latencyMs));
    const late = lateness.filter((l) => l > 5).length / lateness.length;
    console.table([
      {
        samples: samples.length,
        'late p50': ms(quantile(lateness, 0.5)),
        'late p99': ms(quantile(lateness, 0.99)),
        'late max': ms(quantile(lateness, 1)),
        'later than 5 ms': percent(late),
        'latency p50': ms(quantile(latency, 0.5)),
        'latency p99': ms(quantile(latency, 0.99)),
        bad: samples.filter((s) => !s.ok).length,
        'CPU of one core': percent(cpuMs / (seconds * 1000)),
        'load good': load.reading().good,
      },
    ]);
    console.log(`At most 1 % later than 5 ms: ${verdict(late <= 0.01)}.`);
    return late <= 0.01;
  } finally {
    await service.stop();
  }
}

/** As many requests as the service answers in this time, over 16 connections. */
async function throughput(url: string, forMs: number): Promise<number> {
  const client = `const { parentPort, workerData } = require('node:worker_threads');
    const http = require('node:http'), agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
    let answers = 0, n = 0; const end = performance.now() + workerData.forMs;
    const next = () => { if (performance.now() >= end) return;
      http.get(workerData.url.replace('{key}', n++), { agent }, (r) => { r.resume(); r.once('end', () => { answers++; next(); }); }).once('error', next); };
    for (let i = 0; i < 16; i++) next();
    setTimeout(() => { parentPort.postMessage(answers / workerData.forMs * 1000); agent.destroy(); }, workerData.forMs);`;
  const worker = new Worker(client, { eval: true, workerData: { url, forMs } });
  const [rate] = (await once(worker, 'message')) as [number];
  await worker.terminate();
  return rate;
}

async function benchCost(): Promise<boolean> {
  const rounds = Number(values.rounds);
  console.log(`\nThroughput of a saturated service, without and with probing, in turn, ${rounds} rounds of 5 s each`);
  const service = await localService();
  const rows: { round: number; without: number; at100Hz: number; at1kHz: number }[] = [];
  try {
    await throughput(service.url, 2000);
    for (let round = 1; round <= rounds; round++) {
      const without = await throughput(service.url, 5000);
      const beside: Record<number, number> = {};
      for (const rateHz of [100, 1000]) {
        await using _ = await startMonitor({
          probes: [httpProbe('p', { url: service.url, rateHz, keys })],
          resolve: () => '',
        });
        beside[rateHz] = await throughput(service.url, 5000);
      }
      rows.push({ round, without, at100Hz: beside[100] ?? 0, at1kHz: beside[1000] ?? 0 });
    }
  } finally {
    await service.stop();
  }
  const mean = (pick: (r: (typeof rows)[number]) => number) => rows.reduce((sum, r) => sum + pick(r), 0) / rows.length;
  console.table(
    rows.map((r) => ({
      ...r,
      without: r.without.toFixed(0),
      at100Hz: r.at100Hz.toFixed(0),
      at1kHz: r.at1kHz.toFixed(0),
    })),
  );
  const lost = (pick: (r: (typeof rows)[number]) => number) => 1 - mean(pick) / mean((r) => r.without);
  const own = 1000 / mean((r) => r.without);
  console.log(`Lost to 100 Hz: ${percent(lost((r) => r.at100Hz))}. Lost to 1 kHz: ${percent(lost((r) => r.at1kHz))},`);
  console.log(
    `of which ${percent(own)} are the probe's own 1,000 requests a second, which the service answered as well.`,
  );
  const isMet = lost((r) => r.at1kHz) - own <= 0.05;
  console.log(`At most 5 % lost beside the probe's own requests: ${verdict(isMet)}.`);
  return isMet;
}

const results: boolean[] = [];
if (only.includes('outages')) results.push(await benchOutages());
if (only.includes('punctual')) results.push(await benchPunctual());
if (only.includes('cost')) results.push(await benchCost());
process.exitCode = results.every(Boolean) ? 0 : 1;
