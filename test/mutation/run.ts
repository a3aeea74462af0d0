import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../harness/util/package-root.js';
import { suspects } from './suspects.js';

/**
 * `npm run mutate [group …]`: mutates the safety code, and runs the specs that are to notice. Not part of the tests: it
 * takes an hour of one core. Stryker is installed in a folder of its own, as nothing else here needs its 166 packages.
 */
const stryker = ['@stryker-mutator/core@9.6.1', 'typescript@5.9'];
const out = join(packageRoot, 'reports', 'out', 'mutation');
const base = JSON.parse(readFileSync(join(packageRoot, 'test', 'mutation', 'stryker.config.json'), 'utf8')) as object;

interface Mutant {
  readonly status: string;
  readonly mutatorName: string;
  readonly replacement?: string;
  readonly location: { readonly start: { readonly line: number; readonly column: number } };
}
interface Report {
  readonly files: Readonly<Record<string, { readonly mutants: readonly Mutant[] }>>;
}

const dead = ['Killed', 'Timeout', 'RuntimeError'];
const alive = ['Survived', 'NoCoverage'];
const wanted = process.argv.slice(2);
const total = { killed: 0, all: 0 };
const tool = join(out, 'stryker');
mkdirSync(tool, { recursive: true });
writeFileSync(join(tool, 'package.json'), '{ "private": true }');
execFileSync('npm', ['install', '--prefix', tool, '--ignore-scripts', '--no-audit', '--no-fund', ...stryker], {
  stdio: ['ignore', 'ignore', 'inherit'],
});
for (const { name, files, specs } of suspects) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const config = join(out, `${name}.config.json`);
  const report = join(out, `${name}.json`);
  const compiled = specs.map((s) => `dist/${s.replace(/\.ts$/, '.js')}`).join(' ');
  const commandRunner = { command: `node dist/test/mutation/run-specs.js ${compiled}` };
  const transpile = join(packageRoot, 'dist', 'test', 'mutation', 'transpile.js');
  const buildCommand = `node ${transpile} ${packageRoot} ${files.join(' ')}`;
  const jsonReporter = { fileName: report };
  writeFileSync(config, JSON.stringify({ ...base, mutate: files, buildCommand, commandRunner, jsonReporter }));
  execFileSync(
    process.execPath,
    [join(tool, 'node_modules', '@stryker-mutator', 'core', 'bin', 'stryker.js'), 'run', config],
    {
      cwd: packageRoot,
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  const found = JSON.parse(readFileSync(report, 'utf8')) as Report;
  for (const [file, { mutants }] of Object.entries(found.files)) {
    const killed = mutants.filter((m) => dead.includes(m.status)).length;
    const survivors = mutants.filter((m) => alive.includes(m.status));
    total.killed += killed;
    total.all += killed + survivors.length;
    console.log(`${file}: ${killed} of ${killed + survivors.length} killed`);
    for (const { mutatorName, replacement = '', location } of survivors) {
      console.log(`  ${location.start.line}:${location.start.column} ${mutatorName}: ${replacement.split('\n')[0]}`);
    }
  }
}
console.log(`${total.killed} of ${total.all} killed: ${((100 * total.killed) / Math.max(1, total.all)).toFixed(1)} %`);
