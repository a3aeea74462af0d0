import { isThere, shell } from './shell.js';

/** Command that proves the package, by Debian package. The daemon comes without its services: nothing is started. */
const needed: Readonly<Record<string, string>> = {
  libvirtd: 'libvirt-daemon',
  virsh: 'libvirt-clients',
  'qemu-system-x86_64': 'qemu-system-x86',
  'qemu-img': 'qemu-utils',
  busybox: 'busybox-static',
  cpio: 'cpio',
  ip: 'iproute2',
  'mkfs.ext4': 'e2fsprogs',
};

/**
 * A test changes nothing on the machine of whoever runs it: packages are installed only where ORDEAL_HOSTS=install says so.
 * @throws with the reason why the tests on real VMs cannot run here
 */
export async function ensurePackages(): Promise<void> {
  const found = await Promise.all(Object.entries(needed).map(async ([c, p]) => ((await isThere(c)) ? [] : [p])));
  const missing = found.flat();
  if (missing.length === 0) return;
  if (process.env.ORDEAL_HOSTS !== 'install') {
    throw new Error(`${missing.join(', ')} are missing; ORDEAL_HOSTS=install lets the tests install them`);
  }
  if (!(await isThere('apt-get'))) throw new Error(`${missing.join(', ')} are missing, and this is no Debian`);
  await shell('apt-get', ['update', '-q'], { timeoutMs: 120_000 });
  const extra = missing.includes('libvirt-daemon') ? ['libvirt-daemon-driver-qemu'] : [];
  await shell('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...missing, ...extra], {
    timeoutMs: 400_000,
  });
}
