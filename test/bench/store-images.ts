import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dirty, memoryImage } from '../store/chunks/images.js';
import { markdownTable, spread } from './statistics.js';

const MiB = 2 ** 20;
const images = 10;
const imageBytes = 256 * MiB;
const operation = fileURLToPath(new URL('./store-operation.js', import.meta.url));

/** What is kept of image `n`, which lies in `file`: a shell command, or what a process that runs already is asked. */
interface Step {
  readonly command: string;
  readonly of?: ChildProcess;
}

/** A tool that keeps images, in a folder of its own. */
interface Tool {
  readonly name: string;
  readonly stored: string;
  readonly backUp: (n: number, file: string) => Step;
  /** Into the folder `out`. */
  readonly restore: (n: number, file: string) => Step;
  /** Ends what it has begun. */
  readonly end?: () => Promise<void>;
}

interface Candidate {
  readonly name: string;
  /** Programs that have to be there. */
  readonly needs: readonly string[];
  readonly begin: (folder: string) => Promise<Omit<Tool, 'name'>>;
}

const candidates: readonly Candidate[] = [
  {
    name: 'Ordeal chunk store, a process for each',
    needs: [],
    begin: async () => ({
      stored: 'state/chunks',
      backUp: (n, file) => ({ command: `"${process.execPath}" "${operation}" put state image-${n} "${file}"` }),
      restore: (n) => ({ command: `"${process.execPath}" "${operation}" restore state image-${n} out/image` }),
    }),
  },
  {
    name: 'Ordeal chunk store, in a harness that runs',
    needs: [],
    begin: async (folder) => {
      const of = fork(operation, ['serve', 'state'], { cwd: folder });
      await once(of, 'message');
      return {
        stored: 'state/chunks',
        backUp: (n, file) => ({ command: `put image-${n} ${file}`, of }),
        restore: (n) => ({ command: `restore image-${n} out/image`, of }),
        end: async () => {
          const ended = once(of, 'exit');
          of.disconnect();
          await ended;
        },
      };
    },
  },
  {
    name: 'restic (it encrypts, too)',
    needs: ['restic'],
    begin: async (folder) => {
      await run({ command: 'restic init --quiet --repository-version latest' }, folder);
      return {
        stored: 'repository',
        backUp: (n, file) => ({ command: `restic backup --quiet --no-cache --tag image-${n} "${file}"` }),
        restore: (n) => ({ command: `restic restore --quiet --no-cache latest --tag image-${n} --target out` }),
      };
    },
  },
  {
    name: 'tar and zstd -T0',
    needs: ['tar', 'zstd'],
    begin: async (folder) => {
      await mkdir(join(folder, 'archives'));
      return {
        stored: 'archives',
        backUp: (n, file) => ({
          command: `tar -C / -cf - "${file.slice(1)}" | zstd -q -T0 -o archives/image-${n}.tar.zst`,
        }),
        restore: (n) => ({ command: `zstd -q -dc archives/image-${n}.tar.zst | tar -C out -xf -` }),
      };
    },
  },
  {
    name: 'casync',
    needs: ['casync'],
    begin: async (folder) => {
      await mkdir(join(folder, 'archives'));
      const store = '--store=archives/store.castr';
      return {
        stored: 'archives',
        backUp: (n, file) => ({ command: `casync make ${store} archives/image-${n}.caibx "${file}"` }),
        restore: (n) => ({ command: `casync extract ${store} archives/image-${n}.caibx out/image` }),
      };
    },
  },
];

interface Measured {
  readonly ms: number;
  /** Of all its processes: what a machine that is busy with other things does not change much. */
  readonly cpuMs: number;
  readonly peakBytes: number;
}

/** Does it. The peak is the largest sum of the resident memory of all its processes, looked at every 10 ms. */
async function run({ command, of }: Step, cwd: string): Promise<Measured> {
  const shell = of ?? begin(command, cwd);
  let peakBytes = 0;
  const look = setInterval(async () => {
    peakBytes = Math.max(peakBytes, await residentBytes(shell.pid ?? 0));
  }, 10);
  const from = performance.now();
  try {
    const cpuMs = of === undefined ? await ended(shell, command) : await answered(of, command);
    return { ms: performance.now() - from, cpuMs, peakBytes };
  } finally {
    clearInterval(look);
  }
}

function begin(command: string, cwd: string): ChildProcess {
  return spawn('sh', ['-c', `(${command}) >/dev/null; code=$?; times; exit $code`], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, RESTIC_REPOSITORY: join(cwd, 'repository'), RESTIC_PASSWORD: 'bench' },
  });
}

