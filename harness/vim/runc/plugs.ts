import { createHash } from 'node:crypto';
import { OrdealError } from '../../util/errors.js';
import { bytesOf, macOf } from '../oci/addresses.js';
import type { Attachment } from '../oci/engine.js';
import type { EngineHost } from '../oci/host.js';
import type { NetworkRecord } from './runc-folder.js';

/** Bridges, and the network namespaces that are plugged into them: iproute2, as an engine's network plugin would. */
export class Plugs {
  constructor(readonly host: EngineHost) {}

  /** Idempotent: a bridge does not outlive a restart of the machine. */
  async bridge({ name, subnet }: NetworkRecord): Promise<void> {
    const device = bridgeOf(name);
    const { gateway, bits } = partsOf(subnet);
    const script = `ip link show "$1" >/dev/null 2>&1 && exit
ip link add "$1" type bridge
ip address add "$2" dev "$1"
ip link set "$1" up`;
    await this.#sh(script, device, `${gateway}/${bits}`);
  }

  async removeBridge(name: string): Promise<void> {
    await this.#sh('ip link show "$1" >/dev/null 2>&1 || exit 0; ip link del "$1"', bridgeOf(name));
  }

  /** A new namespace of that name with nothing but its loopback; what was there before has gone. */
  async renew(id: string): Promise<void> {
    const script = '[ ! -e "/run/netns/$1" ] || ip netns del "$1"; ip netns add "$1" && ip -n "$1" link set lo up';
    await this.#sh(script, namespaceOf(id));
  }

  /** Its file. */
  namespace(id: string): string {
    return `/run/netns/${namespaceOf(id)}`;
  }

  async remove(id: string): Promise<void> {
    await this.#sh('[ ! -e "/run/netns/$1" ] || ip netns del "$1"', namespaceOf(id));
  }

  /** The address decides the MAC: who has talked with the one before finds the one that takes its place. */
  async plug(id: string, { network, address }: Attachment, { subnet }: NetworkRecord, index: number): Promise<void> {
    const { gateway, bits } = partsOf(subnet);
    const [port, inside] = [portOf(id, network), `eth${index}`];
    // The end of a namespace takes its cards with it, but not at once.
    const script = `ip link del "$1" 2>/dev/null
set -e
ip link add "$1" type veth peer name "$3" address "$4" netns "$2"
ip link set "$1" master "$5" up
ip -n "$2" address add "$6" dev "$3"
ip -n "$2" link set "$3" up
[ "$8" != 0 ] || ip -n "$2" route add default via "$7"`;
    const args = [port, namespaceOf(id), inside, macOf(address), bridgeOf(network), `${address}/${bits}`, gateway];
    await this.#sh(script, ...args, String(index));
  }

  async unplug(id: string, network: string): Promise<void> {
    await this.#sh('ip link show "$1" >/dev/null 2>&1 || exit 0; ip link del "$1"', portOf(id, network));
  }

  async #sh(script: string, ...args: readonly string[]): Promise<void> {
    await this.host.run('sh', ['-c', script, 'sh', ...args]);
  }
}

const short = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 10);
/** A device's name has 15 letters at most. */
const bridgeOf = (network: string): string => `ob${short(network)}`;
const portOf = (id: string, network: string): string => `op${short(`${id} ${network}`)}`;
const namespaceOf = (id: string): string => `ordeal-${id}`;

/** The first address of a subnet is the bridge's own. */
function partsOf(subnet: string): { gateway: string; bits: number } {
  const [network = '', bits = ''] = subnet.split('/');
  const [a, b, c, d = 0] = bytesOf(network);
  if (/^\d+$/.test(bits) && Number(bits) <= 30) return { gateway: `${a}.${b}.${c}.${d + 1}`, bits: Number(bits) };
  throw new OrdealError('file-invalid', 'This is no subnet', {
    expected: 'such as 10.78.0.0/24',
    got: subnet,
    remedy: 'Correct vims.runc.networks in the descriptor.',
  });
}
