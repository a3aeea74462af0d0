import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { Pool } from 'undici';
import { startMonitor } from '../../harness/monitor/monitor.js';
import type { ServiceSession as Session } from '../../harness/online-test/session.js';
import { readService, ServiceSession } from '../../harness/online-test/session.js';
import { packageRoot } from '../../harness/util/package-root.js';
import { markdownTable, median, spread } from './statistics.js';

const MiB = 2 ** 20;
const rounds = 7;
const vnfcs = 4;

/** 4 VNFCs of 64 MiB: pause, snapshot, revert, bytes, memory; then the gateway's throughput and what probing costs it. */
export async function bench(): Promise<string> {
  return `${await snapshots()}\n\n${await throughput()}`;
}

async function withService<T>(name: string, work: (session: Session, stateFolder: string) => Promise<T>): Promise<T> {
  const stateFolder = await mkdtemp(join(tmpdir(), 'ordeal-bench-'));
  try {
    await using session = await ServiceSession.open(
      await readService(join(packageRoot, 'scenarios', name, 'service.yaml')),
      { stateFolder },
    );
    await session.start();
    return await work(session, stateFolder);
  } finally {
    await rm(stateFolder, { recursive: true, force: true });
  }
}

async function snapshots(): Promise<string> {
  return withService('ballast', async (session, stateFolder) => {
    const { vnfcs: specs = [] } = session.service.descriptor.vnfs[0] ?? {};
    const request = { vnf: 'ballast', name: 'bench', purpose: 'manual' as const, type: 'warm' as const };
    const pauses: number[] = [];
    const cuts: number[] = [];
    const totals: number[] = [];
    const reverts: number[] = [];
    const plain: number[] = [];
    const plainWarm: number[] = [];
    const plainTogether: number[] = [];
    const resident: number[] = [];
    let bytes = 0;
    await using copies = await Copies.of(vnfcs, 64 * MiB);
    const before = await residentMiB(stateFolder, 'VmRSS');
    for (let i = 0; i < rounds; i++) {
      plain.push(await copies.one('new'));
      plainWarm.push(await copies.one('warm'));
      for (const vnfc of specs) {
        const vim = session.vimOf(vnfc);
        const captured = await vim.snapshots.capture(await session.locate(vnfc), { name: 'bench', type: 'warm' });
        pauses.push(captured.pausedMs);
        await captured.discard();
      }
      plainTogether.push(await copies.together());
      const from = performance.now();
      const snapshot = await session.engine.create(request);
      totals.push(performance.now() - from);
      cuts.push(snapshot.userDefinedData.cut?.pausedMs ?? Number.NaN);
      resident.push(await residentMiB(stateFolder, 'VmHWM'));
      const stored = await Promise.all(
        snapshot.vnfcSnapshots.map((s, n) =>
          session.vimOf(specs[n] ?? specs[0]!).snapshots.show(s.computeSnapshotResource?.resourceId ?? ''),
        ),
      );
      bytes = stored.reduce((sum, s) => sum + s.bytesStored, 0);
      const revertFrom = performance.now();
      await session.engine.revert(snapshot.id);
      reverts.push(performance.now() - revertFrom);
      await session.engine.delete([snapshot.id]);
    }
    return markdownTable(
      ['4 VNFCs of 64 MiB, median (min to max)', 'figure'],
      [
        ['pause of one VNFC, ms', spread(pauses)],
        ['plain copy of the same memory into memory in use, ms', spread(plainWarm)],
        ['ratio', (median(pauses) / median(plainWarm)).toFixed(2)],
        ['plain copy into new memory, ms', spread(plain)],
        ['pause of all four in one consistent cut, ms', spread(cuts)],
        ['four plain copies side by side into memory in use, ms', spread(plainTogether)],
        ['ratio', (median(cuts) / median(plainTogether)).toFixed(2)],
        ['VNF Snapshot in all, durable, ms', spread(totals)],
        ['VNF revert, ms', spread(reverts)],
        ['stored, MiB', (bytes / MiB).toFixed(1)],
        ['host process before, MiB', before.toFixed(0)],
        ['host process at its highest, before any revert, MiB', (resident[0] ?? Number.NaN).toFixed(0)],
        ['host process at its highest, reverts included, MiB', Math.max(...resident).toFixed(0)],
      ],
    );
  });
}

/** Of the host process, which holds the VNFCs. Linux only; NaN elsewhere. */
async function residentMiB(stateFolder: string, field: 'VmRSS' | 'VmHWM'): Promise<number> {
  const { pid } = JSON.parse(await readFile(join(stateFolder, 'embedded', 'ballast', 'host.json'), 'utf8')) as {
    pid: number;
  };
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1] ?? Number.NaN) / 1024;
}

class Copies implements AsyncDisposable {
  private constructor(readonly workers: readonly Worker[]) {}

  static async of(count: number, bytes: number): Promise<Copies> {
    const entry = new URL('./copy-thread.js', import.meta.url);
    const workers = Array.from({ length: count }, () => {
      const memory = new SharedArrayBuffer(bytes);
      new Uint8Array(memory).fill(7);
      return new Worker(entry, { workerData: memory });
    });
    await Promise.all(workers.map((w) => once(w, 'online')));
    return new Copies(workers);
  }

  async one(into: 'new' | 'warm'): Promise<number> {
    return this.#copy(this.workers[0], into);
  }

  async together(): Promise<number> {
    return Math.max(...(await Promise.all(this.workers.map((w) => this.#copy(w, 'warm')))));
  }

  async #copy(worker: Worker | undefined, into: 'new' | 'warm'): Promise<number> {
    if (worker === undefined) return Number.NaN;
    const answer = once(worker, 'message') as Promise<[{ ms: number }]>;
    worker.postMessage(into);
    return (await answer)[0].ms;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.workers.map((w) => w.terminate()));
  }
}

const connections = 16;
const loadMs = 3000;
const mostRequests = 60_000;

async function throughput(): Promise<string> {
  return withService('session-gateway', async (session) => {
    const resolve = await session.addresses();
    const alone: number[] = [];
    const probed: number[] = [];
    for (let i = 0; i < 3; i++) {
      alone.push(await requestsPerSecond(resolve('lb.public')));
      await using _ = await startMonitor({ probes: session.service.descriptor.probes, resolve });
      probed.push(await requestsPerSecond(resolve('lb.public')));
    }
    const probes = session.service.descriptor.probes.reduce((sum, p) => sum + p.rateHz, 0);
    return markdownTable(
      ['session gateway, 16 connections, median (min to max)', 'figure'],
      [
        ['requests a second', spread(alone, 0)],
        [`requests a second while ${probes} probes a second go on`, spread(probed, 0)],
        ['lost to probing', `${(100 * (1 - median(probed) / median(alone))).toFixed(1)} %`],
      ],
    );
  });
}

/** Closed loop, bounded in count and time. */
async function requestsPerSecond(base: string): Promise<number> {
  const pool = new Pool(base, { connections });
  const until = performance.now() + loadMs;
  let sent = 0;
  let good = 0;
  const loop = async () => {
    while (performance.now() < until && sent < mostRequests) {
      sent += 1;
      const { statusCode, body } = await pool.request({ method: 'GET', path: `/sessions/user-${1 + (sent % 5000)}` });
      await body.dump();
      if (statusCode === 200) good += 1;
    }
  };
  const from = performance.now();
  await Promise.all(Array.from({ length: connections }, loop));
  const seconds = (performance.now() - from) / 1000;
  await pool.close();
  return good / seconds;
}
