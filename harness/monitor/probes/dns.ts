import { Resolver } from 'node:dns';
import { isIPv6 } from 'node:net';
import type { ProbeSpec } from '../../model/network-service.js';
import { type Abort, type Done, outcomeOf, type Prober } from './prober.js';
import { type Fill, template } from './template.js';

export type DnsSpec = Extract<ProbeSpec, { kind: 'dns' }>;

/** One question to one name server, asked once: a repeated question would hide a lost one. */
export class DnsProber implements Prober {
  readonly #spec: DnsSpec;
  readonly #name: Fill;
  readonly #resolver: Resolver;

  constructor(spec: DnsSpec) {
    this.#spec = spec;
    this.#name = template(spec.name, undefined);
    // The loop keeps the deadline; the resolver only has to give up some time.
    this.#resolver = new Resolver({ timeout: Math.max(1, spec.timeoutMs * 2), tries: 1 });
    this.#resolver.setServers([isIPv6(spec.host) ? `[${spec.host}]:${spec.port}` : `${spec.host}:${spec.port}`]);
  }

  send(key: string, done: Done): Abort {
    const { type, expect } = this.#spec;
    let over = false;
    this.#resolver.resolve(this.#name(key), type, (error, records) => {
      if (over) return;
      if (error !== null) return done(false, outcomeOf(error));
      const { answer } = expect;
      const texts = (Array.isArray(records) ? records : [records]).map((r) =>
        typeof r === 'string' ? r : JSON.stringify(r),
      );
      const isGood = answer === undefined ? texts.length > 0 : texts.some((text) => text.includes(answer));
      done(isGood, isGood ? 'answer' : 'other answer');
    });
    return () => {
      over = true;
    };
  }

  moveTo(): void {
    // The name server is the descriptor's own.
  }

  async close(): Promise<void> {
    this.#resolver.cancel();
  }
}
