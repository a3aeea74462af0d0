import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { ProbeSpec } from '../../model/network-service.js';
import { OrdealError } from '../../util/errors.js';
import { type Abort, type Done, outcomeOf, type Prober } from './prober.js';
import { type Fill, isExpected, template } from './template.js';

export type UdpSpec = Extract<ProbeSpec, { kind: 'udp' }>;

interface Aim {
  readonly base: string | undefined;
  readonly host: string;
  readonly port: number;
  readonly payload: Fill;
  readonly wanted: Fill | undefined;
}

/**
 * One datagram there and one back, from a socket for each: so an answer belongs to its request, whatever it says, and a
 * port that nobody listens on is refused at once (ICMP) and not only by the timeout.
 */
export class UdpProber implements Prober {
  readonly #spec: UdpSpec;
  #aim: Aim;

  /** @throws OrdealError of kind scenario-invalid */
  constructor(spec: UdpSpec, base: string | undefined) {
    this.#spec = spec;
    this.#aim = aimAt(spec, base);
  }

  send(key: string, done: Done): Abort {
    const { host, port, payload, wanted } = this.#aim;
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    let over = false;
    const close = () => {
      over = true;
      socket.close();
    };
    const finish = (ok: boolean, outcome: string) => {
      if (over) return;
      close();
      done(ok, outcome);
    };
    socket.on('error', (e) => finish(false, outcomeOf(e)));
    socket.on('message', (answer) => {
      const isGood = isExpected(answer.toString(), wanted?.(key), this.#spec.expect.exact);
      finish(isGood, isGood ? 'answer' : 'other answer');
    });
    // As an event: a callback would be given the error instead, and the event would not come.
    socket.once('connect', () => {
      if (!over) socket.send(payload(key), (e) => e && finish(false, outcomeOf(e)));
    });
    socket.connect(port, host);
    return () => {
      if (!over) close();
    };
  }

  moveTo(base: string): void {
    if (base !== this.#aim.base) this.#aim = aimAt(this.#spec, base);
  }

  async close(): Promise<void> {}
}

function aimAt(spec: UdpSpec, base: string | undefined): Aim {
  const address = spec.address.replaceAll('{base}', base ?? '');
  const [, host, port] = /^udp:\/\/\[?([^/\]\s]+)\]?:(\d+)\/?$/.exec(address) ?? [];
  if (host === undefined || port === undefined || Number(port) < 1 || Number(port) > 65_535) {
    throw new OrdealError('scenario-invalid', 'The address cannot be used', {
      where: `probe "${spec.id}"`,
      expected: 'udp://host:port, or a connectionPoint that has such an address',
      got: address === '' ? 'none' : address,
    });
  }
  const { payload, expect } = spec;
  return {
    base,
    host,
    port: Number(port),
    payload: template(payload, base),
    wanted: expect.body === undefined ? undefined : template(expect.body, base),
  };
}
