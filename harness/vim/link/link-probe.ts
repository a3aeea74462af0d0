import { setTimeout as delay } from 'node:timers/promises';
import type { FaultReading } from '../../model/fault.js';
import { monotonicMs } from '../../util/monotonic.js';
import type { LinkFault } from './impairments.js';
import type { Switch } from './switch.js';

export interface Way {
  readonly link: string;
  readonly from: number;
  readonly to: number;
}

interface Arrival {
  readonly sequence: number;
  readonly atMs: number;
  readonly intact: boolean;
}

const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;
const round = (n: number, digits = 4): number => Number(n.toFixed(digits));

/** Frames that take the way of the traffic, and end in our hands. */
class Probe {
  readonly sentAt: number[] = [];
  readonly arrivals: Arrival[] = [];

  constructor(
    readonly network: Switch,
    readonly ways: readonly Way[],
    readonly bytes = 64,
  ) {}

  /** One frame, on the ways in turn. */
  send(): void {
    const sequence = this.sentAt.length;
    const way = this.ways[sequence % this.ways.length];
    if (way === undefined) return;
    const data = new Uint8Array(this.bytes).fill(sequence & 0xff);
    this.sentAt.push(monotonicMs());
    this.network.send({
      ...way,
      data,
      probe: (got) => {
        const intact = got.every((byte) => byte === (sequence & 0xff));
        this.arrivals.push({ sequence, atMs: monotonicMs(), intact });
      },
    });
  }

  async sendEvery(ms: number, times: number): Promise<void> {
    for (let i = 0; i < times; i++) {
      this.send();
      if (i < times - 1) await delay(ms);
    }
  }

  sendAll(times: number): void {
    for (let i = 0; i < times; i++) this.send();
  }

  /** Until everything is there, or nothing more has come for a while. */
  async settle(quietMs: number): Promise<void> {
    for (let last = monotonicMs(); ; ) {
      const before = this.arrivals.length;
      if (before >= this.sentAt.length) return;
      await delay(10);
      if (this.arrivals.length > before) last = monotonicMs();
      if (monotonicMs() - last > quietMs) return;
    }
  }

  /** Milliseconds on the way, of everything that arrived. */
  get delays(): number[] {
    return this.arrivals.map(({ sequence, atMs }) => atMs - (this.sentAt[sequence] ?? 0));
  }

  get arrived(): number {
    return new Set(this.arrivals.map((a) => a.sequence)).size;
  }
}

/** Measures what a fault does to the ways that it should strike. */
export async function measureLink(network: Switch, ways: readonly Way[], fault: LinkFault): Promise<FaultReading> {
  const read = (effective: boolean, measured: FaultReading['measured'], how: string): FaultReading => ({
    effective,
    measured: { ...measured, ways: ways.length },
    how: `${how}, on ${ways.length} way${ways.length === 1 ? '' : 's'} of the virtual link`,
  });
  if (ways.length === 0) return { effective: false, measured: { ways: 0 }, how: 'no two VNFCs are joined by that way' };
  switch (fault.kind) {
    case 'link-cut':
    case 'partition': {
      const probe = new Probe(network, ways);
      const back = new Probe(
        network,
        ways.map(({ link, from, to }) => ({ link, from: to, to: from })),
      );
      probe.sendAll(ways.length * 5);
      back.sendAll(ways.length * 5);
      await Promise.all([probe.settle(60), back.settle(60)]);
      const sent = probe.sentAt.length;
      const measured = { sent, arrived: probe.arrived, arrivedOnTheWayBack: back.arrived };
      return read(probe.arrived === 0, measured, `sent ${sent} probe frames each way and counted what arrived`);
    }
    case 'delay': {
      const probe = new Probe(network, ways);
      await probe.sendEvery(4, 40);
      await probe.settle(fault.delayMs + fault.jitterMs + 200);
      const { delays } = probe;
      const measured = {
        delayMs: round(median(delays), 2),
        jitterMs: round((Math.max(...delays) - Math.min(...delays)) / 2, 2),
        sent: probe.sentAt.length,
        arrived: probe.arrived,
      };
      // What a link without the fault takes is far below half a dose.
      return read(delays.length > 0 && measured.delayMs > fault.delayMs / 2, measured, 'timed probe frames');
    }
    case 'loss': {
      const probe = new Probe(network, ways);
      probe.sendAll(2000);
      await probe.settle(150);
      const lost = probe.sentAt.length - probe.arrived;
      const ratio = round(lost / probe.sentAt.length);
      return read(lost > 0, { ratio, trials: probe.sentAt.length, lost }, 'counted probe frames that did not arrive');
    }
    case 'duplication': {
      const probe = new Probe(network, ways);
      probe.sendAll(2000);
      await probe.settle(150);
      const twice = probe.arrivals.length - probe.arrived;
      const ratio = round(probe.arrived === 0 ? 0 : twice / probe.arrived);
      return read(twice > 0, { ratio, trials: probe.arrived, twice }, 'counted probe frames that arrived twice');
    }
    case 'corruption': {
      const probe = new Probe(network, ways);
      probe.sendAll(2000);
      await probe.settle(150);
      const corrupted = probe.arrivals.filter((a) => !a.intact).length;
      const ratio = round(probe.arrivals.length === 0 ? 0 : corrupted / probe.arrivals.length);
      const measured = { ratio, trials: probe.arrivals.length, corrupted };
      return read(corrupted > 0, measured, 'compared probe frames with what was sent');
    }
    case 'reordering': {
      const probe = new Probe(network, ways.slice(0, 1));
      for (let i = 0; i < 150; i++) {
        probe.sendAll(4);
        await delay(1);
      }
      await probe.settle(fault.holdBackMs + 200);
      let newest = -1;
      const late: number[] = [];
      for (const { sequence, atMs } of probe.arrivals) {
        if (sequence < newest) late.push(atMs - (probe.sentAt[sequence] ?? 0));
        newest = Math.max(newest, sequence);
      }
      const ratio = round(probe.arrived === 0 ? 0 : late.length / probe.arrived);
      const measured = {
        ratio,
        trials: probe.arrived,
        ...(late.length > 0 ? { holdBackMs: round(median(late), 2) } : {}),
      };
      return read(late.length > 0, measured, 'counted probe frames that were overtaken by later ones');
    }
    case 'rate': {
      const bytes = Math.min(16_384, Math.max(64, Math.floor(fault.bytesPerSecond / 80)));
      const probe = new Probe(network, ways.slice(0, 1), bytes);
      const begin = monotonicMs();
      probe.sendAll(24);
      await probe.settle(1500);
      const last = probe.arrivals.at(-1);
      const seconds = ((last?.atMs ?? begin) - begin) / 1000;
      const bytesPerSecond = seconds > 0 ? Math.round((probe.arrived * bytes) / seconds) : 0;
      const measured = { bytesPerSecond, sent: probe.sentAt.length, arrived: probe.arrived };
      return read(
        last !== undefined && bytesPerSecond < fault.bytesPerSecond * 2,
        measured,
        `timed a burst of ${24 * bytes} bytes`,
      );
    }
  }
}
