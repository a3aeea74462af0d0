import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { latencyMs } from '../../harness/model/probe.js';
import { startLoad } from '../../harness/monitor/load.js';
import { startMonitor } from '../../harness/monitor/monitor.js';
import { quantile } from '../../harness/monitor/sample-columns.js';
import { readService, ServiceSession } from '../../harness/online-test/session.js';
import { sleep } from '../../harness/util/deadline.js';
import { packageRoot } from '../../harness/util/package-root.js';
import { type Found, plantAndProbe, timetable } from '../monitor/planted.js';
import { httpProbe } from '../monitor/test-server.js';
import { markdownTable } from './statistics.js';

/**
 * How exact the outage clock is, how punctual a probe of 1 kHz is beside the sample service, and what it costs that
 * service. `node dist/test/bench/index.js monitor`; shorter or in part with --seconds=, --only= and the like.
 */

function settingsIn(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      outages: { type: 'string', default: '1000' },
      probes: { type: 'string', default: '50' },
      rate: { type: 'string', default: '40' },
      longest: { type: 'string', default: '30000' },
      seconds: { type: 'string', default: '60' },
      rounds: { type: 'string', default: '4' },
      only: { type: 'string', default: 'outages,punctual,cost' },
    },
  });
  return values;
}
type Settings = ReturnType<typeof settingsIn>;

/** What one part has measured, as Markdown. */
type Part = readonly string[];

const tableOf = (rows: readonly Readonly<Record<string, string | number>>[]): string =>
  markdownTable(
    Object.keys(rows[0] ?? {}),
    rows.map((r) => Object.values(r).map(String)),
  );

const percent = (share: number) => `${(share * 100).toFixed(2)} %`;
const ms = (n: number) => `${n.toFixed(2)} ms`;
const sorted = (figures: Iterable<number>) => Float64Array.from(figures).sort();
const verdict = (isMet: boolean) => (isMet ? 'yes' : 'NO');

async function benchOutages(values: Settings): Promise<Part> {
  const rateHz = Number(values.rate);
  const probes = Number(values.probes);
  const each = Math.ceil(Number(values.outages) / probes);
  const range = { fromMs: 50, toMs: Number(values.longest), gapMs: 400, hows: ['crash', 'error', 'reset'] as const };
  const timetables = Array.from({ length: probes }, (_, i) => timetable(i + 1, each, range));
  const title = `Planted outages: ${probes * each} of 50 ms to ${Number(values.longest) / 1000} s, ${probes} probes at ${rateHz} Hz`;
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
  const table = tableOf([
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
  return [
    title,
    table,
    `False alarms: ${alarms}. Greatest p99 lateness of a probe: ${ms(lateness)}. Probing took ${ms(cost.cpuMs)} of CPU.`,
    `Held in at least 99 %: ${verdict(held >= 0.99)}. At most ${allowedMs} ms wider in at least 99 %: ${verdict(narrow >= 0.99)}.`,
  ];
}

/** The session gateway of the samples, with its 5,000 sessions. */
async function sampleService(): Promise<{ url: string } & AsyncDisposable> {
  const stateFolder = await mkdtemp(join(tmpdir(), 'ordeal-bench-'));
  const file = join(packageRoot, 'scenarios', 'session-gateway', 'service.yaml');
  const session = await ServiceSession.open(await readService(file), { stateFolder });
  await session.start();
  return {
    url: `${(await session.addresses())('lb.public')}/sessions/{key}`,
    async [Symbol.asyncDispose]() {
      await session[Symbol.asyncDispose]();
      await rm(stateFolder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
    },
  };
}

const keys = { prefix: 'user-', to: 5000 };

async function benchPunctual(values: Settings): Promise<Part> {
  const seconds = Number(values.seconds);
  await using service = await sampleService();
  {
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
    const table = tableOf([
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
    return [
      `One probe at 1 kHz for ${seconds} s, on ${availableParallelism()} cores, beside a load of 500 requests a second on the sample service`,
      table,
      `At most 1 % later than 5 ms: ${verdict(late <= 0.01)}.`,
    ];
  }
}

/** As many requests as the service answers in this time, over 16 connections. */
async function throughput(url: string, forMs: number): Promise<number> {
  const client = `const { parentPort, workerData } = require('node:worker_threads');
    const http = require('node:http'), agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
    let answers = 0, n = 0; const end = performance.now() + workerData.forMs;
    const next = () => { if (performance.now() >= end) return;
      http.get(workerData.url.replace('{key}', 'user-' + (1 + (n++ % 5000))), { agent }, (r) => { r.resume(); r.once('end', () => { answers++; next(); }); }).once('error', next); };
    for (let i = 0; i < 16; i++) next();
    setTimeout(() => { parentPort.postMessage(answers / workerData.forMs * 1000); agent.destroy(); }, workerData.forMs);`;
  const worker = new Worker(client, { eval: true, workerData: { url, forMs } });
  const [rate] = (await once(worker, 'message')) as [number];
  await worker.terminate();
  return rate;
}

async function benchCost(values: Settings): Promise<Part> {
  const rounds = Number(values.rounds);
  await using service = await sampleService();
  const rows: { round: number; without: number; at100Hz: number; at1kHz: number }[] = [];
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
  const mean = (pick: (r: (typeof rows)[number]) => number) => rows.reduce((sum, r) => sum + pick(r), 0) / rows.length;
  const table = tableOf(
    rows.map((r) => ({
      round: r.round,
      without: r.without.toFixed(0),
      'at 100 Hz': r.at100Hz.toFixed(0),
      'at 1 kHz': r.at1kHz.toFixed(0),
    })),
  );
  const lost = (pick: (r: (typeof rows)[number]) => number) => 1 - mean(pick) / mean((r) => r.without);
  const own = 1000 / mean((r) => r.without);
  const beside = lost((r) => r.at1kHz) - own;
  return [
    `Throughput of the saturated sample service, without and with probing, in turn, ${rounds} rounds of 5 s each`,
    table,
    `Lost to 100 Hz: ${percent(lost((r) => r.at100Hz))}. Lost to 1 kHz: ${percent(lost((r) => r.at1kHz))}, of which ${percent(own)} are the probe's own 1,000 requests a second, which the service answered as well.`,
    `At most 5 % lost beside the probe's own requests: ${verdict(beside <= 0.05)}.`,
  ];
}

const parts = { outages: benchOutages, punctual: benchPunctual, cost: benchCost } as const;

export async function bench(args: readonly string[]): Promise<string> {
  const values = settingsIn(args);
  const wanted = values.only.split(',');
  const told: string[] = [];
  for (const [name, part] of Object.entries(parts)) {
    if (!wanted.includes(name)) continue;
    const [load] = loadavg();
    told.push(...(await part(values)), `Load of the machine when it began: ${load?.toFixed(1)}.`);
  }
  return told.join('\n\n');
}
