import { OrdealError } from '../../util/errors.js';
import type { Leases } from '../leases.js';

const used = 'chunk-store';
const collecting = 'chunk-store-collection';

/**
 * Any number of processes read and write the store at once; garbage is collected by one alone. What a dead process
 * held is free.
 */
export class ChunkLock {
  constructor(readonly leases: Leases) {}

  /** @throws OrdealError of kind busy while garbage is collected */
  use(purpose: string): Disposable {
    return this.leases.database.atomically(() => {
      this.#assertFree(collecting);
      return this.leases.take(used, purpose);
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
