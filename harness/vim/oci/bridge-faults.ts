import { type FaultReading, faultParams, type Injection } from '../../model/fault.js';
import { sleep } from '../../util/deadline.js';
import { OrdealError } from '../../util/errors.js';
import { validate } from '../../util/validate.js';
import { type BridgeRules, tableName } from './barrier.js';
import type { Containers } from './containers.js';
import { sendDatagrams } from './datagrams.js';

const TRIALS = 1000;
/** A datagram of this many bytes is this much longer on the wire: IP and UDP headers. */
const HEADERS = 28;
const RATE_PROBE_MS = 1500;
/** The discard port: whoever is there says nothing more than that nobody is. */
const PORT = 9;

type LinkTarget = Extract<Injection['target'], { link: string }>;

/** Faults of a virtual link: rules on the bridge, in a table of each fault's own. */
export class BridgeFaults {
  constructor(
    readonly containers: Containers,
    readonly bridge: BridgeRules,
  ) {}

  async inject({ id, kind, target, params }: Injection): Promise<void> {
    const addresses = await this.addressesOf(target);
    await this.bridge.set(table(id), this.#rules(kind, params, addresses));
  }

  async heal({ id }: Pick<Injection, 'id'>): Promise<void> {
    await this.bridge.clear(table(id));
  }

  async measure(injection: Injection): Promise<FaultReading> {
    const { id, kind, target } = injection;
    if (!(await this.bridge.isThere(table(id)))) {
      return { effective: false, measured: {}, how: 'no rule of this fault is on the bridge' };
    }
    const addresses = await this.addressesOf(target);
    const [from, to] = addresses.pairs[0] ?? [];
    if (from === undefined || to === undefined) {
      return { effective: false, measured: {}, how: 'fewer than two containers are on the link' };
    }
    const source = await this.#pidAt(from);
    return kind === 'rate' ? this.#measureRate(id, source, to) : this.#measureLoss(injection, source, from, to);
  }

  async #measureLoss({ id, kind, params }: Injection, source: number, from: string, to: string): Promise<FaultReading> {
    const before = await this.#total(id);
    await sendDatagrams(source, { to, port: PORT, count: TRIALS, bytes: 32, everyMs: 0 });
    const after = await this.#total(id);
    const trials = after.packets - before.packets;
    const dropped = after.dropped - before.dropped;
    const ratio = trials === 0 ? 0 : dropped / trials;
    const asked = kind === 'loss' ? Number(params.ratio) : 1;
    return {
      effective: trials > 0 && dropped > 0 && (asked < 1 || dropped === trials),
      measured: { ratio, trials, dropped },
      how: `${TRIALS} datagrams sent from ${from} to ${to}, counted by the rule on the bridge`,
    };
  }

  async #measureRate(id: string, source: number, to: string): Promise<FaultReading> {
    const before = await this.#total(id);
    const from = performance.now();
    await sendDatagrams(source, { to, port: PORT, count: 1500, bytes: 1200 - HEADERS, everyMs: RATE_PROBE_MS / 1500 });
    await sleep(50);
    const after = await this.#total(id);
    const passed = after.bytes - before.bytes - (after.droppedBytes - before.droppedBytes);
    const bytesPerSecond = Math.round((passed / (performance.now() - from)) * 1000);
    return {
      effective: after.dropped > before.dropped,
      measured: { bytesPerSecond },
      how: 'what the rule on the bridge let pass of more than it may, in about two seconds',
    };
  }

  async #total(id: string) {
    // Input: all, dropped; and the same for what the host itself sends.
    const found = (await this.bridge.counters(table(id))) ?? [];
    const at = (i: number) => found[i] ?? { packets: 0, bytes: 0 };
    return {
      packets: at(0).packets,
      bytes: at(0).bytes,
      dropped: at(1).packets,
      droppedBytes: at(1).bytes,
    };
  }

  #rules(kind: string, params: Injection['params'], { all, pairs, isDirected }: Addresses): string[] {
    const set = `{ ${all.join(', ')} }`;
    const matches = isDirected
      ? pairs.slice(0, 1).map(([from, to]) => `ip saddr ${from} ip daddr ${to}`)
      : [`ip saddr ${set} ip daddr ${set}`];
    const drop = this.#drop(kind, params);
    return matches.flatMap((match) => [`${match} counter`, `${match} ${drop} counter drop`]);
  }

  #drop(kind: string, params: Injection['params']): string {
    switch (kind) {
      case 'loss': {
        const { ratio } = validate(params, kind, faultParams[kind], 'usage');
        return `numgen random mod 10000 < ${Math.round(ratio * 10_000)}`;
      }
      case 'rate': {
        const { bytesPerSecond } = validate(params, kind, faultParams[kind], 'usage');
        return `limit rate over ${bytesPerSecond} bytes/second burst ${Math.max(1600, Math.round(bytesPerSecond / 20))} bytes`;
      }
      default:
        return '';
    }
  }

  async addressesOf(target: Injection['target']): Promise<Addresses> {
    if (!('link' in target)) throw new OrdealError('usage', 'This fault strikes a virtual link, not a VNFC');
    const on = await this.containers.addressesOn(target.link);
    if (on.size < 2) {
      throw new OrdealError('unknown-target', `Fewer than two VNFCs are on the virtual link "${target.link}"`);
    }
    return { all: [...on.values()], pairs: pairsOf(target, on), isDirected: target.from !== undefined };
  }

  async #pidAt(address: string): Promise<number> {
    const seen = (await this.containers.all()).find(({ container }) =>
      container.networks.some((n) => n.address === address),
    );
    if (seen !== undefined && seen.container.pid > 0) return seen.container.pid;
    throw new OrdealError('vim-failed', `No container with the address ${address} runs`);
  }
}

export interface Addresses {
  readonly all: readonly string[];
  readonly pairs: readonly (readonly [from: string, to: string])[];
  readonly isDirected: boolean;
}

function pairsOf({ link, from, to }: LinkTarget, on: ReadonlyMap<string, string>): (readonly [string, string])[] {
  const addressOf = (vnfc: string): string => {
    const found = on.get(vnfc);
    if (found !== undefined) return found;
    throw new OrdealError('unknown-target', `"${vnfc}" is not on the virtual link "${link}"`);
  };
  if (from !== undefined && to !== undefined) return [[addressOf(from), addressOf(to)]];
  const all = [...on.values()];
  return all.flatMap((a) => all.filter((b) => a !== b).map((b) => [a, b] as const));
}

const table = (id: string): string => tableName('fault', id);
