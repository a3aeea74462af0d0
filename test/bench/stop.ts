import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkFault, type FaultRequest } from '../../harness/fault/catalogue.js';
import { Injector } from '../../harness/fault/injector.js';
import { Lease } from '../../harness/online-test/guard.js';
import { readService, ServiceSession } from '../../harness/online-test/session.js';
import { Timeline } from '../../harness/online-test/timeline.js';
import { Journal } from '../../harness/store/journal.js';
import { sleep } from '../../harness/util/deadline.js';
import { newId } from '../../harness/util/ids.js';
import { packageRoot } from '../../harness/util/package-root.js';
import { seededRandom } from '../../harness/util/random.js';
import { markdownTable } from './statistics.js';

/** Every way in which the embedded VIM is struck: threads, links, disks, clocks, power. */
const faults: readonly FaultRequest[] = [
  { kind: 'stall', target: { vnfc: 'worker-1' } },
  { kind: 'delay', target: { link: 'back' }, params: { delayMs: 80 } },
  { kind: 'crash', target: { vnfc: 'worker-2' } },
  { kind: 'link-cut', target: { link: 'front' } },
  { kind: 'disk-full', target: { vnfc: 'store-2' } },
  { kind: 'shutdown', target: { vnfc: 'worker-1' } },
  { kind: 'loss', target: { link: 'front' }, params: { ratio: 0.3 } },
  { kind: 'cpu-starvation', target: { vnfc: 'worker-1' }, params: { share: 0.2 } },
  { kind: 'clock-skew', target: { vnfc: 'store-1' }, params: { offsetMs: 5000 } },
  { kind: 'partition', target: { link: 'back', from: 'worker-1', to: 'store-1' } },
];

export interface StopTimes {
  /** From the signal (Ctrl-C, a stop condition) to the last fault off at the VIM, in milliseconds, one for each stop. */
  readonly signalMs: readonly number[];
  /** From `ordeal stop` in another process' place, through the journal. */
  readonly requestMs: readonly number[];
  /** The slowest of each fault. */
  readonly slowest: Readonly<Record<string, number>>;
}

/**
 * Stops tests of one fault at random moments of its first 400 ms, in the middle of injection and measurement too.
 * @param stops of each way
 */
export async function measureStops(stops: number, seed: number): Promise<StopTimes> {
  const stateFolder = await mkdtemp(join(tmpdir(), 'ordeal-stops-'));
  const file = join(packageRoot, 'scenarios', 'session-gateway', 'service.yaml');
  const random = seededRandom(seed);
  const signalMs: number[] = [];
  const requestMs: number[] = [];
  const slowest: Record<string, number> = {};
  {
    await using session = await ServiceSession.open(await readService(file), { stateFolder });
    await session.start();
    using elsewhere = new Journal(stateFolder);
    // A real guard writes to the same journal; one for all, as it has no part in a stop.
    const beside = begin(session.journal, 'beside', '');
    using lease = new Lease(session.journal, beside);
    await lease.guarded();
    for (let i = 0; i < 2 * stops; i++) {
      const request = faults[Math.floor(i / 2) % faults.length] as FaultRequest;
      const byRequest = i % 2 === 1;
      const tookMs = await stopOnce(session, elsewhere, request, 400 * random(), byRequest);
      (byRequest ? requestMs : signalMs).push(tookMs);
      slowest[request.kind] = Math.max(slowest[request.kind] ?? 0, tookMs);
    }
    session.journal.close(beside);
  }
  await rm(stateFolder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  return { signalMs, requestMs, slowest };
}

function begin(journal: Journal, serviceId: string, serviceFile: string): string {
  const id = newId('run');
  journal.begin({ id, serviceFile, serviceId, outFolder: '', pid: process.pid, startedAt: new Date().toISOString() });
  return id;
}

async function stopOnce(
  session: ServiceSession,
  elsewhere: Journal,
  request: FaultRequest,
  afterMs: number,
  byRequest: boolean,
): Promise<number> {
  const { journal, service } = session;
  const [vim] = session.vims.values();
  if (vim?.faults === undefined) throw new Error('the embedded VIM injects faults');
  const runId = begin(journal, service.descriptor.id, service.file);
  using lease = new Lease(journal, runId, { startGuard: () => undefined });
  const stop = new AbortController();
  const nowMs = () => performance.now();
  const injector = new Injector({ runId, journal, nowMs, seed: 1, vimOf: () => vim, expiresAfterMs: 60_000 });
  const signal = AbortSignal.any([stop.signal, lease.stopped]);
  const timeline = new Timeline(injector, [{ ...checkFault(request, 'bench'), afterMs: 0 }], signal);
  const interrupted = timeline.start().then(
    () => new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })),
    () => undefined,
  );
  await sleep(afterMs);
  const fromMs = performance.now();
  if (byRequest) elsewhere.requestStop(runId, 'the bench');
  else stop.abort(new Error('stopped by the bench'));
  if (!signal.aborted) await interrupted;
  const failures = await timeline.stop();
  const tookMs = performance.now() - fromMs;
  const left = await vim.faults.active();
  if (failures.length > 0 || left.length > 0) throw new Error(`${request.kind} was not healed: ${String(failures[0])}`);
  journal.close(runId);
  return tookMs;
}

export const percentile = (values: readonly number[], p: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(p * sorted.length) - 1)] ?? Number.NaN;
};

/** 300 stops of each way, over ten kinds of fault: enough for a 99th percentile. */
export async function bench(): Promise<string> {
  const { signalMs, requestMs, slowest } = await measureStops(300, 20261123);
  const row = (what: string, ms: readonly number[]) => [
    what,
    String(ms.length),
    ...[0.5, 0.95, 0.99, 1].map((p) => percentile(ms, p).toFixed(1)),
  ];
  const figures = markdownTable(
    ['from the stop to the fault removed', 'stops', 'p50, ms', 'p95, ms', 'p99, ms', 'max, ms'],
    [row('signal: Ctrl-C, stop condition', signalMs), row('`ordeal stop`, through the journal', requestMs)],
  );
  const kinds = Object.entries(slowest).map(([kind, ms]) => [kind, ms.toFixed(1)]);
  return `${figures}\n\n${markdownTable(['fault', 'slowest, ms'], kinds)}`;
}
