import type { ProbeSpec } from '../../model/network-service.js';
import { OrdealError } from '../../util/errors.js';
import { type Abort, type Done, outcomeOf, type Prober } from './prober.js';
import { type Fill, isExpected, template } from './template.js';
import { UdpSockets } from './udp-sockets.js';

export type UdpSpec = Extract<ProbeSpec, { kind: 'udp' }>;

interface Aim {
  readonly base: string | undefined;
  readonly sockets: UdpSockets;
  readonly payload: Fill;
  readonly wanted: Fill | undefined;
}

/** One datagram there and one back, from a socket of its own while it is under way. */
export class UdpProber implements Prober {
  readonly #spec: UdpSpec;
  #aim: Aim;

  /** @throws OrdealError of kind scenario-invalid */
  constructor(spec: UdpSpec, base: string | undefined) {
    this.#spec = spec;
    this.#aim = aimAt(spec, base);
  }

  send(key: string, done: Done): Abort {
    const { sockets, payload, wanted } = this.#aim;
    let over = false;
    const finish = (ok: boolean, outcome: string) => {
      if (over) return;
      over = true;
      done(ok, outcome);
    };
    const abort = sockets.send(payload(key), {
      answered: (datagram) => {
        const isGood = isExpected(datagram.toString(), wanted?.(key), this.#spec.expect.exact);
        finish(isGood, isGood ? 'answer' : 'other answer');
      },
      failed: (e) => finish(false, outcomeOf(e)),
    });
    return () => {
      if (over) return;
      over = true;
      abort();
    };
  }

  moveTo(base: string): void {
    if (base === this.#aim.base) return;
    this.#aim.sockets.retire();
    this.#aim = aimAt(this.#spec, base);
  }

  async close(): Promise<void> {
    this.#aim.sockets.close();
  }
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
    sockets: new UdpSockets(host, Number(port)),
    payload: template(payload, base),
    wanted: expect.body === undefined ? undefined : template(expect.body, base),
  };
}
