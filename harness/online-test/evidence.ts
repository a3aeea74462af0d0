import { createReadStream } from 'node:fs';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import type { Vnf } from '../model/network-service.js';
import type { VnfSnapshot } from '../model/snapshot.js';
import { type PackageContent, writePackage } from '../package/write.js';
import { asError, OrdealError } from '../util/errors.js';
import type { Recorder } from './recorder.js';
import type { Quarantined } from './restoration.js';
import type { ServiceSession } from './session.js';

/**
 * Step 8 of clause 4.1.1.4: snapshots of the failed VNFCs, frozen as they failed, packaged with what root cause
 * analysis needs (4.2.1.4 step 4): logs, trace, measurements, verdicts. Then the failed ones are released.
 * What fails here is told, and leaves the failed VNFCs in quarantine, so that no evidence is lost.
 */
export async function captureEvidence(
  session: ServiceSession,
  recorder: Recorder,
  area: readonly Vnf[],
  quarantined: readonly Quarantined[],
): Promise<{ exported: boolean; snapshots: VnfSnapshot[] }> {
  const snapshots: VnfSnapshot[] = [];
  const failures: unknown[] = [];
  for (const vnf of area) {
    const failed = quarantined.filter((q) => vnf.vnfcs.includes(q.vnfc));
    if (failed.length === 0) continue;
    try {
      const snapshot = await session.engine.create({
        vnf: vnf.id,
        name: `forensic ${recorder.id}`,
        purpose: 'forensic',
        vnfcIds: failed.map((q) => q.vnfc.id),
        type: 'warm',
        consistent: false,
        runId: recorder.id,
        computeIds: Object.fromEntries(failed.map((q) => [q.vnfc.id, q.failed])),
      });
      snapshots.push(snapshot);
      await exportPackage(session, recorder, vnf, snapshot, failed);
      for (const q of failed) {
        await q.vim.replacement?.release(q.failed, recorder.id);
        session.journal.settle(q.journalEntry);
      }
    } catch (e) {
      failures.push(e);
      recorder.failed(
        new OrdealError('vim-failed', `The evidence of VNF "${vnf.id}" is incomplete`, {
          cause: asError(e),
          remedy: 'The failed VNFCs stay in quarantine; `ordeal recover` tries again.',
        }),
      );
    }
  }
  return { exported: failures.length === 0 && snapshots.length > 0, snapshots };
}

async function exportPackage(
  session: ServiceSession,
  recorder: Recorder,
  vnf: Vnf,
  vnfSnapshot: VnfSnapshot,
  failed: readonly Quarantined[],
): Promise<void> {
  const file = join(recorder.folder, `${vnf.id}.vnf-snapshot.zip`);
  const entry = session.journal.intend(recorder.id, { type: 'package', file });
  const images: PackageContent['images'][number][] = [];
  const artifacts: PackageContent['artifacts'][number][] = [
    artifact('artifacts/run.json', JSON.stringify(recorder.record, null, 2)),
    { path: 'artifacts/samples.jsonl', open: () => createReadStream(recorder.samplesFile) },
  ];
  for (const { vnfc, vim, failed: compute } of failed) {
    const info = vnfSnapshot.vnfcSnapshots.find((s) => s.vnfcInstanceId === vnfc.id);
    const snapshotId = info?.computeSnapshotResource?.resourceId;
    if (snapshotId === undefined) continue;
    images.push({
      vnfcId: vnfc.id,
      record: await vim.snapshots.show(snapshotId),
      images: await vim.snapshots.exportImages(snapshotId),
    });
    for (const log of (await vim.logs?.logs(compute)) ?? []) {
      artifacts.push({ path: `artifacts/logs/${vnfc.id}/${log.name}`, open: log.open });
    }
  }
  const written = await writePackage(file, {
    vnfSnapshot,
    vnfd: vnf.vnfd === undefined ? undefined : { file: resolve(session.service.folder, vnf.vnfd) },
    images,
    artifacts,
    userDefinedData: { runId: recorder.id, title: recorder.record.title },
  });
  session.journal.settle(entry);
  recorder.record.packages.push({ file, sha256: written.sha256, bytes: written.bytes });
}

const artifact = (path: string, text: string) => ({ path, open: () => Readable.from([text]) });
