import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { attributesOf } from '../../harness/store/attribute-filter.js';
import { openState, type State } from '../../harness/store/state.js';
import { dirty, memoryImage } from '../store/chunks/images.js';
import { aSnapshot, fill, timed } from '../store/records.js';
import { markdownTable, median, spread } from './statistics.js';

const MiB = 2 ** 20;
const images = 10;
const imageBytes = 256 * MiB;
const operation = fileURLToPath(new URL('./store-operation.js', import.meta.url));

/** A tool that keeps images: how it is run, in a folder of its own. `file` is the image, `n` its number. */
interface Tool {
  readonly name: string;
  /** Programs that have to be there. */
  readonly needs: readonly string[];
  readonly setUp?: string;
  readonly backUp: (n: number, file: string) => string;
  /** Into the folder `out`. */
  readonly restore: (n: number, file: string) => string;
  readonly stored: string;
}

const tools: readonly Tool[] = [
  {
    name: 'Ordeal chunk store',
    needs: [],
    backUp: (n, file) => `"${process.execPath}" "${operation}" put state image-${n} "${file}"`,
    restore: (n) => `"${process.execPath}" "${operation}" restore state image-${n} out/image`,
    stored: 'state/chunks',
  },
  {
    name: 'restic (it encrypts, too)',
    needs: ['restic'],
    setUp: 'restic init --quiet --repository-version latest',
    backUp: (n, file) => `restic backup --quiet --no-cache --tag image-${n} "${file}"`,
    restore: (n) => `restic restore --quiet --no-cache latest --tag image-${n} --target out`,
    stored: 'repository',
  },
  {
    name: 'tar and zstd -T0',
    needs: ['tar', 'zstd'],
    setUp: 'mkdir archives',
    backUp: (n, file) => `tar -C / -cf - "${file.slice(1)}" | zstd -q -T0 -o archives/image-${n}.tar.zst`,
    restore: (n) => `zstd -q -dc archives/image-${n}.tar.zst | tar -C out -xf -`,
    stored: 'archives',
  },
  {
    name: 'casync',
    needs: ['casync'],
    setUp: 'mkdir archives',
    backUp: (n, file) => `casync make --store=archives/store.castr archives/image-${n}.caibx "${file}"`,
    restore: (n) => `casync extract --store=archives/store.castr archives/image-${n}.caibx out/image`,
    stored: 'archives',
  },
];

interface Measured {
  readonly ms: number;
  /** Of all its processes: what a machine that is busy with other things does not change much. */
  readonly cpuMs: number;
  readonly peakBytes: number;
}

/** Runs it with a shell. The peak is the largest sum of the resident memory of all its processes, looked at every 10 ms. */
async function run(command: string, cwd: string): Promise<Measured> {
  const from = performance.now();
  const child = spawn('sh', ['-c', `(${command}) >/dev/null; code=$?; times; exit $code`], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, RESTIC_REPOSITORY: join(cwd, 'repository'), RESTIC_PASSWORD: 'bench' },
  });
  let said = '';
  child.stderr.on('data', (text: Buffer) => {
    said += text.toString();
  });
  let times = '';
  child.stdout.on('data', (text: Buffer) => {
    times += text.toString();
  });
  let peakBytes = 0;
  const look = setInterval(async () => {
    peakBytes = Math.max(peakBytes, await residentBytes(child.pid ?? 0));
  }, 10);
  const [code] = await once(child, 'close');
  const ms = performance.now() - from;
  clearInterval(look);
  if (code !== 0) throw new Error(`${command}: exit code ${code}\n${said}`);
  return { ms, cpuMs: childrenMs(times), peakBytes };
}

/** The second line of `times`: user and system time of the children, `0m1.250s 0m0.310s`. */
function childrenMs(times: string): number {
  const parts = times.trim().split('\n')[1]?.split(' ') ?? [];
  return parts.reduce((sum, part) => {
    const [minutes = '0', seconds = '0'] = part.replace('s', '').split('m');
    return sum + (Number(minutes) * 60 + Number(seconds)) * 1000;
  }, 0);
}

