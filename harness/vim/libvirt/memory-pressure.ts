import { type FaultReading, faultParams, type Injection } from '../../model/fault.js';
import { sleep } from '../../util/deadline.js';
import { OrdealError } from '../../util/errors.js';
import { validate } from '../../util/validate.js';
import type { Seen } from './domains.js';
import type { Target } from './fault-targets.js';
import { Affect, type Hypervisor } from './hypervisor.js';
import type { Means } from './means.js';
import { type DomainRef, procedures } from './rpc/index.js';

/** virDomainMemoryStatTags */
const Stat = { unused: 4, actualBalloon: 6, usable: 8 } as const;
/** The kernel of the guest itself is not to be squeezed out. */
const LEAST_KIB = 40 * 1024;
const SETTLE_MS = 15_000;

/** Memory pressure by the balloon: the guest gives up pages until so much is left free. */
export class MemoryPressure implements Means {
  readonly how = 'the balloon takes the guest memory';

  constructor(readonly hypervisor: Hypervisor) {}

  async before({ dom }: Seen): Promise<Target['before']> {
    return { actualKiB: await this.#actualKiB(dom) };
  }

  async #actualKiB(dom: DomainRef): Promise<number> {
    const actual = (await this.#stats(dom)).get(Stat.actualBalloon);
    if (actual !== undefined) return actual;
    throw new OrdealError('capability-missing', `"${dom.name}" has no memory balloon`, {
      remedy: "Give the domain <memballoon model='virtio'/> and its driver to the guest.",
    });
  }

  /** Takes what is free, in the end to the last `leaveBytes`: what the guest frees meanwhile is taken too. */
  async on({ dom }: Seen, { kind, params }: Injection): Promise<void> {
    const { leaveBytes } = validate(params, kind, faultParams['memory-pressure'], 'usage');
    const end = performance.now() + SETTLE_MS;
    const before = await this.#actualKiB(dom);
    for (let last = before; performance.now() < end; ) {
      const stats = await this.#stats(dom);
      const [actual, unused] = [stats.get(Stat.actualBalloon) ?? last, stats.get(Stat.unused)];
      if (unused === undefined) throw new OrdealError('vim-failed', `"${dom.name}" reports no memory statistics`);
      const goal = Math.max(LEAST_KIB, actual - Math.max(0, unused - leaveBytes / 1024));
      if (actual - goal < 2048 && actual < before) return;
      await this.#set(dom, goal);
      last = actual;
      // The guest reports once a period, which the domain sets; a second is usual.
      await sleep(1200);
    }
    if ((await this.#actualKiB(dom)) >= before) {
      throw new OrdealError('vim-failed', `The balloon of "${dom.name}" did not move`, {
        remedy: 'Check that the guest has the driver virtio_balloon.',
      });
    }
  }

  async measure({ dom }: Seen, { kind, params }: Injection, { actualKiB }: Target['before']): Promise<FaultReading> {
    const { leaveBytes } = validate(params, kind, faultParams['memory-pressure'], 'usage');
    const beforeKiB = Number(actualKiB);
    const stats = await this.#stats(dom);
    const actual = stats.get(Stat.actualBalloon) ?? 0;
    const leftBytes = (stats.get(Stat.unused) ?? 0) * 1024;
    return {
      effective: actual < beforeKiB,
      measured: { takenBytes: Math.max(0, beforeKiB - actual) * 1024, leftBytes, askedToLeaveBytes: leaveBytes },
      how: 'the balloon and the free memory that the guest reports',
    };
  }

  async off({ dom }: Seen, _: Injection, { actualKiB }: Target['before']): Promise<void> {
    await this.#set(dom, Number(actualKiB));
  }

  async #set(dom: DomainRef, kib: number): Promise<void> {
    const args = { dom, memoryKiB: BigInt(Math.round(kib)), flags: Affect.live };
    await this.hypervisor.call(procedures.domainSetMemory, args, `the balloon of "${dom.name}" cannot be set`);
  }

  async #stats(dom: DomainRef): Promise<ReadonlyMap<number, number>> {
    const args = { dom, maxStats: 32, flags: 0 };
    const what = `the memory of "${dom.name}" cannot be measured`;
    const { stats } = await this.hypervisor.call(procedures.domainMemoryStats, args, what);
    return new Map(stats.map((s) => [s.tag, Number(s.value)]));
  }
}
