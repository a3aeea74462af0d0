import type { VnfSnapshot } from '../model/snapshot.js';
import { pausedMsOf } from '../snapshot/vnfc-snapshot-info.js';
import { ms } from './observation.js';
import type { Recorder } from './recorder.js';
import type { ServiceSession } from './session.js';

/** Puts snapshots into the run record. @returns what an operator reads: VNFCs, size, pause, skew */
export async function tellSnapshots(
  { session, recorder }: { session: ServiceSession; recorder: Recorder },
  snapshots: readonly VnfSnapshot[],
  purpose: 'restore' | 'forensic',
): Promise<string> {
  const told: string[] = [];
  for (const { id, vnfInstanceId: vnf, vnfcSnapshots, userDefinedData } of snapshots) {
    const vnfcs = [];
    for (const info of vnfcSnapshots) {
      const of = info.computeSnapshotResource?.resourceId;
      if (of === undefined) continue;
      const vnfc = session.vnfc(info.vnfcInstanceId);
      const { type, bytesStored, pausedMs } = await session.vimOf(vnfc).snapshots.show(of);
      vnfcs.push({ id: vnfc.id, type, bytes: bytesStored, pausedMs: pausedMsOf(info) ?? pausedMs });
    }
    const { cut } = userDefinedData;
    recorder.record.snapshots.push({ id, vnf, purpose, vnfcs, ...(cut === undefined ? {} : { skewMs: cut.skewMs }) });
    const mebibytes = vnfcs.reduce((sum, v) => sum + v.bytes, 0) / 2 ** 20;
    const pause = cut?.consistent ? `, paused ${ms(cut.pausedMs)}, skew ${ms(cut.skewMs)}` : '';
    told.push(`${vnf}: ${vnfcs.length} ${vnfcs[0]?.type ?? ''} VNFC Snapshots, ${mebibytes.toFixed(1)} MiB${pause}`);
  }
  return told.join('; ');
}
