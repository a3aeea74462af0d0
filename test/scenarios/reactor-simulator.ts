import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type LocatedService, vnfcsOf } from '../../harness/model/network-service.js';
import { seededRandom } from '../../harness/util/random.js';
import { SimulatedVnfc } from './simulated-vnfc.js';

/** How long a message is under way, and whether it arrives at all. */
export interface LinkFault {
  delayMs?: number;
  lossRatio?: number;
  duplicationRatio?: number;
  corruptionRatio?: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
  readonly tookMs: number;
}

interface Event {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/**
 * Runs a service's modules on simulated time, in this thread: the reactor interface (REACTOR.md) and the links, without
 * threads, sockets and waiting. The same seed gives the same run.
 */
export class Simulation {
  nowMs = 0;
  readonly vnfcs = new Map<string, SimulatedVnfc>();
  readonly linkFaults = new Map<string, LinkFault>();
  readonly random: () => number;
  #events: Event[] = [];
  #order = 0;
  readonly #answers = new Map<number, (answer: HttpAnswer) => void>();
  #nextHandle = 1;

  private constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  static async of(service: LocatedService, seed = 1): Promise<Simulation> {
    const simulation = new Simulation(seed);
    const modules = new Map<string, WebAssembly.Module>();
    for (const [index, vnfc] of vnfcsOf(service.descriptor).entries()) {
      const file = join(service.folder, String(vnfc.deployment.module));
      const module = modules.get(file) ?? new WebAssembly.Module(await readFile(file));
      modules.set(file, module);
      simulation.vnfcs.set(vnfc.id, new SimulatedVnfc(simulation, vnfc, index + 1, module));
    }
    for (const vnfc of simulation.vnfcs.values()) simulation.after(simulation.random() * 20, () => vnfc.boot());
    return simulation;
  }

  vnfc(id: string): SimulatedVnfc {
    const found = this.vnfcs.get(id);
    if (found === undefined) throw new Error(`there is no VNFC "${id}"`);
    return found;
  }

  after(delayMs: number, run: () => void): void {
    const event = { at: this.nowMs + Math.max(0, delayMs), order: this.#order++, run };
    let place = this.#events.push(event) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!before(event, this.#events[parent]!)) break;
      this.#events[place] = this.#events[parent]!;
      place = parent;
    }
    this.#events[place] = event;
  }

  run(forMs: number): void {
    const until = this.nowMs + forMs;
    while (this.#events.length > 0 && this.#events[0]!.at <= until) {
      const event = this.#pop();
      this.nowMs = event.at;
      event.run();
    }
    this.nowMs = until;
  }

  /** Sends a request to an HTTP connection point; the answer comes while the simulation runs. */
  send(to: string, method: string, path: string, body: string, done: (answer: HttpAnswer) => void): void {
    const handle = this.#nextHandle++;
    const sentAt = this.nowMs;
    this.#answers.set(handle, ({ status, body }) => done({ status, body, tookMs: this.nowMs - sentAt }));
    this.after(0.2, () => this.vnfc(to).deliver(0, handle, Buffer.from(`${method} ${path}\nhost: sim\n\n${body}`)));
    this.after(30_000, () => this.answered(handle, '504\n\n'));
  }

  /** Sends a request, and runs until it is answered. */
  ask(to: string, method: string, path: string, body = ''): HttpAnswer {
    let answer: HttpAnswer | undefined;
    this.send(to, method, path, body, (a) => {
      answer = a;
    });
    while (answer === undefined) this.run(1);
    return answer;
  }

  answered(handle: number, text: string): void {
    const [head = '', ...rest] = text.split('\n\n');
    this.#answers.get(handle)?.({ status: Number.parseInt(head, 10), body: rest.join('\n\n'), tookMs: 0 });
    this.#answers.delete(handle);
  }

  carry(from: SimulatedVnfc, link: string, to: number, bytes: Buffer): void {
    const fault = this.linkFaults.get(link) ?? {};
    const receiver = [...this.vnfcs.values()].find((v) => v.address === to);
    const cp = receiver?.vnfc.connectionPoints.findIndex((c) => c.link === link) ?? -1;
    if (receiver === undefined || cp < 0 || this.random() < (fault.lossRatio ?? 0)) return;
    if (this.random() < (fault.corruptionRatio ?? 0)) bytes[Math.floor(this.random() * bytes.length)]! ^= 0x10;
    const copies = this.random() < (fault.duplicationRatio ?? 0) ? 2 : 1;
    // In order: a message never overtakes the one before it.
    const arrives = Math.max(
      from.lastArrival.get(link) ?? 0,
      this.nowMs + 0.05 + this.random() * 0.2 + (fault.delayMs ?? 0),
    );
    from.lastArrival.set(link, arrives);
    for (let n = 0; n < copies; n++) this.after(arrives - this.nowMs, () => receiver.deliver(cp, from.address, bytes));
  }

  #pop(): Event {
    const events = this.#events;
    const first = events[0]!;
    const last = events.pop()!;
    if (events.length === 0) return first;
    let place = 0;
    while (true) {
      let child = 2 * place + 1;
      if (child >= events.length) break;
      if (child + 1 < events.length && before(events[child + 1]!, events[child]!)) child++;
      if (!before(events[child]!, last)) break;
      events[place] = events[child]!;
      place = child;
    }
    events[place] = last;
    return first;
  }
}

const before = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
