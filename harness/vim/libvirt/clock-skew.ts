import { z } from 'zod';
import { type FaultReading, faultParams, type Injection } from '../../model/fault.js';
import { validate } from '../../util/validate.js';
import type { Seen } from './domains.js';
import type { Target } from './fault-targets.js';
import type { Hypervisor } from './hypervisor.js';
import type { Means } from './means.js';

const READINGS = 5;

/** The guest's wall clock is set through its agent, relative to what it was ahead of ours before. */
export class ClockSkew implements Means {
  readonly how = 'the guest agent sets the wall clock of the guest';

  constructor(readonly hypervisor: Hypervisor) {}

  async before(seen: Seen): Promise<Target['before']> {
    return { aheadMs: await this.#aheadMs(seen) };
  }

  async on(seen: Seen, { kind, params }: Injection, { aheadMs }: Target['before']): Promise<void> {
    const { offsetMs } = validate(params, kind, faultParams['clock-skew'], 'usage');
    await this.#set(seen, Number(aheadMs) + offsetMs);
  }

  async measure(seen: Seen, { kind, params }: Injection, { aheadMs }: Target['before']): Promise<FaultReading> {
    const asked = validate(params, kind, faultParams['clock-skew'], 'usage').offsetMs;
    const offsetMs = (await this.#aheadMs(seen)) - Number(aheadMs);
    return {
      effective: Math.abs(offsetMs) > Math.abs(asked) / 2,
      measured: { offsetMs: Math.round(offsetMs) },
      how: `the clock of the guest against ours, the best of ${READINGS} readings through its agent`,
    };
  }

  off(seen: Seen, _: Injection, { aheadMs }: Target['before']): Promise<void> {
    return this.#set(seen, Number(aheadMs));
  }

  /** Milliseconds that the guest's clock is ahead of ours: from the reading that took the shortest time. */
  async #aheadMs({ dom }: Seen): Promise<number> {
    let best = { tookMs: Number.POSITIVE_INFINITY, aheadMs: 0 };
    for (let i = 0; i < READINGS; i++) {
      const from = Date.now();
      const guestMs = z.number().parse(await this.hypervisor.agent(dom, 'guest-get-time')) / 1e6;
      const tookMs = Date.now() - from;
      if (tookMs < best.tookMs) best = { tookMs, aheadMs: guestMs - (from + tookMs / 2) };
    }
    return best.aheadMs;
  }

  /** Set, looked at, and set once more: the way of the first command is not known beforehand. */
  async #set(seen: Seen, aheadMs: number): Promise<void> {
    let leadMs = 0;
    for (let i = 0; i < 3; i++) {
      // Nanoseconds of now exceed what a double holds exactly, by some 100 ns.
      const time = Math.round((Date.now() + aheadMs + leadMs) * 1e6);
      await this.hypervisor.agent(seen.dom, 'guest-set-time', { time });
      const missMs = aheadMs - (await this.#aheadMs(seen));
      if (Math.abs(missMs) < 20) return;
      leadMs += missMs;
    }
  }
}
