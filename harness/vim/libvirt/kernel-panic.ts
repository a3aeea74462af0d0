import type { FaultReading, Injection } from '../../model/fault.js';
import { sleep } from '../../util/deadline.js';
import { reasonOf } from '../../util/errors.js';
import type { Seen } from './domains.js';
import type { Target } from './fault-targets.js';
import { inGuest } from './guest-command.js';
import type { Hypervisor } from './hypervisor.js';
import type { Means } from './means.js';
import { procedures } from './rpc/index.js';

/** Within this the kernel has told its agent no more, if it has panicked. */
const PANIC_MS = 10_000;
const LOOK_MS = 2000;
const BOOT_ID = 'cat /proc/sys/kernel/random/boot_id';

/** A non-maskable interrupt, of which Linux is told beforehand that it is to panic: what a watchdog of a server does. */
export class KernelPanic implements Means {
  readonly how = 'a non-maskable interrupt at which the kernel of the guest panics';

  constructor(readonly hypervisor: Hypervisor) {}

  async before(seen: Seen): Promise<Target['before']> {
    return { bootId: await inGuest(this.hypervisor, seen, 'To tell one boot from another', BOOT_ID) };
  }

  async on(seen: Seen): Promise<void> {
    const { dom } = seen;
    const script = 'echo 1 >/proc/sys/kernel/unknown_nmi_panic';
    await inGuest(this.hypervisor, seen, 'To let the kernel panic at an interrupt', script);
    const what = `"${dom.name}" takes no interrupt`;
    await this.hypervisor.call(procedures.domainInjectNmi, { dom, flags: 0 }, what);
  }

  async measure(seen: Seen, _: Injection, { bootId }: Target['before']): Promise<FaultReading> {
    const end = performance.now() + PANIC_MS;
    let state = await this.#state(seen, String(bootId));
    while (state === 'alive' && performance.now() < end) {
      await sleep(500);
      state = await this.#state(seen, String(bootId));
    }
    return {
      effective: state !== 'alive',
      measured: { state },
      how: "the guest agent's answer, and the boot id of the kernel that it runs on",
    };
  }

  /** An event; but a kernel that was told to stay where it panicked does not boot by itself. */
  async off(seen: Seen, _: Injection, { bootId }: Target['before']): Promise<void> {
    if ((await this.#state(seen, String(bootId))) !== 'silent') return;
    const { dom } = seen;
    await this.hypervisor.call(procedures.domainReset, { dom, flags: 0 }, `"${dom.name}" cannot be reset`);
  }

  async #state(seen: Seen, bootId: string): Promise<string> {
    const now = await inGuest(this.hypervisor, seen, 'To look at the kernel', BOOT_ID, { withinMs: LOOK_MS }).then(
      (id) => ({ id }),
      (e: unknown) => ({ silent: reasonOf(e) }),
    );
    if ('silent' in now) return 'silent';
    return now.id === bootId ? 'alive' : 'booted anew';
  }
}
