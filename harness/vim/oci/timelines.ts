import { addressIn, type Connection, type Connections, isUnmoved } from './connections.js';
import type { Containers, Seen } from './containers.js';
import type { OciContainer } from './engine.js';
import type { StoredSnapshot } from './folder.js';

/**
 * Which connections of a snapshot can go on after a revert. A peer that has gone on since the snapshot is of another time:
 * it would wait in vain for what the restored socket no longer knows. One that is reverted to the same cut is not.
 */
export class Timelines {
  constructor(
    readonly containers: Containers,
    readonly connections: Connections,
  ) {}

  /** Prerequisite: as for `unmoved`. Ends all others while both sides know of them: their peers connect anew at once. */
  async endMoved(seen: Seen, stored: StoredSnapshot): Promise<void> {
    const { pid } = seen.container;
    if (pid === 0) return;
    const unmoved = await this.unmoved(seen, stored);
    const now = await this.connections.of(pid);
    await this.connections.end(
      pid,
      now.filter((c) => !unmoved.includes(keyOf(c))),
    );
  }

  /** Prerequisite: it is still as it was before the revert. @returns those through which nothing has passed since */
  async unmoved(seen: Seen, { record, boot, connections }: StoredSnapshot): Promise<string[]> {
    const { container, marks } = seen;
    if (container.pid === 0 || connections.length === 0) return [];
    const since = container.startedAt === boot ? 'made' : marks.restored?.from === record.id ? 'restored' : undefined;
    if (since === undefined) return [];
    const now = await this.connections.of(container.pid);
    return connections.filter((c) => isUnmoved(c, now, since)).map(keyOf);
  }

  /** Prerequisite: it runs again. Ends what cannot go on. @param unmoved as before the revert */
  async endStale(
    container: OciContainer,
    stored: StoredSnapshot,
    staged: { readonly unmoved: readonly string[]; readonly atMs: number },
  ): Promise<readonly Connection[]> {
    const same = await this.#ofSameCut(stored, staged.atMs);
    const stale = stored.connections.filter((c) => !staged.unmoved.includes(keyOf(c)) && !same.has(addressIn(c.peer)));
    await this.connections.end(container.pid, stale);
    return stale;
  }

  /** Addresses of containers that wait for their memory of the same cut, or got it since ours was staged. */
  async #ofSameCut({ record }: StoredSnapshot, stagedAtMs: number): Promise<ReadonlySet<string>> {
    const cut = cutOf(record);
    const all = await this.containers.all();
    const members = all.filter(({ marks: { pending, restored } }) => {
      if (cut === undefined) return false;
      return pending?.cut === cut || (restored?.cut === cut && restored.atMs >= stagedAtMs);
    });
    return new Set(members.flatMap((s) => s.container.networks.map((n) => n.address)));
  }
}

/** Snapshots that were taken in one operation are of one cut. */
export const cutOf = ({ metadata }: StoredSnapshot['record']): string | undefined => metadata['ordeal.operationId'];

const keyOf = ({ local, peer }: Connection): string => `${local} ${peer}`;
