import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { shell } from '../libvirt/shell.js';

/** Packages of a release of Debian with all that they depend on, unpacked into a folder: nothing is configured. */
export async function unpack(release: string, packages: readonly string[], folder: string): Promise<void> {
  const options = [
    '--variant=extract',
    // The release files may be older than they say they can be.
    '--aptopt=Acquire::Check-Valid-Until "false"',
    `--include=${packages.join(',')}`,
  ];
  await shell('mmdebstrap', [...options, release, folder], { timeoutMs: 240_000 });
}

/**
 * A command that runs a program of an unpacked release with the libraries that it was built with: `bin/<name>`.
 * @param work has the release in `root`, and becomes `final`
 */
export async function wrap(work: string, final: string, program: string): Promise<void> {
  const libraries = join(final, 'root/usr/lib/x86_64-linux-gnu');
  const loader = join(libraries, 'ld-linux-x86-64.so.2');
  const script = `#!/bin/sh\nexec ${loader} --library-path ${libraries} ${join(final, 'root', program)} "$@"\n`;
  await mkdir(join(work, 'bin'));
  await writeFile(join(work, 'bin', basename(program)), script, { mode: 0o755 });
}