/** Of the process and its descendants; 0 once they are gone. */
async function residentBytes(pid: number): Promise<number> {
  try {
    const [status, children] = await Promise.all([
      readFile(`/proc/${pid}/statm`, 'utf8'),
      readFile(`/proc/${pid}/task/${pid}/children`, 'utf8'),
    ]);
    const own = Number(status.split(' ')[1]) * 4096;
    const theirs = await Promise.all(
      children
        .trim()
        .split(' ')
        .filter(Boolean)
        .map((c) => residentBytes(Number(c))),
    );
    return theirs.reduce((sum, bytes) => sum + bytes, own);
  } catch {
    return 0;
  }
}

async function bytesIn(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return bytes;
}

const isThere = (program: string): boolean =>
  spawnSync(program, [program === 'restic' ? 'version' : '--version']).status === 0;

/** Ten successive memory images of 256 MiB with 5 % dirty pages: backed up and restored by each tool, in turn. */
async function memoryImages(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'ordeal-bench-store-'));
  try {
    const present = tools.filter((t) => t.needs.every(isThere));
    const absent = tools.filter((t) => !present.includes(t));
    const results = new Map<Tool, { backUps: Measured[]; restores: Measured[]; firstBytes: number }>();
    for (const tool of present) {
      await mkdir(join(root, tool.name, 'out'), { recursive: true });
      if (tool.setUp !== undefined) await run(tool.setUp, join(root, tool.name));
      results.set(tool, { backUps: [], restores: [], firstBytes: 0 });
    }
    const image = memoryImage(imageBytes, 1);
    const file = join(root, 'image');
    for (let n = 0; n < images; n++) {
      if (n > 0) dirty(image, 0.05, n);
      await writeFile(file, image);
      // In turn, each time another first, so that a slow minute of the machine hits all of them.
      for (const tool of rotate(present, n)) {
        const result = results.get(tool);
        if (result === undefined) continue;
        const folder = join(root, tool.name);
        result.backUps.push(await run(tool.backUp(n, file), folder));
        if (n === 0) result.firstBytes = await bytesIn(join(folder, tool.stored));
        result.restores.push(await run(tool.restore(n, file), folder));
        if (n === images - 1) await compare(join(folder, 'out'), image, tool.name);
        await rm(join(folder, 'out'), { recursive: true });
        await mkdir(join(folder, 'out'));
      }
    }
    const rows: string[][] = [];
    for (const [tool, { backUps, restores, firstBytes }] of results) {
      const bytes = await bytesIn(join(root, tool.name, tool.stored));
      const peak = Math.max(...[...backUps, ...restores].map((m) => m.peakBytes));
      rows.push([
        tool.name,
        (backUps[0]?.ms ?? 0).toFixed(0),
        spread(
          backUps.slice(1).map((m) => m.ms),
          0,
        ),
        spread(
          restores.map((m) => m.ms),
          0,
        ),
        spread(
          backUps.slice(1).map((m) => m.cpuMs),
          0,
        ),
        spread(
          restores.map((m) => m.cpuMs),
          0,
        ),
        (firstBytes / MiB).toFixed(1),
        ((bytes - firstBytes) / MiB / (images - 1)).toFixed(2),
        (bytes / MiB).toFixed(1),
        (peak / MiB).toFixed(0),
      ]);
    }
    const times = [
      'first back-up, ms',
      'each further, ms',
      'restoration, ms',
      'each further, CPU ms',
      'restoration, CPU ms',
    ];
    const header = ['', ...times, 'first, MiB', 'each further, MiB'];
    return [
      `${images} images of ${imageBytes / MiB} MiB, each with 5 % of its pages dirtied since the one before; medians (smallest to largest)`,
      '',
      markdownTable([...header, 'all stored, MiB', 'peak memory, MiB'], rows),
      ...absent.map((t) => `\nnot measured, not installed: ${t.name}`),
    ].join('\n');
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

const rotate = <T>(items: readonly T[], by: number): T[] => items.map((_, i) => items[(i + by) % items.length] as T);

async function compare(folder: string, image: Buffer, name: string): Promise<void> {
  const [file] = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((f) => f.isFile());
  const restored = file === undefined ? undefined : await readFile(join(file.parentPath, file.name));
  if (restored?.equals(image) !== true) throw new Error(`${name} did not restore what it was given`);
}

/** A repository of 100,000 VNF Snapshots: how fast it opens and answers. */
async function repository(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ordeal-bench-repository-'));
  try {
    {
      await using state = await openState(folder);
      fill(state, 100_000);
    }
    const opened: number[] = [];
    const rounds = 9;
    const filters = [
      { vnf: 'vnf-3', limit: 100 },
      { vnf: 'vnf-3', purpose: 'restore', limit: 100 },
      { vnfc: 'vnf-3-a', limit: 100 },
      { name: 'nightly 1000' },
      { runId: 'run-77777' },
      { since: '2026-03-01T00:00:00Z', limit: 100 },
      { where: '(eq,vnfInstanceId,vnf-3);(gt,vnfcSnapshots/userDefinedData/bytesStored,1050000)', limit: 50 },
      { where: '(eq,vnfcSnapshots/computeSnapshotResource/resourceId,instance-500-vnf-0-a)' },
      { limit: 100 },
    ] as const;
    const times = filters.map((): number[] => []);
    const counts = filters.map(() => 0);
    for (let round = 0; round < rounds; round++) {
      const from = performance.now();
      await using state = await openState(folder);
      opened.push(performance.now() - from);
      for (const [i, filter] of filters.entries()) {
        const asked = performance.now();
        counts[i] = state.vnfSnapshots.list(filter).length;
        times[i]?.push(performance.now() - asked);
      }
    }
    const rows = filters.map((filter, i) => [`\`${JSON.stringify(filter)}\``, `${counts[i]}`, spread(times[i] ?? [])]);
    await using state = await openState(folder);
    const all = everyAttribute(state);
    const bytes = (await stat(join(folder, 'ordeal.db'))).size;
    return [
      `100,000 VNF Snapshots; opening takes ${median(opened).toFixed(0)} ms (${spread(opened, 0)})`,
      '',
      markdownTable(['query', 'found', 'ms'], rows),
      '',
      `Every attribute of a snapshot, with a value of one in the middle, the newest 100; ${(bytes / MiB).toFixed(0)} MiB in all`,
      '',
      markdownTable(['operator', 'attributes', 'ms', 'the slowest'], all),
    ].join('\n');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Each operator on each attribute, three times. */
function everyAttribute({ vnfSnapshots }: State): string[][] {
  const attributes = new Map(attributesOf(aSnapshot(50_017)));
  return ['eq', 'neq', 'in', 'nin', 'gt', 'gte', 'lt', 'lte', 'cont', 'ncont'].map((operator) => {
    const times = [...attributes].map(([path, value]) => {
      const where = [{ operator: operator as 'eq', attribute: path.split('/'), values: [value] }];
      return { path, ms: median([1, 2, 3].map(() => timed(() => vnfSnapshots.list({ where, limit: 100 }))[0])) };
    });
    const slowest = times.reduce((a, b) => (b.ms > a.ms ? b : a));
    return [operator, `${times.length}`, spread(times.map((t) => t.ms)), `${slowest.path}`];
  });
}

/** @param args `--images` or `--repository`: that part alone */
export async function bench(args: readonly string[] = []): Promise<string> {
  const parts = [args.includes('--repository') ? [] : [memoryImages], args.includes('--images') ? [] : [repository]];
  const told: string[] = [];
  for (const part of parts.flat()) told.push(await part());
  return told.join('\n\n');
}
if (process.argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(`${await bench(process.argv.slice(2))}\n`);
