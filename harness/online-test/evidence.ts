import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import type { Vnf } from '../model/network-service.js';
import type { VnfSnapshot } from '../model/snapshot.js';
import type { ComputeId, Vim } from '../model/vim.js';
import type { PackageContent } from '../package/index.js';
import { until } from '../util/deadline.js';
import { asError, OrdealError } from '../util/errors.js';
import { withoutMemory } from './cover-plan.js';
import { unlessGone } from './gone.js';
import type { ServiceSession } from './session.js';

/** A failed VNFC, frozen and cut off, which holds the evidence until it is captured. */
export interface Quarantined {
  readonly vnfcId: string;
  readonly vnf: Vnf;
  readonly vim: Vim;
  /** undefined: somebody had deleted it before it could be quarantined. */
  readonly failed: ComputeId | undefined;
  readonly journalEntry: number | undefined;
}
type Kept = Quarantined & { readonly failed: ComputeId };

/** Of the file of a package, after the id of its VNF. */
export const packageSuffix = '.vnf-snapshot.zip';

type Artifact = PackageContent['artifacts'][number];

/** How long a VNF that another process operates on is waited for, in milliseconds. */
const busyMs = 15_000;

export interface EvidenceRequest {
  readonly runId: string;
  readonly title: string;
  /** Where the packages go. */
  readonly folder: string;
  readonly quarantined: readonly Quarantined[];
  /** What root cause analysis needs beside the snapshots: measurements, verdicts (4.2.1.4 step 4). */
  readonly artifacts: readonly Artifact[];
}

export interface Evidence {
  readonly snapshots: readonly VnfSnapshot[];
  readonly packages: readonly {
    readonly file: string;
    readonly vnf: string;
    readonly sha256: string;
    readonly bytes: number;
  }[];
  readonly failures: readonly OrdealError[];
  /** Failed VNFCs of which nothing is left, by their ids: somebody has deleted them. */
  readonly lost: readonly string[];
}

/**
 * Step 8 of clause 4.1.1.4: snapshots of the failed VNFCs, frozen as they failed, packaged and exported; then the
 * failed ones are released. A VNF whose evidence cannot be taken stays in quarantine, so that nothing is lost.
 */
export async function captureEvidence(session: ServiceSession, request: EvidenceRequest): Promise<Evidence> {
  const snapshots: VnfSnapshot[] = [];
  const packages: Evidence['packages'][number][] = [];
  const failures: OrdealError[] = [];
  const lost: string[] = [];
  for (const vnf of new Set(request.quarantined.map((q) => q.vnf))) {
    try {
      const failed: Kept[] = [];
      for (const q of request.quarantined.filter((each) => each.vnf === vnf)) {
        const { failed: compute } = q;
        const state = compute === undefined ? undefined : await unlessGone(() => q.vim.inspect(compute));
        if (compute !== undefined && state !== undefined) failed.push({ ...q, failed: compute });
        else {
          lost.push(q.vnfcId);
          // What the VIM keeps beside it goes.
          if (compute !== undefined) await q.vim.replacement?.release(compute, request.runId);
          if (q.journalEntry !== undefined) session.journal.settle(q.journalEntry);
        }
      }
      if (failed.length === 0) continue;
      const cold = await withoutMemory(session, vnf.vnfcs);
      const snapshot = await whenFree(vnf, () => {
        // A harness that was stopped, and wakes up when its run was taken over, captures nothing.
        session.journal.mustBeHeld(request.runId);
        return session.engine.create({
          vnf: vnf.id,
          name: `forensic ${request.runId}`,
          purpose: 'forensic',
          vnfcIds: failed.map((q) => q.vnfcId),
          type: 'warm',
          vnfcs: Object.fromEntries([...cold.keys()].map((id) => [id, { type: 'cold' as const }])),
          consistent: false,
          runId: request.runId,
          computeIds: Object.fromEntries(failed.map((q) => [q.vnfcId, q.failed])),
        });
      });
      snapshots.push(snapshot);
      packages.push(await exportPackage(session, request, vnf, snapshot, failed));
      for (const q of failed) {
        await q.vim.replacement?.release(q.failed, request.runId);
        if (q.journalEntry !== undefined) session.journal.settle(q.journalEntry);
      }
    } catch (e) {
      failures.push(
        new OrdealError('vim-failed', `The evidence of VNF "${vnf.id}" is incomplete`, {
          cause: asError(e),
          remedy: 'The failed VNFCs stay in quarantine; `ordeal recover` tries again.',
        }),
      );
    }
  }
  return { snapshots, packages, failures, lost };
}

/**
 * A harness that was stopped in the middle of this, and woke up when its run was taken over, may still be at it: it ends what it
 * has begun, and then acts no more.
 */
async function whenFree<T>(vnf: Vnf, work: () => Promise<T>): Promise<T> {
  let busy: OrdealError | undefined;
  const attempt = async () => {
    busy = undefined;
    try {
      return { made: await work() };
    } catch (e) {
      if (!(e instanceof OrdealError) || e.kind !== 'busy') throw e;
      busy = e;
      return undefined;
    }
  };
  try {
    return (await until(`The capture of VNF "${vnf.id}"`, attempt, { withinMs: busyMs, everyMs: 100 })).made;
  } catch (e) {
    throw e instanceof OrdealError && e.kind === 'timeout' && busy !== undefined ? busy : e;
  }
}

async function exportPackage(
  session: ServiceSession,
  { runId, title, folder, artifacts }: EvidenceRequest,
  vnf: Vnf,
  vnfSnapshot: VnfSnapshot,
  failed: readonly Kept[],
): Promise<Evidence['packages'][number]> {
  const file = join(folder, `${vnf.id}${packageSuffix}`);
  const entry = session.journal.intend(runId, { type: 'package', file });
  const images: PackageContent['images'][number][] = [];
  const logs: Artifact[] = [];
  for (const { vnfcId, vim, failed: compute } of failed) {
    const info = vnfSnapshot.vnfcSnapshots.find((s) => s.vnfcInstanceId === vnfcId);
    const snapshotId = info?.computeSnapshotResource?.resourceId;
    if (snapshotId === undefined) continue;
    const record = await vim.snapshots.show(snapshotId);
    images.push({ vnfcId, record, images: await vim.snapshots.exportImages(snapshotId) });
    for (const log of (await vim.logs?.logs(compute)) ?? []) {
      logs.push({ path: `artifacts/logs/${vnfcId}/${log.name}`, open: () => log.open() });
    }
  }
  const trace = session.trace.map((s) => JSON.stringify(s)).join('\n');
  const { writePackage } = await import('../package/index.js');
  const written = await writePackage(file, {
    vnfSnapshot,
    vnfd: vnf.vnfd === undefined ? undefined : { file: resolve(session.service.folder, vnf.vnfd) },
    images,
    artifacts: [...artifacts, ...logs, textArtifact('artifacts/trace.jsonl', `${trace}\n`)],
    userDefinedData: { runId, title },
  });
  session.journal.settle(entry);
  return { file, vnf: vnf.id, sha256: written.sha256, bytes: written.bytes };
}

export const textArtifact = (path: string, text: string): Artifact => ({ path, open: () => Readable.from([text]) });
