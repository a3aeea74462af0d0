import type { FaultReading } from '../../../model/fault.js';
import type { Containers, Seen } from '../containers.js';
import type { Power } from '../power.js';
import { shareUsed } from './cpu-starvation.js';
import type { Before, Means } from './means.js';

export class Stall implements Means {
  readonly how = 'the freezer of its control group';

  constructor(
    readonly containers: Containers,
    readonly power: Power,
  ) {}

  before(): Promise<Before> {
    return Promise.resolve({});
  }

  async on({ container }: Seen): Promise<void> {
    await this.power.pause(container.id);
  }

  async measure(seen: Seen): Promise<FaultReading> {
    const usedShare = await shareUsed(await this.containers.cgroup(seen));
    return {
      effective: seen.powerState === 'suspended',
      measured: { state: seen.powerState, usedShare },
      how: 'the freezer of its control group, and the CPU time that it used in 200 ms',
    };
  }

  /** What is kept as evidence stays as it is. */
  async off({ container, powerState, marks }: Seen): Promise<void> {
    if (powerState === 'suspended' && !marks.quarantined) await this.power.resume(container.id);
  }
}
