import { type CheckedFault, checkFault, describeFault } from '../fault/catalogue.js';
import { expand } from '../fault/composition.js';
import { CapabilityError, type CapabilityRow, missing } from '../model/capability.js';
import { type AskedLoad, askedLoad } from '../model/load.js';
import type { Vnf, Vnfc } from '../model/network-service.js';
import { vnfcsOf } from '../model/network-service.js';
import type { SnapshotType } from '../model/snapshot-descriptor.js';
import type { StopCondition } from '../model/stop-condition.js';
import type { Vim } from '../model/vim.js';
import { OrdealError } from '../util/errors.js';
import { validate } from '../util/validate.js';
import { checkBlastRadius } from './blast-radius.js';
import { type CoverPlan, type CoverRequest, planCover, restoresDisksAlone } from './cover-plan.js';
import { checkLoad, checkLoadFault, describeLoad } from './loads.js';
import type { OnlineTestRequest } from './request.js';
import type { ServiceSession } from './session.js';
import { describeStopCondition, planStopConditions } from './stop-plan.js';

/** Everything decided, nothing touched yet. */
export interface Plan {
  readonly title: string;
  readonly faults: readonly (CheckedFault & { readonly afterMs: number })[];
  /** The tested area: the VNFs whose VNFCs are snapshotted, and restored when the service does not come back. */
  readonly area: readonly Vnf[];
  readonly snapshotType?: SnapshotType;
  /** What the snapshot engine is asked for, in the order of the area. */
  readonly cover: readonly CoverRequest[];
  readonly baselineMs: number;
  readonly measureMs: number;
  readonly expectedRecoveryMs: number;
  readonly seed: number;
  readonly stopConditions: readonly StopCondition[];
  readonly load?: AskedLoad;
  /** As a person reads it. */
  readonly lines: readonly string[];
}

const seconds = (ms: number) => `${ms / 1000} s`;

/**
 * Step 1 of clause 4.1.1.4: the place to be tested and the scenario. Anything missing is an error now.
 * @throws OrdealError of kinds scenario-invalid, unknown-target, capability-missing, blast-radius, grant-denied,
 *   outside-window, snapshot-forbidden
 */
export async function planOnlineTest(session: ServiceSession, request: OnlineTestRequest): Promise<Plan> {
  const { descriptor } = session.service;
  const where = `scenario "${request.title}"`;
  if (request.faults.length === 0) {
    throw new OrdealError('scenario-invalid', 'No fault is named', { where, expected: 'at least one fault' });
  }
  const seed = request.seed ?? Math.floor(Math.random() * 2 ** 31);
  const faults = expand(request.faults, { where, seed }).map((f) => ({
    ...checkFault(f, where),
    afterMs: f.afterMs ?? 0,
  }));
  for (const fault of faults) checkTarget(session, fault, where);
  const load = planLoad(session, request, where);
  const area = areaOf(session, faults, request.around ?? [], where);
  checkBlastRadius(descriptor, faults, request.allowBlastRadius === true, where);
  const stopConditions = planStopConditions(session, request, where);

  const baselineMs = request.baselineMs ?? 5000;
  const measureMs = request.measureMs ?? baselineMs;
  const expectedRecoveryMs = request.expectedRecoveryMs ?? descriptor.expectedRecoveryMs;

  const needs = new Map<Vim, Set<CapabilityRow>>();
  const need = (vim: Vim, ...rows: CapabilityRow[]) => {
    for (const row of rows) needs.set(vim, (needs.get(vim) ?? new Set()).add(row));
  };
  for (const fault of faults.filter((f) => f.kind !== 'load')) need(vimOfFault(session, fault), `fault.${fault.kind}`);
  const running = await session.isRunning();
  if (!running) for (const vim of session.vims.values()) await vim.instantiation?.check?.(session.service);
  for (const vnfc of area.flatMap((v) => v.vnfcs)) {
    const vim = session.vimOf(vnfc);
    need(vim, 'replacement', 'OP-create.instance');
    if (!restoresDisksAlone(vim)) need(vim, 'pause');
  }
  for (const [vim, rows] of needs) {
    const gaps = missing([...rows], await vim.capabilities());
    if (gaps.length > 0) throw new CapabilityError(vim.kind, gaps);
  }
  const cover = running ? await planCover(session, request, area) : laterCover(request, area);

  return {
    title: request.title,
    faults,
    area,
    ...(request.snapshotType === undefined ? {} : { snapshotType: request.snapshotType }),
    cover: cover.requests,
    baselineMs,
    measureMs,
    expectedRecoveryMs,
    seed,
    stopConditions,
    ...(load === undefined ? {} : { load }),
    lines: [
      `Service ${descriptor.id}, recovered by: ${descriptor.highAvailability.trim()}`,
      `Baseline: ${descriptor.probes.map((p) => `${p.id} at ${p.rateHz} Hz`).join(', ')} for ${seconds(baselineMs)}`,
      ...(load === undefined ? [] : [`Load during the whole test: ${describeLoad(load)}`]),
      ...cover.lines,
      ...faults.map((f) => `Fault: ${describeFault(f)}${f.afterMs ? `, ${seconds(f.afterMs)} after the first` : ''}`),
      ...stopConditions.map((c) => `Stop at once when ${describeStopCondition(c)}`),
      `Judged ${seconds(expectedRecoveryMs)} after the injection (expected recovery time), over ${seconds(measureMs)}`,
      `If not as before: quarantine ${area.flatMap((v) => v.vnfcs.map((c) => c.id)).join(', ')}; start new ones from the snapshots; switch over; forensic snapshot`,
      `Seed ${seed}`,
    ],
  };
}

