import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { runHop } from '../link/hop-server.js';
import { ImpairedLink } from '../link/impaired-link.js';
import { completeChecksum } from './checksum.js';
import { type HopAnswer, type HopPlan, hopPlan, hopRequest } from './link-hop-plan.js';

/** A detached process through which frames on their way to containers pass while a fault of their link is on. */

/** VXLAN: flags, reserved, network identifier, reserved. Source: RFC 7348, section 5. */
const HEAD = 8;
const HAS_VNI = 0x08;
/** What is held back is let go before the process ends. */
const FLUSH_MS = 50;
const BUFFER_BYTES = 4 * 2 ** 20;

class LinkHop {
  readonly #link: ImpairedLink;
  readonly #socket: DatagramSocket = createSocket('udp4');
  #frames = 0;

  private constructor(readonly plan: HopPlan) {
    this.#link = new ImpairedLink(plan.injection, ({ to, data }) => this.#deliver(to, data));
  }

  static async listen(plan: HopPlan): Promise<LinkHop> {
    const hop = new LinkHop(plan);
    const socket = hop.#socket;
    socket.on('message', (datagram) => hop.#take(datagram));
    // One that cannot be sent is a frame that is lost.
    socket.on('error', () => {});
    await new Promise<void>((resolve) => socket.bind(plan.port, '0.0.0.0', resolve));
    socket.setRecvBufferSize(BUFFER_BYTES);
    socket.setSendBufferSize(BUFFER_BYTES);
    return hop;
  }

  async do(line: string): Promise<HopAnswer> {
    const request = hopRequest.parse(line);
    if (request === 'end') {
      this.#link.heal();
      setTimeout(() => process.exit(0), FLUSH_MS);
    }
    const frames = this.#frames;
    const { isOn } = this.#link;
    if (request !== 'measure' || !isOn) return { isOn, frames };
    return { isOn: true, frames, reading: await this.#link.measure(this.#ways()) };
  }

  #take(datagram: Buffer): void {
    if (datagram.length <= HEAD || ((datagram[0] ?? 0) & HAS_VNI) === 0) return;
    this.#frames += 1;
    const data = datagram.subarray(HEAD);
    completeChecksum(data);
    // Every frame of one way has the same sender.
    const from = data.length < 12 ? 0 : data.readUIntBE(6, 6);
    this.#link.send({ from, to: datagram.readUIntBE(4, 3), data });
  }

  #deliver(vni: number, data: Uint8Array): void {
    const head = Buffer.alloc(HEAD);
    head[0] = HAS_VNI;
    head.writeUIntBE(vni, 4, 3);
    const { address, port } = this.plan.back;
    this.#socket.send([head, data], port, address, () => {});
  }

  #ways(): { from: number; to: number }[] {
    const { vnis } = this.plan;
    return vnis.flatMap((to) => {
      const others = vnis.filter((from) => from !== to);
      // Of a fault in one direction the senders are not struck, and have no number here.
      return (others.length === 0 ? [0] : others).map((from) => ({ from, to }));
    });
  }
}

await runHop(
  hopPlan,
  (plan) => LinkHop.listen(plan),
  (hop, line) => hop.do(line),
);
