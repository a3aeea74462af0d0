import { createHash } from 'node:crypto';
import { access, mkdir, readFile, rename } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../../harness/util/package-root.js';
import { isThere, shell } from '../libvirt/shell.js';

const moduleFolder = join(packageRoot, 'test', 'hosts', 'kubernetes', 'control-plane');
const programs = ['kube-apiserver', 'kube-controller-manager'] as const;
/** A first build takes minutes on two cores; later ones find it done. */
const buildMs = 25 * 60_000;

export type Binaries = Readonly<Record<(typeof programs)[number], string>>;

/**
 * Kubernetes' own programs, built from its Go module (control-plane/go.mod) and kept outside of the repository.
 * @throws with the reason why they cannot be had here
 */
export async function kubernetesBinaries(): Promise<Binaries> {
  const module = await readFile(join(moduleFolder, 'go.mod'));
  const version = createHash('sha256').update(module).digest('hex').slice(0, 12);
  const folder = join(tmpdir(), 'ordeal-hosts', 'kubernetes', version);
  const paths = Object.fromEntries(programs.map((p) => [p, join(folder, p)])) as Binaries;
  for (const program of programs) if (!(await exists(paths[program]))) await build(program, folder);
  return paths;
}

async function build(program: string, folder: string): Promise<void> {
  if (!(await isThere('go'))) throw new Error(`${program} is not built, and there is no Go to build it with`);
  if (process.env.ORDEAL_HOSTS !== 'install') {
    throw new Error(`${program} is not built; ORDEAL_HOSTS=install lets the tests build it (some minutes)`);
  }
  const started = performance.now();
  console.log(`Building ${program} from its Go module; this takes some minutes, once`);
  await mkdir(folder, { recursive: true });
  const half = join(folder, `.${program}.${process.pid}`);
  const args = ['build', '-p', String(Math.min(2, cpus().length)), '-mod=readonly', '-trimpath', '-ldflags=-s -w'];
  const output = ['-o', half, `k8s.io/kubernetes/cmd/${program}`];
  await shell('nice', ['-n', '19', 'env', 'CGO_ENABLED=0', 'go', ...args, ...output], {
    cwd: moduleFolder,
    timeoutMs: buildMs,
  });
  await rename(half, join(folder, program));
  console.log(`Built ${program} in ${Math.round((performance.now() - started) / 1000)} s`);
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
