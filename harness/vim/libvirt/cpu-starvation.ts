import { type FaultReading, faultParams, type Injection } from '../../model/fault.js';
import { sleep } from '../../util/deadline.js';
import { monotonicMs } from '../../util/monotonic.js';
import { validate } from '../../util/validate.js';
import type { Seen } from './domains.js';
import type { Target } from './fault-targets.js';
import { Affect, type Hypervisor } from './hypervisor.js';
import type { Means } from './means.js';
import { procedures } from './rpc/index.js';

const PERIOD_US = 100_000;
const LOOK_MS = 200;

/** The cgroup of each vCPU gets a bandwidth limit. */
export class CpuStarvation implements Means {
  readonly how = 'a bandwidth limit of the cgroup on each vCPU';

  constructor(readonly hypervisor: Hypervisor) {}

  async before(seen: Seen): Promise<Target['before']> {
    return { quotaUs: await this.#quota(seen) };
  }

  async on(seen: Seen, { kind, params }: Injection): Promise<void> {
    const { share } = validate(params, kind, faultParams['cpu-starvation'], 'usage');
    await this.#setQuota(seen, Math.max(1000, Math.round(share * PERIOD_US)));
  }

  async measure(seen: Seen): Promise<FaultReading> {
    const quotaUs = await this.#quota(seen);
    const usedMs = await cpuTimeMs(this.hypervisor, seen);
    return {
      effective: quotaUs > 0,
      measured: { share: quotaUs > 0 ? quotaUs / PERIOD_US : 1, usedShare: usedMs / LOOK_MS },
      how: 'the limit that the cgroup of the vCPU has now, and the CPU time of the domain in 200 ms',
    };
  }

  off(seen: Seen, _: Injection, { quotaUs }: Target['before']): Promise<void> {
    return this.#setQuota(seen, Number(quotaUs));
  }

  async #quota({ dom }: Seen): Promise<number> {
    const args = { dom, nparams: 16, flags: Affect.live };
    const what = `the CPU limits of "${dom.name}" cannot be read`;
    const { params } = await this.hypervisor.call(procedures.domainGetSchedulerParameters, args, what);
    return Number(params.find((p) => p.field === 'vcpu_quota')?.value ?? -1);
  }

  /** @param quotaUs of 100 ms; 0 or less means no limit */
  async #setQuota({ dom }: Seen, quotaUs: number): Promise<void> {
    const params = [
      { field: 'vcpu_period', type: 'ullong' as const, value: BigInt(PERIOD_US) },
      { field: 'vcpu_quota', type: 'llong' as const, value: BigInt(quotaUs <= 0 ? -1 : quotaUs) },
    ];
    const what = `"${dom.name}" cannot be starved of CPU`;
    await this.hypervisor.call(procedures.domainSetSchedulerParameters, { dom, params, flags: Affect.live }, what);
  }
}

/** Milliseconds of CPU time within about 200 ms, per vCPU. */
export async function cpuTimeMs(hypervisor: Hypervisor, { dom, xml }: Seen): Promise<number> {
  const what = `the CPU time of "${dom.name}" cannot be read`;
  const read = async () => (await hypervisor.call(procedures.domainGetInfo, { dom }, what)).cpuTimeNs;
  const [before, at] = [await read(), monotonicMs()];
  await sleep(LOOK_MS);
  const ran = Number((await read()) - before) / 1e6;
  return Math.round((ran * LOOK_MS) / (monotonicMs() - at) / xml.vcpus);
}
