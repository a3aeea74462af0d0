import { ensurePackages as ensure } from '../debian.js';

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

/** @throws with the reason why the tests on real VMs cannot run here */
export const ensurePackages = (): Promise<void> => ensure(needed, { 'libvirt-daemon': ['libvirt-daemon-driver-qemu'] });
