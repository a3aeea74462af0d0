import { monotonicMs } from '../../util/monotonic.js';
import type { Hypervisor } from './hypervisor.js';
import type { DomainRef } from './rpc/index.js';

/** How long the domain stood still, by libvirt's own events. */
export class PauseWatch {
  readonly #offsetMs = monotonicMs() - performance.now();
  readonly #end: () => void;
  #suspendedAt: number | undefined;
  #resumedAt: number | undefined;

  constructor(hypervisor: Hypervisor, dom: DomainRef) {
    this.#end = hypervisor.client.onLifecycle(({ domain, lifecycle, atMs }) => {
      if (!domain.uuid.equals(dom.uuid)) return;
      if (lifecycle === 'suspended') this.#suspendedAt ??= atMs + this.#offsetMs;
      if (lifecycle === 'resumed') this.#resumedAt = atMs + this.#offsetMs;
    });
  }

  get frozenAtMs(): number | undefined {
    return this.#suspendedAt;
  }

  /** @param stops it stands still from the start and is not to go on: then until now */
  pausedMs(startedAt: number, stops: boolean): number {
    const from = this.#suspendedAt ?? startedAt;
    const to = this.#resumedAt !== undefined && this.#resumedAt >= from ? this.#resumedAt : monotonicMs();
    return stops || this.#suspendedAt !== undefined ? Math.max(0, to - from) : 0;
  }

  stop(): void {
    this.#end();
  }
}
