import type { VnfSnapshot } from '../model/snapshot.js';
import { OrdealError } from '../util/errors.js';
import type { EngineContext } from './context.js';
import type { VimAccess } from './nfvo-relay.js';

/**
 * Marks them first, so that another process finishes the deletion should this one die, then empties the VIMs, then
 * forgets them. An instance snapshot that another VNF Snapshot refers to is kept.
 */
export async function deleteVnfSnapshots(
  { state }: EngineContext,
  access: VimAccess,
  ids: readonly string[],
  { consolidate }: { consolidate?: boolean },
): Promise<void> {
  const snapshots = ids.map((id) => state.vnfSnapshots.show(id));
  state.database.transaction(() => {
    for (const { id } of snapshots) {
      state.leases.assertFree(id, `VNF Snapshot "${id}"`);
      state.vnfSnapshots.mark(id, 'deleting');
    }
  });
  for (const snapshot of snapshots) await finishDeletion(state, access, snapshot, consolidate);
}

export async function finishDeletion(
  state: EngineContext['state'],
  access: VimAccess,
  snapshot: VnfSnapshot,
  consolidate = false,
): Promise<void> {
  for (const { vnfcInstanceId, computeSnapshotResource: at } of snapshot.vnfcSnapshots) {
    if (at === undefined) continue;
    const others = state.vnfSnapshots.referringTo(at.vimConnectionId, at.resourceId);
    if (others.some((id) => id !== snapshot.id)) continue;
    await access.call(at.vimConnectionId, `delete the snapshot of ${vnfcInstanceId}`, async (vim) => {
      try {
        await vim.snapshots.delete([at.resourceId], { consolidate });
      } catch (e) {
        if (!(e instanceof OrdealError && e.kind === 'snapshot-missing')) throw e;
      }
    });
  }
  state.vnfSnapshots.remove(snapshot.id);
}
