import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { packageRoot } from '../../harness/util/package-root.js';
import { SpecProcess, silence } from './spec-process.js';
import { type Suspects, suspects } from './suspects.js';

/**
 * `npm run mutate [group …]`: mutates the safety code, and runs the specs that are to notice. Not part of the tests. Stryker's
 * instrumenter makes the mutants; it is installed in a folder of its own, as nothing else here needs it.
 */
const instrumenter = '@stryker-mutator/instrumenter';
const out = join(packageRoot, 'reports', 'out', 'mutation');
/** One for each process, so that groups can be mutated side by side. */
const sandbox = join(out, `sandbox-${process.pid}`);
const tool = join(out, 'tool');
/** After so many mutants the specs have to pass without one, or what was found since is found again, each anew. */
const checkEvery = 25;

interface Mutant {
  readonly id: string;
  readonly mutatorName: string;
  readonly replacement: string;
  readonly location: { readonly start: { readonly line: number; readonly column: number } };
}
interface Instrumenter {
  instrument(
    files: readonly { name: string; content: string; mutate: boolean }[],
    options: object,
  ): Promise<{ files: readonly { content: string }[]; mutants: readonly Mutant[] }>;
}

async function openInstrumenter(): Promise<Instrumenter> {
  const entry = join(tool, 'node_modules', instrumenter, 'dist', 'src', 'index.js');
  if (!existsSync(entry)) {
    mkdirSync(tool, { recursive: true });
    writeFileSync(join(tool, 'package.json'), '{ "private": true }');
    const options = ['--prefix', tool, '--ignore-scripts', '--no-audit', '--no-fund'];
    execFileSync('npm', ['install', ...options, `${instrumenter}@9.6.1`], { stdio: ['ignore', 'ignore', 'inherit'] });
  }
  const { Instrumenter: Made } = (await import(pathToFileURL(entry).href)) as {
    Instrumenter: new (logger: object) => Instrumenter;
  };
  const silent = { isDebugEnabled: () => false, debug: () => undefined, info: () => undefined, warn: () => undefined };
  return new Made(silent);
}

function makeSandbox(): void {
  mkdirSync(sandbox, { recursive: true });
  cpSync(join(packageRoot, 'dist'), join(sandbox, 'dist'), { recursive: true });
  for (const name of ['package.json', 'scenarios', 'bin']) symlinkSync(join(packageRoot, name), join(sandbox, name));
}

interface Outcome {
  readonly count: number;
  /** Those that no spec noticed. */
  readonly survivors: readonly Mutant[];
  /** Those that were killed only because the specs, twice, did not come to an end: how many. */
  readonly silent: number;
}

async function mutate(it: Instrumenter, file: string, specs: readonly string[]): Promise<Outcome> {
  const content = readFileSync(join(packageRoot, file), 'utf8');
  const options = { plugins: null, excludedMutations: [], ignorers: [] };
  const { files, mutants } = await it.instrument([{ name: file, content, mutate: true }], options);
  const compiled = join(sandbox, 'dist', file.replace(/\.ts$/, '.js'));
  const original = readFileSync(compiled);
  const compilerOptions = { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext };
  writeFileSync(compiled, ts.transpileModule(files[0]?.content ?? '', { compilerOptions }).outputText);
  const process_ = new SpecProcess(sandbox, specs);
  const sound = async () => {
    const failure = await process_.run(null);
    if (failure !== undefined) process_.end();
    return failure;
  };
  try {
    const failure = await sound();
    if (failure !== undefined) throw new Error(`without a mutant of ${file} the specs fail: ${failure}`);
    const survivors: Mutant[] = [];
    let silent = 0;
    for (let i = 0; i < mutants.length; i += checkEvery) {
      const some = mutants.slice(i, i + checkEvery);
      let unnoticed: Mutant[] = [];
      for (const m of some) {
        const noticed = await process_.run(m.id);
        // Who is slow on a busy machine has not been noticed yet.
        if (noticed === undefined || noticed.startsWith(silence)) unnoticed.push(m);
      }
      // A mutant that broke what comes after it would count as noticed by all of those.
      const broken = await sound();
      if (broken !== undefined) {
        console.log(`after ${some.at(-1)?.id} the specs fail without a mutant, so each is tried anew: ${broken}`);
        unnoticed = [...some];
      }
      for (const m of unnoticed) {
        const noticed = await process_.runAnew(m.id);
        if (noticed === undefined) survivors.push(m);
        else if (noticed.startsWith(silence)) silent++;
      }
    }
    return { survivors, silent, count: mutants.length };
  } finally {
    process_.end();
    writeFileSync(compiled, original);
  }
}

const wanted = process.argv.slice(2);
const chosen = suspects.filter(({ name }: Suspects) => wanted.length === 0 || wanted.includes(name));
const it = await openInstrumenter();
makeSandbox();
process.on('exit', () => rmSync(sandbox, { recursive: true, force: true }));
let killed = 0;
let all = 0;
let allSilent = 0;
for (const { files, specs } of chosen) {
  for (const file of files) {
    const compiledSpecs = specs.map((s) => `dist/${s.replace(/\.ts$/, '.js')}`);
    const { survivors, silent, count } = await mutate(it, file, compiledSpecs);
    killed += count - survivors.length;
    all += count;
    allSilent += silent;
    console.log(`${file}: ${count - survivors.length} of ${count} killed, ${silent} of them by hanging`);
    for (const { mutatorName, replacement, location } of survivors) {
      const { line, column } = location.start;
      console.log(`  ${line + 1}:${column + 1} ${mutatorName}: ${replacement.split('\n')[0]}`);
    }
  }
}
console.log(
  `${killed} of ${all} killed: ${((100 * killed) / Math.max(1, all)).toFixed(1)} %, ${allSilent} of them by hanging`,
);
