import { readFile, rm, writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { faultParams } from '../../model/fault.js';
import { reasonOf } from '../../util/errors.js';
import { answerLines, serve } from '../link/hop-server.js';
import { impairment, type LinkFault } from '../link/impairments.js';
import { measureLink, type Way } from '../link/link-probe.js';
import { type Frame, Switch } from '../link/switch.js';
import { type HopPlan, hopPlan, hopRequest } from './link-hop-protocol.js';
import { encoded, NetFrames, sourceOf, withChecksum } from './net-frames.js';

/**
 * A detached process through which the frames to one or more guests pass while a fault of the link is on. It heals by
 * itself after the injection's deadline, whatever became of who started it: then it passes everything on. It ends when it is
 * told to, or when QEMU has let go of its sockets.
 */
const LINK = 'link';

class LinkHop {
  readonly #network: Switch;
  readonly #fault: LinkFault;
  readonly #ports = new Map<number, Socket>();
  #frames = 0;
  #isOn = true;

  constructor(readonly plan: HopPlan) {
    const { injection, from } = plan;
    const kind = injection.kind as LinkFault['kind'];
    this.#fault = { kind, ...faultParams[kind].parse(injection.params) } as LinkFault;
    this.#network = new Switch([LINK], (frame) => this.#deliver(frame));
    const strikes = (frame: Frame) => from === undefined || frame.from === from;
    this.#network.impair([LINK], impairment(injection.id, this.#fault, injection.seed, strikes));
  }

  async listen(): Promise<void> {
    await Promise.all(
      this.plan.nics.flatMap(({ address, out, in: back }) => [
        serve(out, (socket) => this.#take(address, socket)),
        serve(back, (socket) => this.#ports.set(address, socket)),
      ]),
    );
    await serve(this.plan.control, (socket) => answerLines(socket, (line) => this.#do(line)));
    setTimeout(() => this.heal(), this.plan.injection.expiresAfterMs).unref();
  }

  /** What is held back is let go. Idempotent. */
  heal(): void {
    this.#isOn = false;
    this.#network.heal(this.plan.injection.id);
  }

  #take(to: number, socket: Socket): void {
    const frames = new NetFrames();
    socket.on('data', (piece: Buffer) => {
      for (const frame of frames.push(piece)) {
        this.#frames += 1;
        const whole = this.#fault.kind === 'corruption' ? withChecksum(frame) : frame;
        this.#network.send({ link: LINK, from: sourceOf(whole.data), to, ...whole });
      }
    });
    // QEMU has let go: the fault was healed, or the guest is gone.
    socket.on('close', () => process.exit(0));
  }

  #deliver({ to, data, envelope }: Frame): void {
    this.#ports.get(to)?.write(encoded(envelope ?? new Uint8Array(), data));
  }

  async #do(line: string): Promise<object> {
    const request = hopRequest.parse(line);
    if (request === 'end') this.heal();
    return request === 'measure' && this.#isOn ? this.#measure() : { isOn: this.#isOn };
  }

  async #measure() {
    const { nics, addresses, from } = this.plan;
    const ways: Way[] = nics.flatMap(({ address: to }) =>
      addresses.filter((a) => a !== to && (from === undefined || a === from)).map((a) => ({ link: LINK, from: a, to })),
    );
    const reading = await measureLink(this.#network, ways, this.#fault);
    return { isOn: true, ...reading, measured: { ...reading.measured, framesOfGuests: this.#frames } };
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