/** Of a service that does not run yet. */
function laterCover({ snapshotType }: OnlineTestRequest, area: readonly Vnf[]): CoverPlan {
  return {
    requests: area.map(({ id }) => ({ vnf: id, ...(snapshotType === undefined ? {} : { type: snapshotType }) })),
    lines: area.map(({ id }) => `Snapshot of ${id}: planned in detail once the service runs; it does not now`),
  };
}

function planLoad(session: ServiceSession, { load }: OnlineTestRequest, where: string): AskedLoad | undefined {
  if (load === undefined) return undefined;
  const asked = validate(load, where, askedLoad, 'scenario-invalid');
  checkLoad(session.service.descriptor, asked, where);
  return asked;
}

function checkTarget(session: ServiceSession, fault: CheckedFault, where: string): void {
  const { target } = fault;
  if ('vnfc' in target) {
    session.vnfc(target.vnfc, where);
    if (fault.kind === 'load') checkLoadFault(session.service.descriptor, fault, where);
    return;
  }
  const links = session.service.descriptor.virtualLinks.map((l) => l.id);
  if (!links.includes(target.link)) {
    throw new OrdealError('unknown-target', `Virtual link "${target.link}" is not in the service`, {
      where,
      expected: `one of ${links.join(', ')}`,
      remedy: `See ${session.service.file}; nothing was touched.`,
    });
  }
  for (const end of [target.from, target.to]) if (end !== undefined) session.vnfc(end, where);
}

/** The VNFs of the struck VNFCs, or of those on the struck link, and those that the scenario names besides. */
function areaOf(
  session: ServiceSession,
  faults: readonly CheckedFault[],
  around: readonly string[],
  where: string,
): Vnf[] {
  const { vnfs } = session.service.descriptor;
  for (const id of around) {
    if (vnfs.some((v) => v.id === id)) continue;
    throw new OrdealError('unknown-target', `VNF "${id}" is not in the service`, {
      where,
      expected: `one of ${vnfs.map((v) => v.id).join(', ')}`,
      remedy: `See ${session.service.file}; nothing was touched.`,
    });
  }
  const struck = (vnfc: Vnfc) =>
    faults.some(({ target }) =>
      'vnfc' in target
        ? target.vnfc === vnfc.id
        : vnfc.connectionPoints.some((cp) => cp.link === target.link) &&
          (target.from === undefined || [target.from, target.to].includes(vnfc.id)),
    );
  return vnfs.filter((vnf) => around.includes(vnf.id) || vnf.vnfcs.some(struck));
}

/** A link's faults go to the VIM of a VNFC on that link. */
export function vimOfFault(session: ServiceSession, { target }: CheckedFault): Vim {
  if ('vnfc' in target) return session.vimOf(session.vnfc(target.vnfc));
  const onLink = vnfcsOf(session.service.descriptor).find((v) =>
    v.connectionPoints.some((cp) => cp.link === target.link),
  );
  if (onLink === undefined) throw new OrdealError('unknown-target', `No VNFC is on the virtual link "${target.link}"`);
  return session.vimOf(onLink);
}
