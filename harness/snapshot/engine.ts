import type { VnfSnapshot } from '../model/snapshot.js';
import type { VnfInfo } from '../model/vnf-info.js';
import type { VnfSnapshotFilter } from '../store/vnf-snapshot-repository.js';
import { OrdealError, reasonOf } from '../util/errors.js';
import { type CreateVnfSnapshotRequest, type EngineContext, type RevertVnfSnapshotOptions, vnfOf } from './context.js';
import { VnfSnapshotCreation } from './creation.js';
import { type CreationPlan, planCreation } from './creation-plan.js';
import { deleteVnfSnapshots } from './deletion.js';
import { DirectAccess, NfvoRelay, type VimAccess } from './nfvo-relay.js';
import { type RecoveryOptions, recoverOperations } from './recovery.js';
import { VnfSnapshotReversion } from './reversion.js';
import { planReversion, type ReversionPlan } from './reversion-plan.js';
import { readRunningVnf } from './vnf-info.js';

export type { CreateVnfSnapshotRequest, Deadlines, EngineContext, RevertVnfSnapshotOptions } from './context.js';
export type { CreationPlan } from './creation-plan.js';
export { NfvoRelay } from './nfvo-relay.js';
export type { ReversionPlan } from './reversion-plan.js';

/** The VNFM's part: VNF Snapshots over the VNFC Snapshots of the VIMs (Vnfm.001 to .004, .008). */
export class SnapshotEngine {
  /** The way to the VIMs, as the mode has it. */
  readonly access: VimAccess;

  constructor(readonly context: EngineContext) {
    this.access =
      context.mode === 'indirect' ? (context.relay ?? new NfvoRelay(context.vims)) : new DirectAccess(context.vims);
  }

  /** The runtime record of the VNF, built from what runs. @throws OrdealError of kind unknown-target */
  async vnfInfo(vnfId: string): Promise<VnfInfo> {
    return (await readRunningVnf(vnfOf(this.context.service, vnfId), this.access)).info;
  }

  /**
   * What a creation would do, decided before anything is touched; its lines can be printed.
   * @throws OrdealError of kinds unknown-target, snapshot-forbidden, outside-window, grant-denied, capability-missing, usage
   */
  planCreation(request: CreateVnfSnapshotRequest): Promise<CreationPlan> {
    return planCreation(this.context, this.access, request);
  }

  /** Source: 6.5.1. On failure: the VNFCs are as they were, nothing is stored. */
  async create(request: CreateVnfSnapshotRequest, signal?: AbortSignal): Promise<VnfSnapshot> {
    const [snapshot] = await this.createTogether([request], signal);
    if (snapshot === undefined) throw new OrdealError('internal', `VNF "${request.vnf}" was not snapshotted`);
    return snapshot;
  }

  /**
   * One consistent cut over the VNFCs of several VNFs: freeze all, capture all, thaw all, then store. All or none.
   * @returns in the order of the requests
   */
  async createTogether(requests: readonly CreateVnfSnapshotRequest[], signal?: AbortSignal): Promise<VnfSnapshot[]> {
    await this.recover();
    const plans: CreationPlan[] = [];
    for (const request of requests) plans.push(await this.planCreation(request));
    if (plans.length === 0) return [];
    const snapshots = await new VnfSnapshotCreation(this.context, this.access, plans, signal).run();
    for (const id of plans.flatMap((p) => p.replaces)) {
      try {
        await this.delete([id]);
      } catch (e) {
        this.context.warn?.(`VNF Snapshot "${id}" was replaced and could not be deleted: ${reasonOf(e)}`);
      }
    }
    return snapshots;
  }

  planReversion(vnfSnapshotId: string, options: RevertVnfSnapshotOptions = {}): Promise<ReversionPlan> {
    return planReversion(this.context, this.access, vnfSnapshotId, options);
  }

  /**
   * In place. Source: 6.5.2. On failure: the VNFCs are as they were before, unless the plan said that one of them cannot
   * go back; then the error says which are of which time.
   */
  async revert(vnfSnapshotId: string, options: RevertVnfSnapshotOptions = {}, signal?: AbortSignal): Promise<void> {
    await this.recover();
    const plan = await this.planReversion(vnfSnapshotId, options);
    await new VnfSnapshotReversion(this.context, this.access, plan, signal).run();
  }

  list(filter: VnfSnapshotFilter = {}): VnfSnapshot[] {
    return this.context.state.vnfSnapshots.list(filter);
  }

  /** @throws OrdealError of kind snapshot-missing */
  show(id: string): VnfSnapshot {
    return this.context.state.vnfSnapshots.show(id);
  }

  /** Renames it, or changes its description. */
  update(id: string, change: { name?: string; description?: string }): VnfSnapshot {
    const before = this.show(id);
    const after = { ...before, userDefinedData: { ...before.userDefinedData, ...change } };
    this.context.state.vnfSnapshots.update(after);
    return after;
  }

  /**
   * With everything that the VIMs hold of them.
   * @throws OrdealError of kinds snapshot-missing, snapshot-in-use; then nothing was deleted
   */
  delete(ids: readonly string[], options: { consolidate?: boolean } = {}): Promise<void> {
    return deleteVnfSnapshots(this.context, this.access, ids, options);
  }

  /**
   * Undoes what processes left behind that have died in the middle of an operation. Touches nothing else.
   * @param options.otherHostsAreGone what processes of other hosts had begun is undone as well: only for who knows that
   *   they are gone for good, such as a container that has been replaced
   * @returns what was done, a line each
   */
  recover(options: RecoveryOptions = {}): Promise<string[]> {
    return recoverOperations(this.context, this.access, options);
  }
}
