import { createHash } from 'node:crypto';
import {
  chmod,
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { packageRoot } from '../../../harness/util/package-root.js';
import { shell } from './shell.js';

export interface GuestImages {
  readonly kernel: string;
  readonly initrd: string;
  /** A qcow2 with an empty ext4: to be copied or used as a backing file, never written. */
  readonly disk: string;
}

/** In the order in which they must be loaded; ext4 is built into Debian's cloud kernel. */
const modules = [
  'drivers/virtio/virtio_ring',
  'drivers/virtio/virtio',
  'drivers/virtio/virtio_pci_legacy_dev',
  'drivers/virtio/virtio_pci_modern_dev',
  'drivers/virtio/virtio_pci',
  'drivers/block/virtio_blk',
  'net/core/failover',
  'drivers/net/net_failover',
  'drivers/net/virtio_net',
  'drivers/char/virtio_console',
  'drivers/virtio/virtio_balloon',
];

/** Of the package perl-base, which every Debian has. */
const PERL_MODULES = '/usr/lib/x86_64-linux-gnu/perl-base';
const sources = join(packageRoot, 'test', 'hosts', 'libvirt', 'guest');
/** The sample's own program, which is part of every guest. */
const vnf = join(packageRoot, 'scenarios', 'session-gateway-vm', 'guest', 'session.pl');
const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Builds the guest once for a kernel and its sources; later calls find it in the cache. */
export async function buildGuest(cache = join(tmpdir(), 'ordeal-hosts')): Promise<GuestImages> {
  const depends = await shell('apt-cache', ['depends', 'linux-image-cloud-amd64']);
  const kernelPackage = /linux-image-[\d.]+\S*/.exec(depends.replace('linux-image-cloud-amd64', ''))?.[0];
  if (kernelPackage === undefined) throw new Error('Debian has no linux-image-cloud-amd64; run apt-get update');
  const hash = createHash('sha256').update(kernelPackage).update(modules.join());
  for (const name of (await readdir(sources)).sort()) hash.update(await readFile(join(sources, name)));
  hash.update(await readFile(vnf));
  const folder = join(cache, `guest-${hash.digest('hex').slice(0, 12)}`);
  const images = {
    kernel: join(folder, 'vmlinuz'),
    initrd: join(folder, 'initrd.gz'),
    disk: join(folder, 'disk.qcow2'),
  };
  if (await exists(folder)) return images;
  if (process.env.ORDEAL_HOSTS !== 'install') {
    throw new Error("the guest is not built; ORDEAL_HOSTS=install lets the tests fetch Debian's kernel for it");
  }
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, 'build-'));
  try {
    await build(work, kernelPackage);
    await rename(join(work, 'out'), folder).catch(async (e) => {
      // Another process was first.
      if (!(await exists(folder))) throw e;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return images;
}

async function build(work: string, kernelPackage: string): Promise<void> {
  const [root, out, unpacked] = ['root', 'out', 'unpacked'].map((name) => join(work, name)) as [string, string, string];
  await mkdir(out);
  // Some machines' apt may not write as its own user into our folder: that is only a warning.
  await shell('apt-get', ['download', '-q', kernelPackage, 'qemu-guest-agent'], { cwd: work, timeoutMs: 120_000 });
  for (const deb of (await readdir(work)).filter((name) => name.endsWith('.deb'))) {
    await shell('dpkg', ['-x', join(work, deb), unpacked], { timeoutMs: 120_000 });
  }
  const version = kernelPackage.replace('linux-image-', '');
  for (const folder of [
    'bin',
    'proc',
    'sys',
    'dev',
    'run',
    'data',
    'mod',
    'srv',
    'vnf',
    'usr/bin',
    'sbin',
    'usr/sbin',
    'var/run',
  ]) {
    await mkdir(join(root, folder), { recursive: true });
  }
  await copyFile((await shell('sh', ['-c', 'command -v busybox'])).trim(), join(root, 'bin', 'busybox'));
  await symlink('busybox', join(root, 'bin', 'sh'));
  for (const module of modules) {
    const from = join(unpacked, 'lib/modules', version, 'kernel', `${module}.ko`);
    await copyFile(from, join(root, 'mod', basename(from)));
  }
  await writeFile(join(root, 'mod', 'order'), `${modules.map((m) => `${basename(m)}.ko`).join('\n')}\n`);
  await copyProgram(join(unpacked, 'usr/sbin/qemu-ga'), join(root, 'usr/sbin/qemu-ga'), root);
  await copyProgram('/usr/bin/perl', join(root, 'usr/bin/perl'), root);
  await cp(PERL_MODULES, join(root, PERL_MODULES), {
    recursive: true,
    filter: (from) => !from.endsWith('/unicore'),
  });
  await copyFile(vnf, join(root, 'vnf', 'session.pl'));
  for (const [name, to] of [
    ['init', 'init'],
    ['shutdown', 'sbin/shutdown'],
    ['session', 'srv/session'],
    ['probe', 'srv/probe'],
  ] as const) {
    await copyFile(join(sources, name), join(root, to));
    await chmod(join(root, to), 0o755);
  }
  await shell('sh', ['-c', 'find . | cpio -o -H newc --quiet | gzip -9 >"$1"', 'sh', join(out, 'initrd.gz')], {
    cwd: root,
  });
  await copyFile(join(unpacked, 'boot', `vmlinuz-${version}`), join(out, 'vmlinuz'));
  const raw = join(work, 'disk.raw');
  await shell('truncate', ['-s', '64M', raw]);
  await shell('mkfs.ext4', ['-q', '-F', raw]);
  await shell('qemu-img', ['convert', '-O', 'qcow2', raw, join(out, 'disk.qcow2')]);
}

/** A program with the libraries of this machine, which is the same Debian. */
async function copyProgram(program: string, to: string, root: string): Promise<void> {
  await copyFile(program, to);
  const libraries = (await shell('ldd', [program])).match(/\/[^\s)]+/g) ?? [];
  for (const library of libraries) {
    await mkdir(join(root, dirname(library)), { recursive: true });
    await copyFile(library, join(root, library));
  }
}
