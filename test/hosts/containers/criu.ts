import { join } from 'node:path';
import { kept } from '../kept.js';
import { unpack, wrap } from './unpacked.js';

/**
 * CRIU 4.2 is the first that can dump a process with an IP socket on Linux 6.16 and later (criu#2829), and Debian has it
 * in forky only. It is unpacked beside the system with the libraries that it was built with, and kept: forky moves.
 * @returns the folder with the command `criu`, to be put first on the PATH of an engine
 * @throws with the reason why there can be none here
 */
export async function ensureCriu(): Promise<string> {
  const folder = await kept('criu-forky', async (work, final) => {
    await unpack('forky', ['criu', 'iptables', 'nftables', 'iproute2'], join(work, 'root'));
    await wrap(work, final, 'usr/sbin/criu');
  });
  return join(folder, 'bin');
}
