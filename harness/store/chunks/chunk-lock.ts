import { sleep } from '../../util/deadline.js';
import { OrdealError } from '../../util/errors.js';
import type { Leases } from '../leases.js';

const used = 'chunk-store';
const collecting = 'chunk-store-collection';

/**
 * Any number of processes read and write the store at once; garbage is collected by one alone. What a dead process
 * held is free.
 */
export class ChunkLock {
  /** @param waitMs how long a garbage collection that is going on is waited for */
  constructor(
    readonly leases: Leases,
    readonly waitMs: number,
  ) {}

  /**
   * @param image that must not be deleted meanwhile
   * @throws OrdealError of kind busy while garbage is collected
   */
  async use(purpose: string, image?: string): Promise<Disposable> {
    const end = performance.now() + this.waitMs;
    for (;;) {
      try {
        return this.#use(purpose, image);
      } catch (e) {
        if (!(e instanceof OrdealError) || e.kind !== 'busy' || performance.now() >= end) throw e;
        await sleep(20);
      }
    }
  }

  #use(purpose: string, image: string | undefined): Disposable {
    return this.leases.database.atomically(() => {
      this.#assertFree(collecting);
      const held = [used, ...(image === undefined ? [] : [image])].map((it) => this.leases.take(it, purpose));
      return {
        [Symbol.dispose]: () =>
          this.leases.database.atomically(() => {
            for (const it of held) it[Symbol.dispose]();
          }),
      };
    });
  }

  /** @throws OrdealError of kind busy while anybody reads, writes or collects */
  collect(): Disposable {
    return this.leases.database.atomically(() => {
      this.#assertFree(collecting);
      this.#assertFree(used);
      return this.leases.take(collecting, 'garbage collection');
    });
  }

  #assertFree(subject: string): void {
    const [holder] = this.leases.holders(subject);
    if (holder === undefined) return;
    throw new OrdealError(
      'busy',
      `The chunk store is in use by ${holder.purpose} (process ${holder.pid} on ${holder.host})`,
      {
        remedy: 'Run again when that has ended.',
      },
    );
  }
}
