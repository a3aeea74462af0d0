import { CapabilityError, type CapabilityRow, missing } from '../model/capability.js';
import type { Vnf, Vnfc } from '../model/network-service.js';
import type { VnfSnapshot } from '../model/snapshot.js';
import type { ComputeState } from '../model/vim.js';
import type { VnfInfo } from '../model/vnf-info.js';
import { OrdealError } from '../util/errors.js';
import { assertVnfcs, type CreateVnfSnapshotRequest, type EngineContext, vnfOf } from './context.js';
import { needsGrant } from './granting.js';
import type { VimAccess } from './nfvo-relay.js';
import { preflight } from './preflight.js';
import { readVnfd, type StoredVnfd } from './stored-vnfd.js';
import { readRunningVnf } from './vnf-info.js';
import { chooseVolumes, resolveVnfcOptions, type VnfcParameters } from './vnfc-options.js';
import { describeWindow, isInWindow } from './windows.js';

export interface VnfcCreationPlan {
  readonly vnfc: Vnfc;
  readonly state: ComputeState;
  readonly parameters: VnfcParameters;
  readonly volumes: readonly string[];
  readonly stopBefore: boolean;
  readonly quiesce: boolean;
  /** Disks that are attached now and will be detached. */
  readonly detach: readonly string[];
  readonly attach: readonly string[];
  /** Whether it runs when the state is captured. */
  readonly runs: boolean;
}

/** What will be done, decided before anything is touched. */
export interface CreationPlan {
  readonly request: CreateVnfSnapshotRequest;
  readonly vnf: Vnf;
  readonly vnfInfo: VnfInfo;
  readonly vnfd: StoredVnfd;
  readonly consistent: boolean;
  /** The order is one in which they are frozen one after the other (Vnfsd.017). */
  readonly ordered: boolean;
  readonly vnfcs: readonly VnfcCreationPlan[];
  readonly excluded: VnfSnapshot['userDefinedData']['excluded'];
  readonly grant: boolean;
  /** VNF Snapshots that the new one replaces. */
  readonly replaces: readonly string[];
  readonly lines: readonly string[];
}

/**
 * Resolves the request over the descriptor over the defaults and checks every condition (6.5.1 step 2).
 * @throws OrdealError of kinds unknown-target, snapshot-forbidden, outside-window, grant-denied, capability-missing, usage
 */
export async function planCreation(
  context: EngineContext,
  access: VimAccess,
  request: CreateVnfSnapshotRequest,
): Promise<CreationPlan> {
  const vnf = vnfOf(context.service, request.vnf);
  const descriptor = vnf.snapshot;
  const where = `snapshot of VNF ${vnf.id}`;
  if (!descriptor.creationAllowed) {
    throw new OrdealError('snapshot-forbidden', `VNF "${vnf.id}" does not allow snapshots`, {
      where: context.service.file,
      remedy: 'Its snapshot descriptor says creationAllowed: false; nothing was touched.',
    });
  }
  checkWindow(context, request, vnf);
  for (const ids of [request.vnfcIds, descriptor.vnfcIds, descriptor.creationOrder]) assertVnfcs(vnf, ids ?? [], where);
  assertVnfcs(vnf, Object.keys({ ...descriptor.vnfcs, ...request.vnfcs, ...request.computeIds }), where);

  const { info, computes } = await readRunningVnf(vnf, access, request.computeIds);
  const excluded: { vnfcId: string; diskId?: string; reason: string }[] = [];
  const vnfcs: VnfcCreationPlan[] = [];
  for (const vnfc of inOrder(vnf.vnfcs, descriptor.creationOrder)) {
    const state = computes.get(vnfc.id);
    const reason = whyLeftOut(request, vnf, vnfc, state);
    if (reason !== undefined || state === undefined) {
      excluded.push({ vnfcId: vnfc.id, reason: reason ?? 'not running' });
      continue;
    }
    const parameters = resolveVnfcOptions(request, descriptor, vnfc, state);
    const volumes = chooseVolumes(vnfc, parameters, state);
    excluded.push(...volumes.excluded.map((v) => ({ vnfcId: vnfc.id, ...v })));
    const stopBefore = parameters.powerOff === 'before' && state.powerState !== 'off';
    const runs = state.powerState === 'on' && !stopBefore;
    vnfcs.push({
      vnfc,
      state,
      parameters,
      volumes: volumes.included,
      stopBefore,
      runs,
      quiesce: await quiesces(access, request, vnf, vnfc, parameters, runs),
      detach: parameters.detachDisksBefore ? state.disks.filter((d) => d.attached).map((d) => d.id) : [],
      attach: parameters.attachDisksAfter
        ? state.disks.filter((d) => !d.attached || parameters.detachDisksBefore).map((d) => d.id)
        : [],
    });
  }
  if (vnfcs.length === 0) {
    throw new OrdealError('snapshot-forbidden', `No VNFC of VNF "${vnf.id}" may be snapshotted`, {
      got: excluded.map((e) => `${e.vnfcId} is left out: ${e.reason}`).join('; '),
      remedy: 'Nothing was touched.',
    });
  }
  const plan = {
    request,
    vnf,
    vnfInfo: info,
    vnfd: await readVnfd(context.service, vnf),
    consistent: request.consistent ?? descriptor.consistent,
    ordered: descriptor.creationOrder !== undefined,
    vnfcs,
    excluded,
    grant: needsGrant(context, vnf, 'createSnapshot'),
    replaces: replacedBy(context, request, vnf),
  };
  await checkCapabilities(access, plan);
  return { ...plan, lines: [...planLines(plan), ...(await preflight(access, plan))] };
}

