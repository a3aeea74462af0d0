import { cp, mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { packageRoot } from '../../../harness/util/package-root.js';
import { kept } from '../kept.js';
import { shell } from '../libvirt/shell.js';
import { packed } from './image.js';
import { unpack } from './unpacked.js';

const configuration = join(packageRoot, 'scenarios', 'session-redis', 'image');
const release = 'bookworm';
const packages = ['haproxy', 'redis-server', 'webdis'];
const programs = ['usr/sbin/haproxy', 'usr/bin/redis-server', 'usr/bin/webdis'];
const libraries = 'usr/lib/x86_64-linux-gnu';
const loader = 'ld-linux-x86-64.so.2';
/** Loaded by glibc when a thread ends, and in no list of what a program needs. */
const alsoNeeded = 'libgcc_s.so.1';

/**
 * A root file system of HAProxy, webdis and Redis from Debian's packages, with the sample's configuration: no registry is
 * asked for anything.
 * @param archive where the tar is written
 * @throws with the reason why there can be none here
 */
export async function buildRedisImage(archive: string): Promise<void> {
  const filled = await kept(`session-redis-${release}`, fill);
  const root = await mkdtemp(join(tmpdir(), 'ordeal-image-'));
  try {
    await cp(filled, root, { recursive: true });
    for (const folder of ['proc', 'sys', 'dev', 'tmp', 'data', 'etc']) await mkdir(join(root, folder));
    await cp(configuration, join(root, 'etc'), { recursive: true });
    await packed(root, archive);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** The programs with the libraries that they load, and nothing else of their packages. */
async function fill(work: string): Promise<void> {
  const all = await mkdtemp(join(tmpdir(), 'ordeal-unpacked-'));
  try {
    await unpack(release, packages, all);
    const inLib = [join(all, libraries), join(all, 'lib/x86_64-linux-gnu')];
    const found = new Set<string>();
    for (const program of programs) {
      await mkdir(dirname(join(work, program)), { recursive: true });
      await cp(await realpath(join(all, program)), join(work, program));
      const list = ['--library-path', inLib.join(':'), '--list', join(work, program)];
      const said = await shell(join(all, 'lib/x86_64-linux-gnu', loader), list);
      for (const [, file = ''] of said.matchAll(/ => (\/\S+)/g)) found.add(file);
    }
    const near = [...found].find((file) => basename(file) === 'libc.so.6') ?? '';
    found.add(join(dirname(near), alsoNeeded));
    await mkdir(join(work, libraries), { recursive: true });
    for (const file of found) {
      if (basename(file) !== loader) await cp(file, join(work, libraries, basename(file)), { dereference: true });
    }
    await mkdir(join(work, 'lib64'));
    await cp(join(all, 'lib/x86_64-linux-gnu', loader), join(work, 'lib64', loader), { dereference: true });
  } finally {
    await rm(all, { recursive: true, force: true });
  }
}
