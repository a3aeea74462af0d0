import { missing } from '../model/capability.js';
import type { Vnf, Vnfc } from '../model/network-service.js';
import type { SnapshotType } from '../model/snapshot-descriptor.js';
import type { Vim } from '../model/vim.js';
import type { CreateVnfSnapshotRequest } from '../snapshot/engine.js';
import { OrdealError } from '../util/errors.js';
import type { ServiceSession } from './session.js';

/** What the snapshot engine is asked for before the fault, VNF by VNF. */
export type CoverRequest = Pick<CreateVnfSnapshotRequest, 'vnf' | 'type' | 'consistent' | 'vnfcs'>;

export interface CoverPlan {
  readonly requests: readonly CoverRequest[];
  /** The snapshots as a person reads them, and what a VIM that restores disks alone will not bring back. */
  readonly lines: readonly string[];
}

export const restoresDisksAlone = (vim: Vim): boolean => vim.replacement?.disksAlone === true;

/**
 * Why the memory of a VNFC is not captured, by its id: only of those whose VIM would not bring it back anyway. Every other
 * VIM is held to a warm snapshot, and refuses when it cannot take one.
 */
export async function withoutMemory(
  session: ServiceSession,
  vnfcs: readonly Vnfc[],
): Promise<ReadonlyMap<string, string>> {
  const why = new Map<string, string>();
  for (const vnfc of vnfcs) {
    const vim = session.vimOf(vnfc);
    if (!restoresDisksAlone(vim)) continue;
    const [gap] = missing(['OP-create.memory'], await vim.capabilities());
    if (gap !== undefined) why.set(vnfc.id, gap.reason);
  }
  return why;
}

/**
 * How the tested area is snapshotted. Prerequisite: the service runs.
 * @throws OrdealError of kind capability-missing when a consistent cut is wanted that nothing can make, and what the
 *   engine's own plan throws
 */
export async function planCover(
  session: ServiceSession,
  { title, snapshotType }: { readonly title: string; readonly snapshotType?: SnapshotType | undefined },
  area: readonly Vnf[],
): Promise<CoverPlan> {
  const requests: CoverRequest[] = [];
  const lines: string[] = [];
  const cut: Vnfc[] = [];
  const plan = (request: CoverRequest) =>
    session.engine.planCreation({ ...request, name: `before ${title}`, purpose: 'restore' });
  for (const vnf of area) {
    let request: CoverRequest = { vnf: vnf.id, ...(snapshotType === undefined ? {} : { type: snapshotType }) };
    const alone = vnf.vnfcs.filter((vnfc) => restoresDisksAlone(session.vimOf(vnfc)));
    if (alone.length > 0) {
      // Memory that is not brought back is captured only where somebody asks for it: that costs a pause.
      const cold = snapshotType === undefined ? alone : [];
      request = { ...request, vnfcs: Object.fromEntries(cold.map(({ id }) => [id, { type: 'cold' as const }])) };
      const running = (await plan({ ...request, consistent: false })).vnfcs.filter((v) => v.runs);
      const hasState = running.some((v) => v.volumes.length > 0 || v.parameters.type === 'warm');
      const isOurs = running.every((v) => restoresDisksAlone(session.vimOf(v.vnfc)));
      // Settings have no moment: where there is nothing else, there is nothing to be cut.
      if (isOurs && !hasState) request = { ...request, consistent: false };
      else if (vnf.snapshot.consistent) cut.push(...running.map((v) => v.vnfc));
    } else if (vnf.snapshot.consistent) cut.push(...vnf.vnfcs);
    requests.push(request);
  }
  refuseImpossibleCut(session, cut);
  for (const request of requests) lines.push(...(await plan(request)).lines);
  return { requests, lines: [...lines, ...(await whatIsLost(session, area))] };
}

/** A cut over several needs each of them frozen; one alone is of one moment by itself. */
function refuseImpossibleCut(session: ServiceSession, cut: readonly Vnfc[]): void {
  const unfrozen = cut.filter((vnfc) => restoresDisksAlone(session.vimOf(vnfc)));
  const [first] = unfrozen;
  if (cut.length < 2 || first === undefined) return;
  throw new OrdealError(
    'capability-missing',
    `VIM "${first.vim}" cannot freeze ${unfrozen.map((v) => v.id).join(', ')}`,
    {
      where: session.service.file,
      expected: `one consistent cut over ${cut.map((v) => v.id).join(', ')}`,
      remedy: 'Say snapshot: { consistent: false } of their VNFs where their disks may be of different moments.',
    },
  );
}

/** As the plan says it before anything is touched. */
async function whatIsLost(session: ServiceSession, area: readonly Vnf[]): Promise<string[]> {
  const lines: string[] = [];
  for (const vim of session.vims.values()) {
    const vnfcs = area.flatMap((v) => v.vnfcs).filter((vnfc) => session.vimOf(vnfc) === vim);
    if (vnfcs.length === 0 || !restoresDisksAlone(vim)) continue;
    const table = await vim.capabilities();
    const names = vnfcs.map((v) => v.id).join(', ');
    const why = (row: 'pause' | 'OP-revert.revert' | 'OP-create.memory') => missing([row], table)[0]?.reason;
    lines.push(
      `Not frozen on ${vim.kind} (${why('pause') ?? 'not offered'}): a VNFC in quarantine is cut off, and goes on`,
      `Not brought back on ${vim.kind}: the memory of ${names} is lost when they are restored (${why('OP-revert.revert') ?? 'they boot'})`,
    );
    const noMemory = why('OP-create.memory');
    if (noMemory !== undefined) lines.push(`Evidence on ${vim.kind} is without memory: ${noMemory}`);
  }
  return lines;
}
