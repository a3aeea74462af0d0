import { ensurePackages as ensure } from '../debian.js';

/** Debian package by the command that it comes with. */
const common: Readonly<Record<string, string>> = {
  runc: 'runc',
  nft: 'nftables',
  ip: 'iproute2',
  busybox: 'busybox-static',
  mmdebstrap: 'mmdebstrap',
  perl: 'perl-base',
  faketime: 'faketime',
};
const ofEngine = {
  docker: { dockerd: 'docker.io', iptables: 'iptables', openssl: 'openssl' },
  podman: { podman: 'podman', conmon: 'conmon', iptables: 'iptables' },
  runc: { conmon: 'conmon' },
} as const;
/** What comes with no command that is on the PATH. */
const also = { podman: ['netavark'] } as const;

export type Engine = keyof typeof ofEngine;

/** @throws with the reason why the tests on real containers cannot run here */
export const ensurePackages = (engine: Engine): Promise<void> => ensure({ ...common, ...ofEngine[engine] }, also);
