import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { argv, stdout } from 'node:process';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { writeAtomically } from '../harness/util/atomic-file.js';
import { asError, errnoOf, ManyErrors, OrdealError } from '../harness/util/errors.js';
import { packageRoot } from '../harness/util/package-root.js';
import type { CompileJob, CompileResult } from './compile.js';

/** One WebAssembly module of a scenario, as it lies in the scenario's build folder. */
export interface BuiltModule {
  readonly name: string;
  readonly file: string;
  /** False when its sources and its compiler are those of the build before. */
  readonly compiled: boolean;
}

/** What a module was made of, beside it in the build folder. Paths are relative to the folder of all scenarios. */
interface BuildRecord {
  readonly compiler: string;
  readonly wasm: string;
  readonly sources: Readonly<Record<string, string>>;
}

/**
 * Compiles every `assembly/vnfc/*.ts` of a scenario to `build/*.wasm`, where its content has changed since.
 * Needs no network. Safe to be called by several processes at once: each writes whole files.
 * @throws OrdealError of kind file-missing, or module-invalid with the compiler's own messages
 */
export async function buildScenario(folder: string, options: { force?: boolean } = {}): Promise<BuiltModule[]> {
  const scenario = resolve(folder);
  const entries = await entriesOf(scenario);
  const compiler = await compilerOf(scenario);
  const modules = await Promise.all(
    entries.map(async (name) => {
      const file = join(scenario, 'build', `${name}.wasm`);
      const stale = options.force === true || !(await isUpToDate(scenario, file, compiler));
      return { name, file, compiled: stale };
    }),
  );
  const jobs = modules
    .filter((m) => m.compiled)
    .map((m) => ({ name: m.name, baseFolder: dirname(scenario), scenario: basename(scenario) }));
  const results = await compileAll(jobs);
  const failures = results.filter((r) => r.wasm === undefined);
  if (failures.length > 0) {
    throw new ManyErrors(
      'module-invalid',
      `${failures.length} of ${entries.length} modules of ${scenario} do not compile`,
      failures.map((f) => new Error(`${f.name}: ${f.messages}`)),
      'Correct the sources; the modules of the build before were left as they are.',
    );
  }
  for (const { name, wasm, sources } of results) {
    if (wasm === undefined) continue;
    const file = join(scenario, 'build', `${name}.wasm`);
    const record: BuildRecord = { compiler, wasm: hash(wasm), sources };
    await writeAtomically(file, wasm, 0o644);
    await writeAtomically(recordOf(file), `${JSON.stringify(record, null, 2)}\n`, 0o644);
  }
  return modules;
}

async function entriesOf(scenario: string): Promise<string[]> {
  const folder = join(scenario, 'assembly', 'vnfc');
  try {
    const files = await readdir(folder);
    return files
      .filter((f) => f.endsWith('.ts') && !f.endsWith('.d.ts'))
      .map((f) => f.slice(0, -3))
      .sort();
  } catch (e) {
    throw new OrdealError('file-missing', 'The scenario has no VNFC sources', {
      where: folder,
      cause: e,
      remedy: 'Put one AssemblyScript file for each VNFC there.',
    });
  }
}

/** The compiler and its settings, in one line that changes when one of them does. */
async function compilerOf(scenario: string): Promise<string> {
  const { version } = JSON.parse(
    await readFile(new URL('../package.json', import.meta.resolve('assemblyscript/asc')), 'utf8'),
  ) as { version: string };
  const settings = join(scenario, 'asconfig.json');
  const own = existsSync(settings) ? hash(await readFile(settings)) : 'none';
  return `assemblyscript ${version}, settings ${own}, compile ${hash(await readFile(compileModule))}`;
}

const compileModule = fileURLToPath(new URL('./compile.js', import.meta.url));

const recordOf = (wasmFile: string): string => `${wasmFile}.json`;

export const hash = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');

async function isUpToDate(scenario: string, file: string, compiler: string): Promise<boolean> {
  try {
    const record = JSON.parse(await readFile(recordOf(file), 'utf8')) as BuildRecord;
    if (record.compiler !== compiler || record.wasm !== hash(await readFile(file))) return false;
    for (const [path, known] of Object.entries(record.sources)) {
      if (hash(await readFile(join(dirname(scenario), path))) !== known) return false;
    }
    return true;
  } catch (e) {
    // A file that is not there, or a record that is cut off: build it again.
    if (errnoOf(e) === 'ENOENT' || e instanceof SyntaxError || e instanceof TypeError) return false;
    throw e;
  }
}

/** The compiler computes without a break, so it runs in threads: several at once, and the caller goes on meanwhile. */
async function compileAll(jobs: readonly CompileJob[]): Promise<CompileResult[]> {
  const threads = Math.min(jobs.length, availableParallelism());
  const shares = Array.from({ length: threads }, (_, i) => jobs.filter((_, n) => n % threads === i));
  return (await Promise.all(shares.map(compileInThread))).flat();
}

function compileInThread(jobs: readonly CompileJob[]): Promise<CompileResult[]> {
  return new Promise((done, failed) => {
    const thread = new Worker(compileModule, { workerData: jobs });
    thread.once('message', done);
    thread.once('error', failed);
    thread.once('exit', (code) => failed(new Error(`the compiler's thread ended with ${code} and no answer`)));
  });
}

/** All scenarios of the package, or the folders given. */
async function main(folders: readonly string[]): Promise<void> {
  const started = performance.now();
  for (const folder of folders.length > 0 ? folders : await scenarioFolders()) {
    const modules = await buildScenario(folder);
    const compiled = modules.filter((m) => m.compiled).length;
    stdout.write(`${basename(folder)}: ${modules.length} modules, ${compiled} compiled\n`);
  }
  stdout.write(`scenarios are built, ${Math.round(performance.now() - started)} ms\n`);
}

async function scenarioFolders(): Promise<string[]> {
  const root = join(packageRoot, 'scenarios');
  const folders = (await readdir(root, { withFileTypes: true })).filter((f) => f.isDirectory());
  return folders.map((f) => join(root, f.name)).filter((f) => existsSync(join(f, 'assembly', 'vnfc')));
}

if (argv[1] !== undefined && resolve(argv[1]) === fileURLToPath(import.meta.url)) {
  main(argv.slice(2)).catch((e: unknown) => {
    console.error(asError(e).message);
    process.exitCode = 1;
  });
}
