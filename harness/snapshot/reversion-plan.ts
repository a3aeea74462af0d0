import { CapabilityError, type CapabilityRow, missing } from '../model/capability.js';
import type { Vnf, Vnfc } from '../model/network-service.js';
import type { InstanceSnapshot, VnfSnapshot } from '../model/snapshot.js';
import type { SnapshotType } from '../model/snapshot-descriptor.js';
import type { ComputeState, Vim } from '../model/vim.js';
import { OrdealError } from '../util/errors.js';
import { assertVnfcs, type EngineContext, type RevertVnfSnapshotOptions, resourceOf, vnfOf } from './context.js';
import { inOrder } from './creation-plan.js';
import { needsGrant } from './granting.js';
import type { VimAccess } from './nfvo-relay.js';

export interface VnfcReversionPlan {
  readonly vnfc: Vnfc;
  readonly snapshot: InstanceSnapshot;
  readonly state: ComputeState;
  /** What it is to be afterwards; absent: what the VIM makes of the snapshot. */
  readonly want?: 'on' | 'suspended' | 'off';
  /** It was captured while quiesced, and would wake up so. */
  readonly unquiesce: boolean;
  readonly detach: readonly string[];
  /** The VIM can hold it still, and revert it so that it does not run on yet. */
  readonly canWait: boolean;
  /** How it is captured before it is touched, or why it cannot go back. */
  readonly safety: { readonly type: SnapshotType; readonly volumes: readonly string[] } | { readonly none: string };
}

export interface ReversionPlan {
  readonly vnf: Vnf;
  readonly vnfSnapshot: VnfSnapshot;
  readonly options: RevertVnfSnapshotOptions;
  readonly consistent: boolean;
  readonly ordered: boolean;
  readonly vnfcs: readonly VnfcReversionPlan[];
  readonly grant: boolean;
  readonly lines: readonly string[];
}

/**
 * Resolves which VNFC Snapshots are reverted to, and checks every condition (6.5.2 step 2) before anything is touched.
 * @throws OrdealError of kinds snapshot-missing, snapshot-forbidden, unknown-target, grant-denied, capability-missing
 */
export async function planReversion(
  context: EngineContext,
  access: VimAccess,
  vnfSnapshotId: string,
  options: RevertVnfSnapshotOptions,
): Promise<ReversionPlan> {
  const vnfSnapshot = context.state.vnfSnapshots.show(vnfSnapshotId);
  const { service } = vnfSnapshot.userDefinedData;
  if (service !== undefined && service !== context.service.descriptor.id) {
    throw new OrdealError('unknown-target', `VNF Snapshot "${vnfSnapshotId}" is of service "${service}"`, {
      expected: `one of service ${context.service.descriptor.id}`,
      remedy: 'Nothing was touched.',
    });
  }
  const vnf = vnfOf(context.service, vnfSnapshot.vnfInstanceId);
  const where = `reversion of VNF ${vnf.id}`;
  if (!vnf.snapshot.reversionAllowed) {
    throw new OrdealError('snapshot-forbidden', `VNF "${vnf.id}" does not allow to revert to a snapshot`, {
      where: context.service.file,
      remedy: 'Its snapshot descriptor says reversionAllowed: false; nothing was touched.',
    });
  }
  assertVnfcs(vnf, options.vnfcIds ?? [], where);
  const vnfcs: VnfcReversionPlan[] = [];
  for (const vnfc of inOrder(vnf.vnfcs, vnf.snapshot.reversionOrder)) {
    if (options.vnfcIds !== undefined && !options.vnfcIds.includes(vnfc.id)) continue;
    const plan = await planVnfc(access, vnfSnapshot, vnfc, options);
    if (plan !== undefined) vnfcs.push(plan);
    else if (options.vnfcIds !== undefined) {
      throw new OrdealError('snapshot-missing', `VNF Snapshot "${vnfSnapshot.id}" holds nothing of VNFC "${vnfc.id}"`, {
        expected: `one of ${vnfSnapshot.vnfcSnapshots.map((s) => s.vnfcInstanceId).join(', ')}`,
        remedy: 'Nothing was touched.',
      });
    }
  }
  const plan = {
    vnf,
    vnfSnapshot,
    options,
    consistent: options.consistent ?? vnf.snapshot.consistent,
    ordered: vnf.snapshot.reversionOrder !== undefined,
    vnfcs,
    grant: needsGrant(context, vnf, 'revertToSnapshot'),
  };
  await checkCapabilities(access, plan);
  return { ...plan, lines: planLines(plan) };
}

