import { access, chmod, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { shell } from '../libvirt/shell.js';

/**
 * CRIU 4.2 is the first that can dump a process with an IP socket on Linux 6.16 and later (criu#2829), and Debian has it
 * in forky only. It is unpacked beside the system with the libraries that it was built with, and kept: forky moves.
 * @returns the folder with the command `criu`, to be put first on the PATH of an engine
 * @throws with the reason why there can be none here
 */
export async function ensureCriu(cache = join(tmpdir(), 'ordeal-hosts')): Promise<string> {
  const folder = join(cache, 'criu-forky');
  const bin = join(folder, 'bin');
  const isBuilt = await access(join(bin, 'criu')).then(
    () => true,
    () => false,
  );
  if (isBuilt) return bin;
  if (process.env.ORDEAL_HOSTS !== 'install') {
    throw new Error('CRIU 4.2 is not there; ORDEAL_HOSTS=install lets the tests fetch it from Debian');
  }
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, 'build-'));
  try {
    const root = join(work, 'root');
    await shell(
      'mmdebstrap',
      [
        '--variant=extract',
        // The release files of forky may be older than they say they can be.
        '--aptopt=Acquire::Check-Valid-Until "false"',
        '--include=criu,iptables,nftables,iproute2',
        'forky',
        root,
      ],
      { timeoutMs: 240_000 },
    );
    await mkdir(join(work, 'bin'));
    const libraries = join(folder, 'root/usr/lib/x86_64-linux-gnu');
    const wrapper = `#!/bin/sh\nexec ${libraries}/ld-linux-x86-64.so.2 --library-path ${libraries} ${folder}/root/usr/sbin/criu "$@"\n`;
    await writeFile(join(work, 'bin', 'criu'), wrapper);
    await chmod(join(work, 'bin', 'criu'), 0o755);
    await rm(folder, { recursive: true, force: true });
    await rename(work, folder);
    await chmod(folder, 0o755);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return bin;
}