/** @returns milliseconds of CPU time */
async function ended(shell: ChildProcess, command: string): Promise<number> {
  let said = '';
  shell.stderr?.on('data', (text: Buffer) => {
    said += text.toString();
  });
  let times = '';
  shell.stdout?.on('data', (text: Buffer) => {
    times += text.toString();
  });
  const [code] = await once(shell, 'close');
  if (code !== 0) throw new Error(`${command}: exit code ${code}\n${said}`);
  return childrenMs(times);
}

async function answered(of: ChildProcess, command: string): Promise<number> {
  const answer = once(of, 'message');
  of.send(command);
  const [{ cpuMs, failure }] = (await answer) as [{ cpuMs: number; failure?: string }];
  if (failure !== undefined) throw new Error(`${command}: ${failure}`);
  return cpuMs;
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

interface Result {
  readonly tool: Tool;
  readonly folder: string;
  readonly backUps: Measured[];
  readonly restores: Measured[];
  firstBytes: number;
}

/** Ten successive memory images of 256 MiB with 5 % dirty pages: backed up and restored by each tool, in turn. */
export async function memoryImages(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'ordeal-bench-store-'));
  const results: Result[] = [];
  try {
    const present = candidates.filter((t) => t.needs.every(isThere));
    for (const { name, begin } of present) {
      const folder = join(root, name);
      await mkdir(join(folder, 'out'), { recursive: true });
      results.push({ tool: { name, ...(await begin(folder)) }, folder, backUps: [], restores: [], firstBytes: 0 });
    }
    const image = memoryImage(imageBytes, 1);
    const file = join(root, 'image');
    for (let n = 0; n < images; n++) {
      if (n > 0) dirty(image, 0.05, n);
      await writeFile(file, image);
      // In turn, each time another first, so that a slow minute of the machine hits all of them.
      for (const result of rotate(results, n)) {
        const { tool, folder } = result;
        result.backUps.push(await run(tool.backUp(n, file), folder));
        if (n === 0) result.firstBytes = await bytesIn(join(folder, tool.stored));
        result.restores.push(await run(tool.restore(n, file), folder));
        if (n === images - 1) await compare(join(folder, 'out'), image, tool.name);
        await rm(join(folder, 'out'), { recursive: true });
        await mkdir(join(folder, 'out'));
      }
    }
    const rows: string[][] = [];
    for (const result of results) rows.push(await rowOf(result));
    const absent = candidates.filter((t) => !present.includes(t));
    return [
      `${images} images of ${imageBytes / MiB} MiB, each with 5 % of its pages dirtied since the one before; medians (smallest to largest)`,
      '',
      markdownTable(header, rows),
      ...absent.map((t) => `\nnot measured, not installed: ${t.name}`),
    ].join('\n');
  } finally {
    for (const { tool } of results) await tool.end?.();
    await rm(root, { recursive: true, force: true });
  }
}

const header = [
  '',
  'first back-up, ms',
  'each further, ms',
  'restoration, ms',
  'each further, CPU ms',
  'restoration, CPU ms',
  'first, MiB',
  'each further, MiB',
  'all stored, MiB',
  'peak memory, MiB',
];

async function rowOf({ tool, folder, backUps, restores, firstBytes }: Result): Promise<string[]> {
  const bytes = await bytesIn(join(folder, tool.stored));
  const of = (all: readonly Measured[], what: (m: Measured) => number) => spread(all.map(what), 0);
  return [
    tool.name,
    (backUps[0]?.ms ?? 0).toFixed(0),
    of(backUps.slice(1), (m) => m.ms),
    of(restores, (m) => m.ms),
    of(backUps.slice(1), (m) => m.cpuMs),
    of(restores, (m) => m.cpuMs),
    (firstBytes / MiB).toFixed(1),
    ((bytes - firstBytes) / MiB / (images - 1)).toFixed(2),
    (bytes / MiB).toFixed(1),
    (Math.max(...[...backUps, ...restores].map((m) => m.peakBytes)) / MiB).toFixed(0),
  ];
}

const rotate = <T>(items: readonly T[], by: number): T[] => items.map((_, i) => items[(i + by) % items.length] as T);

async function compare(folder: string, image: Buffer, name: string): Promise<void> {
  const [file] = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((f) => f.isFile());
  const restored = file === undefined ? undefined : await readFile(join(file.parentPath, file.name));
  if (restored?.equals(image) !== true) throw new Error(`${name} did not restore what it was given`);
}
