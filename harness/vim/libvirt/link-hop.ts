import type { Socket } from 'node:net';
import { runHop, serve } from '../link/hop-server.js';
import { ImpairedLink } from '../link/impaired-link.js';
import type { Frame } from '../link/switch.js';
import { type HopPlan, hopPlan, hopRequest } from './link-hop-protocol.js';
import { encoded, NetFrames, sourceOf, withChecksum } from './net-frames.js';

/**
 * A detached process through which the frames to one or more guests pass while a fault of the link is on. It ends when it
 * is told to, or when QEMU has let go of its sockets.
 */
class LinkHop {
  readonly #link: ImpairedLink;
  readonly #ports = new Map<number, Socket>();
  #frames = 0;

  private constructor(readonly plan: HopPlan) {
    const { injection, from } = plan;
    const strikes = (frame: Frame) => from === undefined || frame.from === from;
    this.#link = new ImpairedLink(injection, (frame) => this.#deliver(frame), strikes);
  }

  static async listen(plan: HopPlan): Promise<LinkHop> {
    const hop = new LinkHop(plan);
    await Promise.all(
      plan.nics.flatMap(({ address, out, in: back }) => [
        serve(out, (socket) => hop.#take(address, socket)),
        serve(back, (socket) => hop.#ports.set(address, socket)),
      ]),
    );
    return hop;
  }

  async do(line: string): Promise<object> {
    const request = hopRequest.parse(line);
    if (request === 'end') this.#link.heal();
    return request === 'measure' && this.#link.isOn ? this.#measure() : { isOn: this.#link.isOn };
  }

  #take(to: number, socket: Socket): void {
    const frames = new NetFrames();
    socket.on('data', (piece: Buffer) => {
      for (const frame of frames.push(piece)) {
        this.#frames += 1;
        const whole = this.#link.fault.kind === 'corruption' ? withChecksum(frame) : frame;
        this.#link.send({ from: sourceOf(whole.data), to, ...whole });
      }
    });
    // QEMU has let go: the fault was healed, or the guest is gone.
    socket.on('close', () => process.exit(0));
  }

  #deliver({ to, data, envelope }: Frame): void {
    this.#ports.get(to)?.write(encoded(envelope ?? new Uint8Array(), data));
  }

  async #measure() {
    const { nics, addresses, from } = this.plan;
    const ways = nics.flatMap(({ address: to }) =>
      addresses.filter((a) => a !== to && (from === undefined || a === from)).map((a) => ({ from: a, to })),
    );
    const reading = await this.#link.measure(ways);
    return { isOn: true, ...reading, measured: { ...reading.measured, framesOfGuests: this.#frames } };
  }
}

await runHop(
  hopPlan,
  (plan) => LinkHop.listen(plan),
  (hop, line) => hop.do(line),
);
