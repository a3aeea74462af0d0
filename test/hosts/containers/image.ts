import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { packageRoot } from '../../../harness/util/package-root.js';
import { shell } from '../libvirt/shell.js';

const program = join(packageRoot, 'scenarios', 'session-containers', 'image', 'vnfc.pl');
/** Every Debian has it, as dpkg itself needs it: modules with the interpreter's own libraries, 10 MB in all. */
const perlModules = '/usr/lib/x86_64-linux-gnu/perl-base';

/**
 * A root file system of busybox and perl-base, both of this machine's Debian, with the sample's program: no registry is
 * asked for anything.
 * @param archive where the tar is written
 */
export async function buildImage(archive: string): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'ordeal-image-'));
  try {
    for (const folder of ['bin', 'proc', 'sys', 'dev', 'tmp', 'data', 'etc', 'usr/bin', dirname(perlModules)]) {
      await mkdir(join(root, folder), { recursive: true });
    }
    await cp((await shell('sh', ['-c', 'command -v busybox'])).trim(), join(root, 'bin/busybox'));
    await shell('busybox', ['sh', '-c', 'for a in $(busybox --list); do ln -s busybox "$1/bin/$a"; done', 'sh', root]);
    await cp('/usr/bin/perl', join(root, 'usr/bin/perl'));
    await symlink('/usr/bin/perl', join(root, 'bin/perl'));
    await cp(perlModules, join(root, perlModules), { recursive: true });
    for (const library of (await shell('ldd', ['/usr/bin/perl'])).match(/\/[^\s)]+/g) ?? []) {
      await mkdir(join(root, dirname(library)), { recursive: true });
      await cp(library, join(root, library), { dereference: true });
    }
    await cp(program, join(root, 'bin/vnfc'));
    await shell('chmod', ['755', join(root, 'bin/vnfc')]);
    await packed(root, archive);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** A tar of a root file system, as engines import it. */
export async function packed(root: string, archive: string): Promise<void> {
  await shell('tar', ['--numeric-owner', '--owner=0', '--group=0', '-C', root, '-cf', archive, '.']);
}
