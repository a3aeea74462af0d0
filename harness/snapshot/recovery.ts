import type { VnfSnapshot } from '../model/snapshot.js';
import type { UndoIntent } from '../store/operations.js';
import { OrdealError, reasonOf } from '../util/errors.js';
import { deadlinesOf, type EngineContext } from './context.js';
import { finishDeletion } from './deletion.js';
import type { VimAccess } from './nfvo-relay.js';
import { pausingOf, quiescingOf, storageOf } from './vim-interfaces.js';
import { goBackTo } from './vnfc-reversion.js';

export interface RecoveryOptions {
  readonly otherHostsAreGone?: boolean;
  /** What could not be undone, of which operation, and why. */
  readonly failed?: (operationId: string, what: string, reason: unknown) => void;
}

/**
 * After kill -9: thaws, unquiesces, re-attaches and starts what a dead process was about to give back, tells the VNF
 * that it is over, and removes what was stored in part. What cannot be done stays on record for the next attempt.
 */
export async function recoverOperations(
  context: EngineContext,
  access: VimAccess,
  { otherHostsAreGone = false, failed }: RecoveryOptions,
): Promise<string[]> {
  const { state } = context;
  if (otherHostsAreGone) state.leases.endThoseOfOtherHosts();
  const abandoned = state.operations.abandoned(context.service.descriptor.id, otherHostsAreGone);
  const done: string[] = [];
  for (const { record, operation } of abandoned) {
    operation.enter('ROLLING_BACK');
    const left: UndoIntent[] = [];
    for (const intent of [...record.undo].reverse()) {
      try {
        await undoOne(context, access, intent);
        done.push(`${record.kind} ${record.id}: ${describeIntent(intent)}`);
      } catch (e) {
        if (e instanceof OrdealError && e.kind === 'unknown-target') continue;
        left.unshift(intent);
        context.warn?.(`${record.kind} ${record.id}: could not ${describeIntent(intent)}: ${reasonOf(e)}`);
        failed?.(record.id, describeIntent(intent), e);
      }
    }
    if (left.length > 0) {
      operation.intend(left);
      continue;
    }
    await removeHalfStored(context, access, record.id, record.vnfInstanceIds, done);
    operation.end('ROLLED_BACK', 'its process died');
  }
  if (abandoned.length > 0 || state.vnfSnapshots.unfinished().length > 0) await finishDeletions(context, access, done);
  return done;
}

async function undoOne(context: EngineContext, access: VimAccess, intent: UndoIntent): Promise<void> {
  if (intent.act === 'notify-end') {
    const ms = deadlinesOf(context).notificationMs;
    await context.notification?.notify(intent.event, intent.vnf, intent.vnfcIds, ms);
    return;
  }
  const { computeId } = intent;
  await access.call(intent.vim, describeIntent(intent), async (vim) => {
    switch (intent.act) {
      case 'resume':
        return pausingOf(vim).resume(computeId);
      case 'unquiesce':
        return quiescingOf(vim).unquiesce(computeId);
      case 'attach': {
        const { disks } = await vim.inspect(computeId);
        if (disks.some((d) => d.id === intent.diskId && !d.attached)) {
          await storageOf(vim).attach(computeId, intent.diskId);
        }
        return;
      }
      case 'go-back':
        return goBackTo(vim, intent);
      case 'start': {
        const { powerState } = await vim.inspect(computeId);
        if (powerState === 'off') await vim.start(computeId);
      }
    }
  });
}

/** In the infinitive. */
export function describeIntent(intent: UndoIntent): string {
  if (intent.act === 'notify-end') return `tell VNF ${intent.vnf} the ${intent.event}`;
  if (intent.act === 'go-back') return `put ${intent.computeId} back as it was before the reversion`;
  return intent.act === 'attach'
    ? `attach ${intent.diskId} to ${intent.computeId}`
    : `${intent.act} ${intent.computeId}`;
}

/** What the dead process had stored in the VIMs carries its operation's id; records in the making are its VNFs'. */
async function removeHalfStored(
  { state, vims, service }: EngineContext,
  access: VimAccess,
  operationId: string,
  vnfInstanceIds: readonly string[],
  done: string[],
): Promise<void> {
  const listed = new Set(
    state.vnfSnapshots
      .list({
        service: service.descriptor.id,
        where: [{ operator: 'in', attribute: ['vnfInstanceId'], values: vnfInstanceIds }],
      })
      .flatMap((s) => s.vnfcSnapshots.map((v) => v.computeSnapshotResource?.resourceId)),
  );
  for (const name of vims.keys()) {
    await access.call(name, 'sweep half-stored snapshots', async (vim) => {
      for (const what of (await vim.snapshots.sweep?.()) ?? []) done.push(`removed ${what} from VIM "${name}"`);
      const orphans = (await vim.snapshots.list()).filter(
        (s) => s.metadata['ordeal.operationId'] === operationId && !listed.has(s.id),
      );
      if (orphans.length === 0) return;
      await vim.snapshots.delete(orphans.map((s) => s.id));
      done.push(`removed ${orphans.map((s) => s.id).join(', ')} from VIM "${name}"`);
    });
  }
  for (const { snapshot, availability } of state.vnfSnapshots.unfinished()) {
    if (availability !== 'creating' || !isOf(service, snapshot) || !vnfInstanceIds.includes(snapshot.vnfInstanceId))
      continue;
    state.vnfSnapshots.remove(snapshot.id);
    done.push(`removed the unfinished VNF Snapshot ${snapshot.id}`);
  }
}

const isOf = ({ descriptor }: EngineContext['service'], snapshot: VnfSnapshot): boolean =>
  snapshot.userDefinedData.service === descriptor.id;

async function finishDeletions({ state, service }: EngineContext, access: VimAccess, done: string[]): Promise<void> {
  for (const { snapshot, availability } of state.vnfSnapshots.unfinished()) {
    if (availability !== 'deleting' || !isOf(service, snapshot)) continue;
    await finishDeletion(state, access, snapshot);
    done.push(`finished the deletion of VNF Snapshot ${snapshot.id}`);
  }
}