/** A quarantined VNFC serves nobody any more, so that capturing it disturbs nobody: windows do not hold up forensics. */
function checkWindow(context: EngineContext, request: CreateVnfSnapshotRequest, vnf: Vnf): void {
  const { windows } = vnf.snapshot;
  if (windows === undefined || (request.purpose === 'forensic' && request.computeIds !== undefined)) return;
  const at = context.now?.() ?? new Date();
  if (windows.some((w) => isInWindow(w, at))) return;
  throw new OrdealError('outside-window', `VNF "${vnf.id}" allows no snapshot at this time`, {
    expected: windows.map(describeWindow).join('; '),
    got: at.toISOString(),
    remedy: 'Wait for a window of its snapshot descriptor; nothing was touched.',
  });
}

function whyLeftOut(
  request: CreateVnfSnapshotRequest,
  vnf: Vnf,
  vnfc: Vnfc,
  state: ComputeState | undefined,
): string | undefined {
  const { vnfcIds, vnfcs } = vnf.snapshot;
  if (vnfcs[vnfc.id]?.forbidden) return 'its descriptor forbids snapshots';
  if (request.vnfcIds !== undefined && !request.vnfcIds.includes(vnfc.id)) return 'not asked for';
  if (request.vnfcIds === undefined && vnfcIds !== undefined && !vnfcIds.includes(vnfc.id)) {
    return 'not among the VNFCs to include (Vnfsd.003)';
  }
  return state === undefined ? 'its VIM does not know it' : undefined;
}

/**
 * Memory and disks of a warm snapshot are of one instant, and a guest captured while quiesced would wake up quiesced:
 * by default only the file systems of a running VNFC whose disks alone are captured are brought to rest.
 */
async function quiesces(
  access: VimAccess,
  request: CreateVnfSnapshotRequest,
  vnf: Vnf,
  vnfc: Vnfc,
  { type }: VnfcParameters,
  runs: boolean,
): Promise<boolean> {
  const wish = request.quiesce ?? 'auto';
  const consistent = request.consistent ?? vnf.snapshot.consistent;
  if (!runs || wish === 'no' || !consistent) return false;
  if (wish === 'yes') return true;
  if (type === 'warm') return false;
  return access.call(vnfc.vim, 'query capabilities', async (vim) => {
    const capability = (await vim.capabilities()).get('OP-create.quiesce');
    return vim.quiescing !== undefined && capability?.supported === true;
  });
}

