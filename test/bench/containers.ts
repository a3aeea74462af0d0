import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { until } from '../../harness/util/deadline.js';
import { openVim } from '../../harness/vim/registry.js';
import { DockerHost } from '../hosts/containers/docker-host.js';
import { PodmanHost } from '../hosts/containers/podman-host.js';
import { RuncHost } from '../hosts/containers/runc-host.js';
import { type ContainerSample, containerSample } from '../vim/oci/container-sample.js';
import { PauseProber } from './pause-prober.js';
import { markdownTable, median } from './statistics.js';

const run = promisify(execFile);
type Host = DockerHost | PodmanHost | RuncHost;
const hosts: Readonly<Record<string, () => Promise<Host>>> = {
  runc: RuncHost.start,
  podman: PodmanHost.start,
  docker: DockerHost.start,
};

interface Round {
  readonly operation: string;
  readonly totalMs: number;
  readonly pausedMs?: number;
}

/**
 * Our snapshots and reverts against each engine's own checkpoint, runc by hand, and bare CRIU, in turn.
 * `--engines=runc,podman --sizes=16,256 --rounds=3`
 */
export async function bench(options: readonly string[]): Promise<string> {
  const given = (name: string, otherwise: string): string[] =>
    (options.find((o) => o.startsWith(`--${name}=`))?.split('=')[1] ?? otherwise).split(',');
  const rows: string[][] = [];
  const missing: string[] = [];
  for (const engine of given('engines', Object.keys(hosts).join(','))) {
    const host = await (hosts[engine] ?? unknown(engine))().catch((e: Error) => e.message);
    if (typeof host === 'string') {
      missing.push(`${engine}: ${host}`);
      continue;
    }
    try {
      for (const mib of given('sizes', '16,256').map(Number)) {
        rows.push(...(await oneSize(host, mib, Number(given('rounds', '3')[0]))));
      }
    } finally {
      await host[Symbol.asyncDispose]();
    }
  }
  const head = ['engine', 'process', 'operation', 'rounds', 'total ms', 'pause seen by a 5 ms prober'];
  const notes = [
    "Medians; ours and runc's by hand come first in turn, before each operation the machine has written back what it owes to its disks. The checkpoints of Docker and CRIU leave out the writable layer and the volumes, Podman's the volumes; ours and runc's by hand hold both.",
    ...missing,
  ];
  return `${markdownTable(head, rows)}\n\n${notes.join('\n')}`;
}

const unknown = (engine: string) => (): Promise<Host> => Promise.reject(new Error(`there is no engine ${engine}`));

async function oneSize(host: Host, mib: number, rounds: number): Promise<string[][]> {
  await using s = await containerSample(host, { environment: { subject: { BALLAST_MIB: String(mib) } } });
  const all: Round[] = [];
  for (let i = 0; i < rounds; i++) all.push(...(await oneRound(host, s, mib, i)));
  const operations = [...new Set(all.map((r) => r.operation))];
  return operations.map((operation) => {
    const mine = all.filter((r) => r.operation === operation);
    const pauses = mine.flatMap((r) => r.pausedMs ?? []);
    return [
      host.kind,
      `${mib} MiB`,
      operation,
      String(mine.length),
      median(mine.map((r) => r.totalMs)).toFixed(0),
      pauses.length === 0 ? '' : median(pauses).toFixed(0),
    ];
  });
}

/** What the one before has written is on the disk: else the next one, whichever it is, waits for its gigabytes too. */
const settle = () => run('sync');

async function oneRound(host: Host, s: ContainerSample, mib: number, round: number): Promise<Round[]> {
  const done: Round[] = [];
  const compute = await s.vim.locate(s.subject);
  const measure = async (operation: string, work: () => Promise<unknown>, isPauseSeen = true) => {
    await settle();
    await using prober = new PauseProber(() => s.counter());
    const from = performance.now();
    await work();
    const totalMs = performance.now() - from;
    const pausedMs = await prober.longestMs();
    done.push({ operation, totalMs, ...(isPauseSeen ? { pausedMs } : {}) });
  };
  const answers = () => s.counter().catch(() => undefined);
  const serves = () => until('it answers', answers, { withinMs: 120_000, everyMs: 5 });
  const work = join(host.folder, 'bench');

  const ours = async () => {
    let id = '';
    let store: () => Promise<unknown> = () => Promise.resolve();
    await measure('Ordeal: snapshot, until it is captured', async () => {
      const captured = await s.vim.snapshots.capture(compute, { name: 'bench', type: 'warm' });
      id = captured.id;
      store = () => captured.store();
    });
    await measure('Ordeal: until it is durable, while the service goes on', () => store());
    await measure('Ordeal: revert until it answers', async () => {
      await s.vim.snapshots.revert(compute, id);
      await serves();
    });
    await s.vim.snapshots.delete([id]);
  };
  const theirs = async () => {
    await mkdir(work);
    await measure('runc and cp by hand, not durable', () => byHand(host, s, compute, work));
    await rm(work, { recursive: true });
  };
  // The first gigabyte that is written to a file after some idle seconds can take a second longer than the next, whoever
  // writes it (plain dd too): each of the two comes first in every other round.
  for (const turn of round % 2 === 0 ? [ours, theirs] : [theirs, ours]) await turn();
  await measure('cold start until it answers', async () => {
    await s.vim.stop(compute, { graceMs: 0 });
    await s.vim.start(compute);
    await serves();
  });
  if (host instanceof RuncHost) {
    await lazyRevert(s, compute, (revert) =>
      measure('Ordeal: lazy revert until it answers', async () => {
        await revert();
        await serves();
      }),
    );
  }
  await settle();
  done.push({ operation: 'bare CRIU, a process of that size', totalMs: await bareCriu(host, mib, work) });
  await rm(work, { recursive: true });
  if (host instanceof DockerHost) {
    const name = `bench${round}`;
    await measure('docker checkpoint', () => host.docker('checkpoint', 'create', '--leave-running', s.subject, name));
    await host.docker('kill', s.subject);
    await host.docker('wait', s.subject);
    await measure('docker start --checkpoint until it answers', async () => {
      await host.docker('start', '--checkpoint', name, s.subject);
      await serves();
    });
  }
  if (host instanceof PodmanHost) {
    const archive = join(host.folder, 'bench.tar');
    const options = ['--leave-running', '--tcp-established', '--file-locks', '--compress', 'none', '--export', archive];
    await measure('podman container checkpoint', () => host.podman('container', 'checkpoint', ...options, s.subject));
    await rm(archive);
  }
  return done;
}

