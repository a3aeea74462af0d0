import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { latencyMs } from '../../harness/model/probe.js';
import { type LoadResult, startLoad } from '../../harness/monitor/load.js';
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
      each: { type: 'string', default: '5' },
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
      'held of those seen': percent(
        some.filter((f) => f.held).length / some.filter((f) => f.reported !== undefined).length,
      ),
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
  const heldUp = Math.max(...cost.probes.map((p) => p.lateness.maxMs));
  const held = found.filter((f) => f.held).length / found.length;
  const narrow = found.filter((f) => f.widerMs <= allowedMs).length / found.length;
  return [
    title,
    table,
    `False alarms: ${alarms}. Greatest p99 lateness of a probe: ${ms(lateness)}, greatest of all: ${ms(heldUp)} (a probe that the machine holds up for longer than an outage lasts cannot see it). Probing took ${ms(cost.cpuMs)} of CPU.`,
    `Held in at least 99 %: ${verdict(held >= 0.99)}. At most ${allowedMs} ms wider in at least 99 %: ${verdict(narrow >= 0.99)}.`,
  ];
}

/** The session gateway of the samples, with its 5,000 sessions. */
async function sampleService(): Promise<{ base: string } & AsyncDisposable> {
  const stateFolder = await mkdtemp(join(tmpdir(), 'ordeal-bench-'));
  const file = join(packageRoot, 'scenarios', 'session-gateway', 'service.yaml');
  const session = await ServiceSession.open(await readService(file), { stateFolder });
  await session.start();
  return {
    base: (await session.addresses())('lb.public'),
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
      probes: [httpProbe('khz', { url: `${service.base}/sessions/{key}`, rateHz: 1000, keys })],
      resolve: () => '',
    });
    await using load = await startLoad({
      profile: { timetable: { kind: 'constant', rateHz: 500 }, durationMs: (seconds + 2) * 1000 },
      request: httpProbe('load', { url: `${service.base}/sessions/{key}`, keys }),
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

/** As many requests as the service answers its users in this time, over 16 connections. */
async function throughput(url: string, forMs: number): Promise<number> {
  const workerData = { spec: httpProbe('users', { url, keys }), connections: 16, forMs };
  const worker = new Worker(new URL('./saturate-worker.js', import.meta.url), { workerData });
  const [rate] = (await once(worker, 'message')) as [number];
  await worker.terminate();
  return rate;
}

/** What users are answered in this time when they ask `rateHz` times a second, whether or not they are answered. */
async function atWork(url: string, rateHz: number, forMs: number): Promise<LoadResult> {
  await using load = await startLoad({
    profile: { timetable: { kind: 'constant', rateHz }, durationMs: forMs, maxRequests: 1_000_000 },
    request: httpProbe('users', { url, keys }),
    resolve: () => '',
  });
  return await load.ended;
}

/** What is asked at 1 kHz: a session, through all VNFCs, or what an ordinary health check asks, of the first alone. */
const probed = { session: '/sessions/{key}', health: '/health' } as const;

interface CostRound {
  readonly without: number;
  readonly atWork: LoadResult;
  readonly beside: Readonly<
    Record<keyof typeof probed, { users: number; probe: number; cpu: number; atWork: LoadResult }>
  >;
}

async function costRound(base: string, forMs: number): Promise<CostRound> {
  const sessions = `${base}/sessions/{key}`;
  const without = await throughput(sessions, forMs);
  const half = Math.floor(without / 2);
  const alone = await atWork(sessions, half, forMs);
  const beside = {} as Record<keyof typeof probed, { users: number; probe: number; cpu: number; atWork: LoadResult }>;
  for (const [name, path] of Object.entries(probed) as [keyof typeof probed, string][]) {
    await using monitor = await startMonitor({
      probes: [httpProbe('p', { url: `${base}${path}`, rateHz: 1000, keys })],
      resolve: () => '',
    });
    await sleep(300);
    const fromMs = monitor.nowMs();
    const cpuBefore = monitor.cost().cpuMs;
    const users = await throughput(sessions, forMs);
    const toMs = monitor.nowMs();
    const cpu = (monitor.cost().cpuMs - cpuBefore) / (toMs - fromMs);
    await monitor.settled(toMs);
    const good = monitor.history('p', fromMs, toMs).samples.filter((s) => s.ok).length;
    beside[name] = { users, probe: (good * 1000) / (toMs - fromMs), cpu, atWork: await atWork(sessions, half, forMs) };
  }
  return { without, atWork: alone, beside };
}

/**
 * Two readings of "throughput lost to probing". At work: users ask for half of what the service can do, as in operation,
 * and count what they are no longer answered. Saturated: they ask for all that it can do; then a probe's own requests are
 * answered instead of theirs, whatever a probe costs (1,000 a second are what was asked for), so what is lost is what
 * neither of them is answered any more. The clients of the users take their CPU from the same cores.
 */
async function benchCost(values: Settings): Promise<Part> {
  await using service = await sampleService();
  const forMs = Number(values.each) * 1000;
  await throughput(`${service.base}/sessions/{key}`, 2000);
  const rounds: CostRound[] = [];
  for (let i = 0; i < Number(values.rounds); i++) rounds.push(await costRound(service.base, forMs));
  const mean = (pick: (r: CostRound) => number) => rounds.reduce((sum, r) => sum + pick(r), 0) / rounds.length;
  const without = mean((r) => r.without);
  const rows = (Object.keys(probed) as (keyof typeof probed)[]).map((name) => {
    const users = mean((r) => r.beside[name].users);
    const probe = mean((r) => r.beside[name].probe);
    return {
      'probe at 1 kHz': name,
      'users answered /s': users.toFixed(0),
      'probe answered /s': probe.toFixed(0),
      'CPU of the prober': percent(mean((r) => r.beside[name].cpu)),
      'users lose': percent(1 - users / without),
      'lost to nobody': percent(1 - (users + probe) / without),
    };
  });
  const asked = mean((r) => r.atWork.offered);
  const kept = (r: LoadResult) => r.good / r.offered;
  const work = (name: string, pick: (r: CostRound) => LoadResult) => ({
    'at half of that': name,
    'answered well': percent(mean((r) => kept(pick(r)))),
    p50: ms(mean((r) => pick(r).latency.p50Ms)),
    p99: ms(mean((r) => pick(r).latency.p99Ms)),
  });
  const lostAtWork = 1 - mean((r) => kept(r.beside.session.atWork)) / mean((r) => kept(r.atWork));
  const lostSaturated = 1 - mean((r) => r.beside.session.users + r.beside.session.probe) / without;
  return [
    `Saturated by 16 users: ${without.toFixed(0)} answers a second without a probe; ${rounds.length} rounds of ${values.each} s each`,
    tableOf(rows),
    `Users at work, ${asked.toFixed(0)} requests in ${values.each} s`,
    tableOf([
      work('no probe', (r) => r.atWork),
      work('session at 1 kHz', (r) => r.beside.session.atWork),
      work('health at 1 kHz', (r) => r.beside.health.atWork),
    ]),
    `Lost to probing at most 5 %: at work ${percent(lostAtWork)}: ${verdict(lostAtWork <= 0.05)}; saturated ${percent(lostSaturated)} beside the probe's own requests: ${verdict(lostSaturated <= 0.05)}.`,
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
