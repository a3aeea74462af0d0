import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { faultParams } from '../../model/fault.js';
import { reasonOf } from '../../util/errors.js';
import { answerLines, serve } from '../link/hop-server.js';
import { impairment, type LinkFault } from '../link/impairments.js';
import { measureLink, type Way } from '../link/link-probe.js';
import { Switch } from '../link/switch.js';
import { completeChecksum } from './checksum.js';
import { type HopAnswer, type HopPlan, hopPlan, hopRequest } from './link-hop-plan.js';

/**
 * A detached process through which frames on their way to containers pass while a fault of their link is on. It heals by
 * itself after the injection's deadline, whatever became of who started it: then it passes everything on.
 */
const LINK = 'link';
/** VXLAN: flags, reserved, network identifier, reserved. Source: RFC 7348, section 5. */
const HEAD = 8;
const HAS_VNI = 0x08;
/** What is held back is let go before the process ends. */
const FLUSH_MS = 50;
const BUFFER_BYTES = 4 * 2 ** 20;

class LinkHop {
  readonly #network: Switch;
  readonly #fault: LinkFault;
  readonly #socket: DatagramSocket = createSocket('udp4');
  #frames = 0;
  #isOn = true;

  constructor(readonly plan: HopPlan) {
    const { injection } = plan;
    const kind = injection.kind as LinkFault['kind'];
    this.#fault = { kind, ...faultParams[kind].parse(injection.params) } as LinkFault;
    this.#network = new Switch([LINK], ({ to, data }) => this.#deliver(to, data));
    this.#network.impair(
      [LINK],
      impairment(injection.id, this.#fault, injection.seed, () => true),
    );
  }

  async listen(): Promise<void> {
    this.#socket.on('message', (datagram) => this.#take(datagram));
    // One that cannot be sent is a frame that is lost.
    this.#socket.on('error', () => {});
    await new Promise<void>((resolve) => this.#socket.bind(this.plan.port, '0.0.0.0', resolve));
    this.#socket.setRecvBufferSize(BUFFER_BYTES);
    this.#socket.setSendBufferSize(BUFFER_BYTES);
    await serve(this.plan.control, (socket) => answerLines(socket, (line) => this.#do(line)));
    setTimeout(() => this.heal(), this.plan.injection.expiresAfterMs).unref();
  }

  /** What is held back is let go. Idempotent. */
  heal(): void {
    this.#isOn = false;
    this.#network.heal(this.plan.injection.id);
  }

  #take(datagram: Buffer): void {
    if (datagram.length <= HEAD || ((datagram[0] ?? 0) & HAS_VNI) === 0) return;
    this.#frames += 1;
    const data = datagram.subarray(HEAD);
    completeChecksum(data);
    // Every frame of one way has the same sender.
    const from = data.length < 12 ? 0 : data.readUIntBE(6, 6);
    this.#network.send({ link: LINK, from, to: datagram.readUIntBE(4, 3), data });
  }

  #deliver(vni: number, data: Uint8Array): void {
    const head = Buffer.alloc(HEAD);
    head[0] = HAS_VNI;
    head.writeUIntBE(vni, 4, 3);
    const { address, port } = this.plan.back;
    this.#socket.send([head, data], port, address, () => {});
  }

  async #do(line: string): Promise<HopAnswer> {
    const request = hopRequest.parse(line);
    if (request === 'end') {
      this.heal();
      setTimeout(() => process.exit(0), FLUSH_MS);
    }
    const frames = this.#frames;
    if (request !== 'measure' || !this.#isOn) return { isOn: this.#isOn, frames };
    const reading = await measureLink(this.#network, this.#ways(), this.#fault);
    return { isOn: true, frames, reading };
  }

  #ways(): Way[] {
    const { vnis } = this.plan;
    return vnis.flatMap((to) => {
      const others = vnis.filter((from) => from !== to);
      // Of a fault in one direction the senders are not struck, and have no number here.
      return (others.length === 0 ? [0] : others).map((from) => ({ link: LINK, from, to }));
    });
  }
}

const [, , file = ''] = process.argv;
try {
  const plan = hopPlan.parse(JSON.parse(await readFile(file, 'utf8')));
  await rm(plan.control, { force: true });
  await new LinkHop(plan).listen();
} catch (e) {
  await writeFile(`${file}.error`, reasonOf(e));
  process.exitCode = 1;
}