async function planVnfc(
  access: VimAccess,
  vnfSnapshot: VnfSnapshot,
  vnfc: Vnfc,
  options: RevertVnfSnapshotOptions,
): Promise<VnfcReversionPlan | undefined> {
  const info = vnfSnapshot.vnfcSnapshots.find((s) => s.vnfcInstanceId === vnfc.id);
  const from = info?.computeSnapshotResource;
  if (info === undefined || from === undefined) return undefined;
  return access.call(from.vimConnectionId, `look up the snapshot of ${vnfc.id}`, async (vim) => {
    const snapshot = await vim.snapshots.show(from.resourceId);
    const state = await vim.inspect(await vim.locate(resourceOf(vnfc)));
    // The VIM saw a VNFC that the engine had frozen: what it was before stands in the VNFC Snapshot.
    const recorded = info.userDefinedData.powerState;
    refuseLostMemory(vim, vnfc, snapshot);
    const want =
      options.state ?? (recorded === 'on' || recorded === 'suspended' || recorded === 'off' ? recorded : undefined);
    const table = await vim.capabilities();
    const has = (row: CapabilityRow) => table.get(row)?.supported === true;
    return {
      vnfc,
      snapshot,
      state,
      canWait: vim.pausing !== undefined && has('pause') && has('OP-revert.state'),
      safety: safetyOf(vim, has, snapshot, state, options),
      ...(want === undefined ? {} : { want }),
      unquiesce: info.userDefinedData.quiesced === true && snapshot.type === 'warm' && want === 'on',
      detach: options.detachDisks === true ? state.disks.filter((d) => d.attached).map((d) => d.id) : [],
    };
  });
}

function refuseLostMemory({ kind, replacement }: Vim, { id }: Vnfc, snapshot: InstanceSnapshot): void {
  if (replacement?.disksAlone !== true || snapshot.type === 'cold') return;
  throw new OrdealError('capability-missing', `VIM "${kind}" does not bring the memory of ${id} back`, {
    expected: 'a cold snapshot',
    got: `snapshot "${snapshot.id}", which is warm`,
    remedy: 'Revert to a cold one; nothing was touched.',
  });
}

/** With its memory where it has one; what the reversion would not change is not captured. */
function safetyOf(
  { kind, replacement }: Vim,
  has: (row: CapabilityRow) => boolean,
  snapshot: InstanceSnapshot,
  { powerState, disks }: ComputeState,
  { safetyPoint = true }: RevertVnfSnapshotOptions,
): VnfcReversionPlan['safety'] {
  if (!safetyPoint) return { none: 'not asked for' };
  const changed = new Set(snapshot.disks.filter((d) => d.included).map((d) => d.id));
  const volumes = disks.filter((d) => changed.has(d.id)).map((d) => d.id);
  if (powerState === 'off' || replacement?.disksAlone === true) return { type: 'cold', volumes };
  if (!has('OP-create.memory')) return { none: `VIM "${kind}" cannot capture its memory` };
  if (powerState === 'on' && !has('OP-create.live')) return { none: `VIM "${kind}" cannot capture it while it runs` };
  return { type: 'warm', volumes };
}

async function checkCapabilities(access: VimAccess, plan: Omit<ReversionPlan, 'lines'>): Promise<void> {
  const { options } = plan;
  for (const name of new Set(plan.vnfcs.map((v) => v.vnfc.vim))) {
    const here = plan.vnfcs.filter((v) => v.vnfc.vim === name);
    const rows: (CapabilityRow | false)[] = [
      'OP-revert.revert',
      options.state !== undefined && 'OP-revert.state',
      options.force === true && 'OP-revert.force',
      options.host !== undefined && 'OP-revert.host',
      here.some((v) => v.detach.length > 0) && 'storage',
      here.some((v) => v.unquiesce) && 'OP-create.quiesce',
    ];
    const needs = rows.filter((row) => row !== false);
    const gaps = missing(needs, await access.call(name, 'query capabilities', (vim) => vim.capabilities()));
    if (gaps.length > 0) throw new CapabilityError(name, gaps);
  }
}

function planLines({ vnf, vnfSnapshot, consistent, vnfcs, grant }: Omit<ReversionPlan, 'lines'>): string[] {
  const { name } = vnfSnapshot.userDefinedData;
  return [
    `Revert ${vnf.id} to VNF Snapshot "${name}" (${vnfSnapshot.id}) of ${vnfSnapshot.creationStartedAt}: ${
      consistent ? 'all VNFCs stand still meanwhile' : 'one VNFC after the other'
    }${grant ? ', granted by the NFVO' : ''}`,
    ...vnfcs.map(
      (v) =>
        `  ${v.vnfc.id}: ${v.snapshot.type}, now ${v.state.powerState}, then ${v.want ?? 'as the VIM restores it'}, ${
          'none' in v.safety ? `no way back: ${v.safety.none}` : 'back as it is now if anything fails'
        }`,
    ),
    ...vnf.vnfcs
      .filter((c) => !vnfcs.some((v) => v.vnfc.id === c.id))
      .map((c) => `  ${c.id}: stays as it is, not in the snapshot or not asked for`),
  ];
}
