import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { until } from '../../harness/util/deadline.js';
import { DockerHost } from '../hosts/containers/docker-host.js';
import { containerSample } from '../vim/oci/container-sample.js';
import { markdownTable, median } from './statistics.js';

const run = promisify(execFile);
const sizesMiB = [16, 256];
const rounds = 3;

interface Figures {
  readonly totals: number[];
  readonly pauses: number[];
}

/** One container of each size: our snapshots and reverts against Docker's own checkpoints and bare runc, in turn. */
export async function bench(): Promise<string> {
  const host = await DockerHost.start().catch((e: Error) => e.message);
  if (typeof host === 'string') return `No real container can be had here: ${host}`;
  try {
    const rows: string[][] = [];
    for (const mib of sizesMiB) rows.push(...(await oneSize(host, mib)));
    const head = ['process', 'operation', 'rounds', 'total ms', 'paused ms'];
    return `${markdownTable(head, rows)}\n\nMedians. Docker's checkpoint and runc's leave out the writable layer and the volumes, which ours hold.`;
  } finally {
    await host[Symbol.asyncDispose]();
  }
}

async function oneSize(host: DockerHost, mib: number): Promise<string[][]> {
  await using s = await containerSample(host, { environment: { subject: { BALLAST_MIB: String(mib) } } });
  const compute = await s.vim.locate(s.subject);
  const figures = new Map<string, Figures>();
  const measure = async (operation: string, work: () => Promise<number | undefined>) => {
    const found = figures.get(operation) ?? { totals: [], pauses: [] };
    figures.set(operation, found);
    const from = performance.now();
    const pausedMs = await work();
    found.totals.push(performance.now() - from);
    if (pausedMs !== undefined) found.pauses.push(pausedMs);
  };
  const serves = () =>
    until(
      'it answers',
      () =>
        s
          .counter()
          .then((n) => n >= 0)
          .catch(() => false),
      { withinMs: 120_000, everyMs: 5 },
    );
  const images = join(host.folder, 'bench');
  for (let round = 0; round < rounds; round++) {
    let id = '';
    await measure('Ordeal: snapshot, stored', async () => {
      const captured = await s.vim.snapshots.capture(compute, { name: 'bench', type: 'warm' });
      id = (await captured.store()).id;
      return captured.pausedMs;
    });
    await measure('Ordeal: revert until it answers', async () => {
      await s.vim.snapshots.revert(compute, id);
      await serves();
      return undefined;
    });
    await s.vim.snapshots.delete([id]);
    await measure('runc checkpoint', async () => {
      await mkdir(images);
      const enter = ['--target', String(host.daemon.namespaces.pid), '--mount', '--net', '--'];
      const runc = ['runc', '--criu', host.criu, '--root', host.daemon.runtimeRoot, 'checkpoint', '--leave-running'];
      const options = ['--tcp-established', '--file-locks', '--image-path', images, '--work-path', images];
      await run('nsenter', [...enter, ...runc, ...options, compute]);
      return undefined;
    });
    await rm(images, { recursive: true });
    const name = `bench${round}`;
    await measure('docker checkpoint', async () => {
      await host.docker('checkpoint', 'create', '--leave-running', s.subject, name);
      return undefined;
    });
    await host.docker('kill', s.subject);
    await host.docker('wait', s.subject);
    await measure('docker start --checkpoint until it answers', async () => {
      await host.docker('start', '--checkpoint', name, s.subject);
      await serves();
      return undefined;
    });
  }
  return [...figures].map(([operation, { totals, pauses }]) => [
    `${mib} MiB`,
    operation,
    String(totals.length),
    median(totals).toFixed(0),
    pauses.length === 0 ? '' : median(pauses).toFixed(0),
  ]);
}
