import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FaultReading, Injection } from '../../model/fault.js';
import { OrdealError } from '../../util/errors.js';
import { HopProcess } from '../link/hop-process.js';
import { tableName } from './barrier.js';
import type { BridgeFaults } from './bridge-faults.js';
import { cableOf } from './cables.js';
import type { Containers, Seen } from './containers.js';
import { sendDatagrams } from './datagrams.js';
import type { OciFolder } from './folder.js';
import type { EngineHost } from './host.js';
import { type HopAnswer, type HopPlan, type HopRequest, hopAnswer } from './link-hop-plan.js';

/** Frames that have been through the hop: they are not sent through it again. */
const MARK = '0x04dea1';
const HOP_PORT = 4789;
const PASSING = 40;

interface Port {
  readonly address: string;
  readonly pid: number;
  /** The end of its cable on the host. */
  readonly device: string;
}

/**
 * Faults for which a frame has to be held back or changed, where the kernel has no netem: on its way from the bridge to the
 * container nftables forwards it into a VXLAN device, whose datagrams a process of ours gets, impairs and gives back.
 * Nothing is done to the bridge or to the container's own network, and without the rules all is as before.
 */
export class HopFaults {
  constructor(
    readonly containers: Containers,
    readonly folder: OciFolder,
    readonly host: EngineHost,
    readonly bridge: BridgeFaults,
  ) {}

  /** Tries all that it needs of the kernel in a namespace of its own. @throws OrdealError with what is missing */
  async probe(): Promise<void> {
    const rules = rulesOf('ordeal_probe', [{ device: 'lo', vxlan: 'ordealvx', match: 'ip saddr 192.0.2.1' }]);
    const script = 'ip link add ordealvx type vxlan id 1 dstport 4790 && nft -f -';
    await this.host.run('unshare', ['--net', 'sh', '-c', script], { input: rules });
  }

  async inject(injection: Injection): Promise<void> {
    const { id, target } = injection;
    const { all, pairs, isDirected } = await this.bridge.addressesOf(target);
    const struck = isDirected ? pairs.slice(0, 1).map(([, to]) => to) : all;
    const ports = await Promise.all(struck.map((address) => this.#portOf(address)));
    const net = netOf(id);
    const hop = this.#hop(id);
    const plan: HopPlan = {
      injection,
      control: hop.control,
      port: HOP_PORT,
      back: { address: net.ours, port: net.port },
      vnis: ports.map((_, i) => i + 1),
    };
    const pid = await hop.start(fileURLToPath(new URL('./link-hop.js', import.meta.url)), plan, ['unshare', '--net']);
    await this.#sh(
      SET_UP,
      net.device,
      String(pid),
      net.ours,
      net.theirs,
      String(net.port),
      ...ports.map((_, i) => net.vxlan(i)),
    );
    const sources = isDirected ? pairs.slice(0, 1).map(([from]) => from) : all;
    const rules = ports.map(({ address, device: name }, i) => ({
      device: name,
      vxlan: net.vxlan(i),
      match: `ip saddr { ${sources.join(', ')} } ip daddr ${address}`,
    }));
    await this.host.run('nft', ['-f', '-'], { input: rulesOf(table(id), rules) });
  }

  async measure(injection: Injection): Promise<FaultReading> {
    const { id, target } = injection;
    const hop = this.#hop(id);
    const before = await this.#ask(hop, 'count');
    if (before === undefined || !before.isOn) return nothing('no process holds the fault, or it has healed by itself');
    const { pairs } = await this.bridge.addressesOf(target);
    const [from, to] = pairs[0] ?? [];
    if (from === undefined || to === undefined) return nothing('fewer than two containers are on the link');
    const { pid } = await this.#portOf(from);
    await sendDatagrams(pid, { to, port: 9, count: PASSING, bytes: 64, everyMs: 1 });
    const answer = await this.#ask(hop, 'measure');
    if (answer?.error !== undefined) throw new OrdealError('vim-failed', `The link is not measured: ${answer.error}`);
    const passed = (answer?.frames ?? 0) - before.frames;
    if (answer?.reading === undefined) return nothing('the fault has healed by itself');
    const { effective, measured, how } = answer.reading;
    return {
      effective: effective && passed >= PASSING,
      measured: { ...measured, datagramsThatPassed: passed },
      how: `${how}; and ${PASSING} datagrams from ${from} to ${to} had to pass the same process`,
    };
  }

  /** Idempotent: with containers restarted or gone, or the process dead. */
  async heal({ id }: Pick<Injection, 'id'>): Promise<void> {
    const name = table(id);
    await this.host.run('nft', ['-f', '-'], { input: `table netdev ${name}\ndelete table netdev ${name}\n` });
    const hop = this.#hop(id);
    const ended = await this.#ask(hop, 'end').catch((e: unknown) => {
      if (e instanceof OrdealError && e.kind === 'timeout') return undefined;
      throw e;
    });
    if (ended === undefined) await hop.kill();
    const net = netOf(id);
    await this.#sh(TAKE_DOWN, net.device, net.vxlan(''));
    await hop.forget();
  }

  /** The device of the host whose other end has the address inside of the container. */
  async #portOf(address: string): Promise<Port> {
    const { container } = await this.#at(address);
    return { address, pid: container.pid, device: await cableOf(this.host, container, address) };
  }

  async #at(address: string): Promise<Seen> {
    const all = await this.containers.all();
    const found = all.find(({ container: c }) => c.pid > 0 && c.networks.some((n) => n.address === address));
    if (found !== undefined) return found;
    throw new OrdealError('vim-failed', `No container with the address ${address} runs`);
  }

  #ask(hop: HopProcess, request: HopRequest): Promise<HopAnswer | undefined> {
    return hop.ask(request, hopAnswer);
  }

  #hop(id: string): HopProcess {
    return new HopProcess(join(this.folder.root, 'hops', shortOf(id)));
  }

  async #sh(script: string, ...args: readonly string[]): Promise<void> {
    await this.host.run('sh', ['-c', script, 'sh', ...args]);
  }
}

