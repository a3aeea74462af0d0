import { type FaultReading, type Injection, machineFaultParams } from '../../model/fault.js';
import { sleep } from '../../util/deadline.js';
import { monotonicMs } from '../../util/monotonic.js';
import { validate } from '../../util/validate.js';
import type { Domains, Seen } from './domains.js';
import type { Target } from './fault-targets.js';
import { Affect } from './hypervisor.js';
import type { Means } from './means.js';
import { procedures } from './rpc/index.js';

const LIMIT = 'total_bytes_sec';
const LOOK_MS = 1000;

/** QEMU's own throttling of one disk, set through libvirt; a stall is a disk of one byte a second. */
export class DiskThrottle implements Means {
  readonly how: string;

  constructor(
    readonly domains: Domains,
    readonly kind: 'disk-slow' | 'disk-stall',
  ) {
    this.how = kind === 'disk-slow' ? "QEMU's throttle on the disk" : "QEMU's throttle on the disk, at a byte a second";
  }

  async before(seen: Seen, { params }: Injection): Promise<Target['before']> {
    const { disk } = validate(params, this.kind, machineFaultParams[this.kind], 'usage');
    const target = this.domains.diskTarget(seen, disk);
    return { disk: target, bytesPerSecond: await this.#limit(seen, target) };
  }

  on(seen: Seen, injection: Injection, { disk }: Target['before']): Promise<void> {
    return this.#setLimit(seen, String(disk), this.#asked(injection));
  }

  async measure(seen: Seen, injection: Injection, { disk }: Target['before']): Promise<FaultReading> {
    const limit = await this.#limit(seen, String(disk));
    const [from, before] = [monotonicMs(), await this.#movedBytes(seen, String(disk))];
    await sleep(LOOK_MS);
    const moved = (await this.#movedBytes(seen, String(disk))) - before;
    const used = Math.round((moved * 1000) / (monotonicMs() - from));
    return {
      effective: limit > 0 && limit <= this.#asked(injection),
      measured: { bytesPerSecond: limit, usedBytesPerSecond: used },
      how: 'the limit that QEMU keeps for the disk now, and what the guest moved in a second',
    };
  }

  off(seen: Seen, _: Injection, { disk, bytesPerSecond }: Target['before']): Promise<void> {
    return this.#setLimit(seen, String(disk), Number(bytesPerSecond));
  }

  #asked({ params }: Injection): number {
    return this.kind === 'disk-stall'
      ? 1
      : validate(params, this.kind, machineFaultParams['disk-slow'], 'usage').bytesPerSecond;
  }

  /** Bytes a second; 0 means no limit. */
  async #limit({ dom }: Seen, disk: string): Promise<number> {
    const args = { dom, disk, nparams: 32, flags: Affect.live };
    const what = `the limits of disk ${disk} of "${dom.name}" cannot be read`;
    const { params } = await this.domains.hypervisor.call(procedures.domainGetBlockIoTune, args, what);
    return Number(params.find((p) => p.field === LIMIT)?.value ?? 0);
  }

  async #setLimit({ dom }: Seen, disk: string, bytesPerSecond: number): Promise<void> {
    const params = [{ field: LIMIT, type: 'ullong' as const, value: BigInt(Math.max(0, bytesPerSecond)) }];
    const what = `disk ${disk} of "${dom.name}" cannot be throttled`;
    const call = { dom, disk, params, flags: Affect.live };
    await this.domains.hypervisor.call(procedures.domainSetBlockIoTune, call, what);
  }

  async #movedBytes({ dom }: Seen, disk: string): Promise<number> {
    const what = `disk ${disk} of "${dom.name}" cannot be measured`;
    const found = await this.domains.hypervisor.call(procedures.domainBlockStats, { dom, path: disk }, what);
    return Number(found.readBytes + found.writtenBytes);
  }
}
