import { ensurePackages as ensure } from '../debian.js';

/** Debian package by the command that it comes with. */
const needed: Readonly<Record<string, string>> = {
  dockerd: 'docker.io',
  runc: 'runc',
  iptables: 'iptables',
  nft: 'nftables',
  ip: 'iproute2',
  busybox: 'busybox-static',
  mmdebstrap: 'mmdebstrap',
  perl: 'perl-base',
};

/** @throws with the reason why the tests on real containers cannot run here */
export const ensurePackages = (): Promise<void> => ensure(needed);
