import { type FaultReading, faultParams, type Injection } from '../../../model/fault.js';
import { validate } from '../../../util/validate.js';
import type { Containers, Seen } from '../containers.js';
import type { Before, Means } from './means.js';

export class MemoryPressure implements Means {
  readonly how = 'a limit of its control group just above what it uses';

  constructor(readonly containers: Containers) {}

  /** No figure means no limit. */
  async before(seen: Seen): Promise<Before> {
    const limit = await (await this.containers.cgroup(seen)).memoryLimit();
    return Number.isFinite(limit) ? { limitBytes: limit } : {};
  }

  async on(seen: Seen, injection: Injection): Promise<void> {
    const cgroup = await this.containers.cgroup(seen);
    await cgroup.setMemoryLimit((await cgroup.memoryBytes()) + leaveBytesOf(injection));
  }

  async measure(seen: Seen, injection: Injection, { limitBytes }: Before): Promise<FaultReading> {
    const cgroup = await this.containers.cgroup(seen);
    const limit = await cgroup.memoryLimit();
    const leftBytes = limit - (await cgroup.memoryBytes());
    return {
      effective: limit < Number(limitBytes ?? Number.POSITIVE_INFINITY),
      measured: { ...(Number.isFinite(limit) ? { leftBytes } : {}), askedToLeaveBytes: leaveBytesOf(injection) },
      how: 'the limit of its control group, less what it uses',
    };
  }

  async off(seen: Seen, _: Injection, { limitBytes }: Before): Promise<void> {
    await (await this.containers.cgroup(seen)).setMemoryLimit(Number(limitBytes ?? Number.POSITIVE_INFINITY));
  }
}

const leaveBytesOf = ({ kind, params }: Injection): number =>
  validate(params, kind, faultParams['memory-pressure'], 'usage').leaveBytes;