/** @param measure only its revert: then all of the memory comes back, before anything else is done */
async function lazyRevert(
  s: ContainerSample,
  compute: string,
  measure: (work: () => Promise<unknown>) => Promise<void>,
): Promise<void> {
  await using vim = await openVim('runc', { ...s.context, options: { ...s.context.options, lazyRevert: true } });
  const capture = () => vim.snapshots.capture(compute, { name: 'bench', type: 'warm' });
  const { id } = await (await capture()).store();
  await measure(() => vim.snapshots.revert(compute, id));
  const isBack = () =>
    capture().then(
      async (captured) => captured.discard().then(() => true),
      () => false,
    );
  await until('all of the memory is back', isBack, { withinMs: 120_000, everyMs: 200 });
  await vim.snapshots.delete([id]);
}

/** What a careful operator would do with runc alone: stand still, dump, copy layer and volume, go on. */
async function byHand(host: Host, s: ContainerSample, compute: string, work: string): Promise<void> {
  const { folders, runtimeRoot } = await placesOf(host, s, compute);
  const script = `set -e
runc="runc --criu $1 --root $2"; id=$3; work=$4
shift 4
$runc pause "$id"
$runc checkpoint --leave-running --tcp-established --file-locks --image-path "$work/memory" --work-path "$work/work" "$id" &
for folder in "$@"; do cp -a "$folder" "$work/"; done
wait $!
$runc resume "$id"`;
  await enter(host, 'sh', '-c', script, 'sh', host.criu, runtimeRoot, compute, work, ...folders);
}

async function placesOf(host: Host, s: ContainerSample, compute: string) {
  if (host instanceof RuncHost) {
    const engine = join(host.folder, 'ordeal', 'engine');
    const folders = [
      join(engine, 'containers', compute, 'upper'),
      join(engine, 'volumes', `${s.subject}.data`, 'data'),
    ];
    return { folders, runtimeRoot: join(host.folder, 'runc') };
  }
  const format = '{{.GraphDriver.Data.UpperDir}}{{range .Mounts}}{{if .RW}} {{.Source}}{{end}}{{end}}';
  const said =
    host instanceof DockerHost
      ? host.docker('inspect', '-f', format, compute)
      : host.podman('inspect', '-f', format, compute);
  const folders = (await said).trim().split(' ');
  return { folders, runtimeRoot: host instanceof DockerHost ? host.daemon.runtimeRoot : '/run/runc' };
}

/** A process of the same size outside of any container: no layer, no volume, no runtime. */
async function bareCriu(host: Host, mib: number, work: string): Promise<number> {
  await mkdir(work);
  const script = `set -e
setsid perl -e 'my $held = ""; vec($held, $ARGV[0] << 20, 8) = 0; substr($held, $_ << 20, 1048576) = chr(33 + $_ % 90) x 1048576 for 0 .. $ARGV[0] - 1; open my $f, ">", "$ARGV[1]/ready"; close $f; sleep 1000' "$2" "$3" </dev/null >/dev/null 2>&1 &
pid=$!
trap 'kill -9 $pid 2>/dev/null || true' EXIT
until [ -e "$3/ready" ]; do sleep 0.05; done
from=$(date +%s%N)
"$1" dump --tree $pid --images-dir "$3" --leave-running --log-file dump.log
echo $((($(date +%s%N) - from) / 1000))`;
  return Number(await enter(host, 'bash', '-c', script, 'bash', host.criu, String(mib), work)) / 1000;
}

async function enter(host: Host, ...command: readonly string[]): Promise<string> {
  return (await run('nsenter', [...host.machine.namespaces.enter, ...command], { maxBuffer: 2 ** 24 })).stdout;
}
