import { createHash } from 'node:crypto';
import { access, mkdir, readFile, rename } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../../harness/util/package-root.js';
import { isThere, shell } from '../libvirt/shell.js';

/** A first build takes minutes on two cores; later ones find it done. */
const buildMs = 25 * 60_000;

/** A Go module of ours, beside this file, that requires the programs of others. */
export interface GoModule<P extends string> {
  readonly folder: string;
  /** The package of each program. */
  readonly programs: Readonly<Record<P, string>>;
  /** What must be in the environment before the tests build it: it takes that long the first time. */
  readonly wants: { readonly variable: string; readonly value: string; readonly takes: string };
  /** Of those that are partly C, and of what their release builds besides. @returns more arguments of `go build` */
  readonly withC?: (source: string, work: string) => Promise<readonly string[]>;
}

/**
 * Programs built from their Go module, and kept outside of the repository.
 * @throws with the reason why they cannot be had here
 */
export async function goPrograms<P extends string>(module: GoModule<P>): Promise<Readonly<Record<P, string>>> {
  const source = join(packageRoot, 'test', 'hosts', 'kubernetes', module.folder);
  const version = createHash('sha256')
    .update(await readFile(join(source, 'go.mod')))
    .digest('hex')
    .slice(0, 12);
  const folder = join(tmpdir(), 'ordeal-hosts', 'kubernetes', version);
  const built: Partial<Record<P, string>> = {};
  for (const program of Object.keys(module.programs) as P[]) {
    built[program] = join(folder, program);
    if (!(await exists(join(folder, program)))) await build(program, module, source, folder);
  }
  return built as Readonly<Record<P, string>>;
}

async function build<P extends string>(
  program: P,
  { programs, wants, withC }: GoModule<P>,
  source: string,
  folder: string,
): Promise<void> {
  if (!(await isThere('go'))) throw new Error(`${program} is not built, and there is no Go to build it with`);
  if (process.env[wants.variable] !== wants.value) {
    throw new Error(
      `${program} is not built; ${wants.variable}=${wants.value} lets the tests build it (${wants.takes})`,
    );
  }
  const started = performance.now();
  console.log(`Building ${program} from its Go module; this takes ${wants.takes}, once`);
  await mkdir(folder, { recursive: true });
  const half = join(folder, `.${program}.${process.pid}`);
  const args = ['build', '-p', String(Math.min(2, cpus().length)), '-mod=readonly', '-trimpath', '-ldflags=-s -w'];
  const more = (await withC?.(source, folder)) ?? [];
  const go = ['env', `CGO_ENABLED=${withC === undefined ? 0 : 1}`, 'go', ...args, ...more];
  await shell('nice', ['-n', '19', ...go, '-o', half, programs[program]], { cwd: source, timeoutMs: buildMs });
  await rename(half, join(folder, program));
  console.log(`Built ${program} in ${Math.round((performance.now() - started) / 1000)} s`);
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