/** An address of this host would be delivered to the device itself, so the process is beyond a cable of its own. */
const SET_UP = `set -e
cable=$1 pid=$2 ours=$3 theirs=$4 port=$5
shift 5
ip link add "$cable" mtu 65535 type veth peer name hop mtu 65535 netns "$pid"
ip address add "$ours/30" dev "$cable"
ip link set "$cable" up
nsenter --net=/proc/$pid/ns/net ip address add "$theirs/30" dev hop
nsenter --net=/proc/$pid/ns/net ip link set hop up
vni=0
for device in "$@"; do
  vni=$((vni + 1))
  ip link add "$device" type vxlan id $vni local "$ours" dstport "$port" nolearning
  # A segment of many frames is divided before it is sent: each frame is struck by itself.
  ip link set "$device" gso_max_segs 1 up
  bridge fdb append 00:00:00:00:00:00 dev "$device" dst "$theirs" port ${HOP_PORT}
done`;

const TAKE_DOWN = `for device in $(ip -o link show | cut -d: -f2 | cut -d@ -f1); do
  case $device in "$1" | "$2"*) ip link del "$device" ;; esac
done
true`;

interface Rule {
  readonly device: string;
  readonly vxlan: string;
  readonly match: string;
}

function rulesOf(name: string, rules: readonly Rule[]): string {
  const chains = rules.map(
    ({ device: port, vxlan, match }, i) => `  chain to_${i} {
    type filter hook egress device "${port}" priority 0; policy accept;
    meta mark ${MARK} accept
    ${match} fwd to "${vxlan}"
  }
  chain from_${i} {
    type filter hook ingress device "${vxlan}" priority 0; policy accept;
    meta mark set ${MARK} fwd to "${port}"
  }`,
  );
  return `table netdev ${name} {\n${chains.join('\n')}\n}\n`;
}

const nothing = (how: string): FaultReading => ({ effective: false, measured: {}, how });
const table = (id: string): string => tableName('hop', id);
const shortOf = (id: string): string => createHash('sha256').update(id).digest('hex').slice(0, 10);

/** Names, link-local addresses and a port of this fault's own; any process finds them again. */
function netOf(id: string) {
  const hash = createHash('sha256').update(id).digest();
  const subnet = `169.254.${1 + (hash.readUInt8(0) % 160)}.`;
  const base = (hash.readUInt8(1) % 63) * 4;
  const short = shortOf(id);
  return {
    device: `oc${short}`,
    vxlan: (i: number | '') => `ov${short}${i === '' ? '' : `-${i}`}`,
    ours: `${subnet}${base + 1}`,
    theirs: `${subnet}${base + 2}`,
    port: 20_000 + (hash.readUInt16BE(2) % 20_000),
  };
}
