import { type FaultReading, faultParams, type Injection } from '../../../model/fault.js';
import { sleep } from '../../../util/deadline.js';
import { validate } from '../../../util/validate.js';
import type { Cgroup } from '../cgroup.js';
import { type Containers, monotonicMs, type Seen } from '../containers.js';
import type { Before, Means } from './means.js';

const PERIOD_US = 100_000;
const LEAST_US = 1000;

export class CpuStarvation implements Means {
  readonly how = 'a quota of its control group';

  constructor(readonly containers: Containers) {}

  async before(seen: Seen): Promise<Before> {
    return { quotaUs: await (await this.containers.cgroup(seen)).quotaUs() };
  }

  async on(seen: Seen, { kind, params }: Injection): Promise<void> {
    const { share } = validate(params, kind, faultParams['cpu-starvation'], 'usage');
    await (await this.containers.cgroup(seen)).setQuotaUs(Math.max(LEAST_US, share * PERIOD_US));
  }

  async measure(seen: Seen, _: Injection, before: Before): Promise<FaultReading> {
    const cgroup = await this.containers.cgroup(seen);
    const quotaUs = await cgroup.quotaUs();
    return {
      effective: quotaUs > 0 && quotaUs !== before.quotaUs,
      measured: { share: quotaUs > 0 ? quotaUs / PERIOD_US : 1, usedShare: await shareUsed(cgroup) },
      how: 'the quota that its control group has now, and the CPU time that it used in 200 ms',
    };
  }

  async off(seen: Seen, _: Injection, { quotaUs }: Before): Promise<void> {
    await (await this.containers.cgroup(seen)).setQuotaUs(Number(quotaUs));
  }
}

/** Of one CPU, within about 200 ms. */
export async function shareUsed(cgroup: Cgroup): Promise<number> {
  const [before, at] = [await cgroup.cpuTimeUs(), monotonicMs()];
  await sleep(200);
  return ((await cgroup.cpuTimeUs()) - before) / 1000 / (monotonicMs() - at);
}