async function checkCapabilities(access: VimAccess, plan: Omit<CreationPlan, 'lines'>): Promise<void> {
  const needs = new Map<string, Set<CapabilityRow>>();
  const frozen = plan.consistent ? plan.vnfcs.filter((v) => v.runs).length : 0;
  for (const { vnfc, parameters, volumes, runs, quiesce, detach, attach } of plan.vnfcs) {
    const rows: (CapabilityRow | false)[] = [
      'OP-create.instance',
      parameters.type === 'warm' && 'OP-create.memory',
      volumes.length > 0 && 'OP-create.disk',
      runs && 'OP-create.live',
      runs && frozen > 1 && 'pause',
      quiesce && 'OP-create.quiesce',
      detach.length + attach.length > 0 && 'storage',
      plan.request.path !== undefined && 'OP-create.path',
      parameters.memory !== undefined && `TQ-memory.${parameters.memory}`,
      parameters.disk?.file !== undefined && volumes.length > 0 && `TQ-disk.${parameters.disk.file}`,
      parameters.disk?.copy !== undefined && volumes.length > 0 && `TQ-disk.${parameters.disk.copy}`,
    ];
    const known = needs.get(vnfc.vim) ?? new Set();
    for (const row of rows) if (row !== false) known.add(row);
    needs.set(vnfc.vim, known);
  }
  for (const [name, rows] of needs) {
    const table = await access.call(name, 'query capabilities', (vim) => vim.capabilities());
    const gaps = missing([...rows], table);
    if (gaps.length > 0) throw new CapabilityError(name, gaps);
  }
}

/** What replacePrevious means is limited to its own kind: evidence is replaced by nothing. */
function replacedBy({ state, service }: EngineContext, request: CreateVnfSnapshotRequest, vnf: Vnf): string[] {
  const overwritten = request.replaces === undefined ? [] : [state.vnfSnapshots.show(request.replaces)];
  for (const { id, vnfInstanceId } of overwritten) {
    if (vnfInstanceId !== vnf.id) {
      throw new OrdealError('usage', `VNF Snapshot "${id}" is of VNF "${vnfInstanceId}"`, {
        expected: `one of VNF ${vnf.id}`,
        remedy: 'Nothing was touched.',
      });
    }
    state.leases.assertFree(id, `VNF Snapshot "${id}"`);
  }
  const { purpose } = request;
  const previous =
    vnf.snapshot.replacePrevious && purpose !== 'forensic'
      ? state.vnfSnapshots.list({ service: service.descriptor.id, vnf: vnf.id, purpose })
      : [];
  return [...new Set([...overwritten, ...previous].map((s) => s.id))];
}

/** Those that the order names come first, in its order; the others follow as they stand in the descriptor. */
export function inOrder(vnfcs: readonly Vnfc[], order: readonly string[] = []): Vnfc[] {
  const rank = (vnfc: Vnfc) => {
    const at = order.indexOf(vnfc.id);
    return at < 0 ? order.length : at;
  };
  return [...vnfcs].sort((a, b) => rank(a) - rank(b));
}

function planLines(plan: Omit<CreationPlan, 'lines'>): string[] {
  const how = plan.consistent ? `one consistent cut over ${plan.vnfcs.length} VNFCs` : 'one VNFC after the other';
  return [
    `VNF Snapshot "${plan.request.name}" of ${plan.vnf.id}: ${how}${plan.grant ? ', granted by the NFVO' : ''}`,
    ...plan.vnfcs.map((v) => `  ${v.vnfc.id}: ${describeVnfc(v)}`),
    ...plan.excluded.map((e) => `  ${e.vnfcId}${e.diskId === undefined ? '' : ` ${e.diskId}`}: left out, ${e.reason}`),
    ...plan.replaces.map((id) => `  replaces ${id}`),
  ];
}

function describeVnfc({
  parameters: p,
  volumes,
  state,
  stopBefore,
  quiesce,
  detach,
  attach,
}: VnfcCreationPlan): string {
  const parts = [
    `${p.type}, ${state.powerState}`,
    ...p.notes.map((note) => `(${note})`),
    p.memory && `memory ${p.memory}`,
    `disks ${volumes.length === 0 ? 'none' : volumes.join(' ')}`,
    p.disk && Object.values(p.disk).join(' '),
    stopBefore && 'powered off before',
    detach.length > 0 && `${detach.join(' ')} detached before`,
    quiesce && 'quiesced meanwhile',
    attach.length > 0 && `${attach.join(' ')} attached after`,
    p.powerOff === 'after' && 'powered off after',
    p.powerOnAfter && 'powered on after',
  ];
  return parts.filter(Boolean).join(', ');
}
