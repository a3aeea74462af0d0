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
/**
 * Also what a test runs inside later on: the /etc that is laid over the machine's does not see what an installation changes
 * below it, such as the user of sshd.
 */
const ofEngine = {
  docker: { dockerd: 'docker.io', iptables: 'iptables', openssl: 'openssl', sshd: 'openssh-server' },
  podman: { podman: 'podman', conmon: 'conmon', iptables: 'iptables', sshd: 'openssh-server' },
  runc: { conmon: 'conmon' },
} as const;
/** What comes with no command that is on the PATH. */
const also = { podman: ['netavark'] } as const;

export type Engine = keyof typeof ofEngine;

/** @throws with the reason why the tests on real containers cannot run here */
export const ensurePackages = (engine: Engine): Promise<void> => ensure({ ...common, ...ofEngine[engine] }, also);
