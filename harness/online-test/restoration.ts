import type { Vnf } from '../model/network-service.js';
import type { VnfSnapshot } from '../model/snapshot.js';
import type { ComputeId, Replacement, Vim } from '../model/vim.js';
import { sleep } from '../util/deadline.js';
import { OrdealError } from '../util/errors.js';
import { Undo } from '../util/undo.js';
import type { Quarantined } from './evidence.js';
import { unlessGone } from './gone.js';
import { ms, type Observation, type Window } from './observation.js';
import type { Recorder } from './recorder.js';
import type { ServiceSession } from './session.js';
import type { Covered, Rescue } from './stages.js';

function replacementOf(vim: Vim): Replacement {
  if (vim.replacement !== undefined) return vim.replacement;
  throw new OrdealError('capability-missing', `VIM "${vim.kind}" cannot restore as new`);
}

/**
 * Step 7 of clause 4.1.1.4: quarantine the failed VNFCs, start new ones from the snapshots, switch over. Until the
 * switch, everything is undone when something fails, so that the service is at least what it was.
 * @returns the failed ones, quarantined, which still hold the evidence; of one that somebody has deleted nothing is left
 */
async function replaceFromSnapshots(
  session: ServiceSession,
  recorder: Recorder,
  area: readonly Vnf[],
  snapshots: readonly VnfSnapshot[],
): Promise<Quarantined[]> {
  const { journal } = session;
  const runId = recorder.id;
  await using undo = new Undo();
  const quarantined: Quarantined[] = [];
  const newcomers = new Map<Vim, { resource: string; from?: ComputeId; to: ComputeId; entry: number }[]>();
  for (const vnf of area) {
    const snapshot = snapshots.find((s) => s.vnfInstanceId === vnf.id);
    for (const vnfc of vnf.vnfcs) {
      const info = snapshot?.vnfcSnapshots.find((s) => s.vnfcInstanceId === vnfc.id);
      const snapshotId = info?.computeSnapshotResource?.resourceId;
      if (snapshotId === undefined) {
        recorder.note(`VNFC ${vnfc.id} is in no snapshot and stays as it is`);
        continue;
      }
      const vim = session.vimOf(vnfc);
      const replacement = replacementOf(vim);
      const resource = vnfc.resource ?? vnfc.id;
      const failed = await unlessGone(() => vim.locate(resource));
      if (failed === undefined) quarantined.push({ vnfcId: vnfc.id, vnf, vim, failed, journalEntry: undefined });
      else {
        const kept = journal.intend(runId, { type: 'quarantine', vim: vim.kind, resource, computeId: failed });
        undo.defer(`end the quarantine of ${vnfc.id}`, async () => {
          await replacement.unquarantine(failed, runId);
          journal.settle(kept);
        });
        await replacement.quarantine(failed, runId);
        journal.done(kept);
        quarantined.push({ vnfcId: vnfc.id, vnf, vim, failed, journalEntry: kept });
      }

      const made = journal.intend(runId, { type: 'restore-as-new', vim: vim.kind, resource, snapshotId });
      const to = await replacement.restoreAsNew(snapshotId, runId);
      undo.defer(`release the new ${vnfc.id}`, async () => {
        await replacement.release(to, runId);
        journal.settle(made);
      });
      journal.done(made);
      newcomers.set(vim, [
        ...(newcomers.get(vim) ?? []),
        { resource, ...(failed === undefined ? {} : { from: failed }), to, entry: made },
      ]);
    }
  }
  for (const [vim, pairs] of newcomers) {
    const switched = journal.intend(runId, { type: 'switch-over', vim: vim.kind, pairs });
    await replacementOf(vim).switchOver(pairs, runId);
    journal.settle(switched);
    for (const { entry } of pairs) journal.settle(entry);
  }
  undo.keep();
  return quarantined;
}

/** Service first: new VNFCs from the snapshots, then proof that the service is as before, not merely answering. */
export async function restore(
  { session, recorder, plan, observation }: Rescue,
  { baseline, snapshots }: Covered,
): Promise<{ quarantined: readonly Quarantined[]; note: string }> {
  recorder.verdict({ restoration: 'not-restored', evidence: 'incomplete' });
  const fromMs = observation.nowMs();
  const quarantined = await replaceFromSnapshots(session, recorder, plan.area, snapshots);
  const switchedMs = observation.nowMs();
  recorder.note(`switched over to ${quarantined.length} new VNFCs after ${ms(switchedMs - fromMs)}`);
  const backMs = await proveBack(observation, plan, baseline, switchedMs);
  recorder.phase('restoration', fromMs);
  if (backMs === null) return { quarantined, note: 'NOT restored' };
  recorder.verdict({ restoration: 'restored' });
  return { quarantined, note: `restored ${ms(switchedMs - fromMs + backMs)} after the verdict` };
}

/** @returns milliseconds from the switch to good service; null when it did not come back in time */
async function proveBack(
  observation: Observation,
  { expectedRecoveryMs, measureMs }: Rescue['plan'],
  baseline: Window,
  switchedMs: number,
): Promise<number | null> {
  const deadline = observation.nowMs() + expectedRecoveryMs + 2 * measureMs + 5000;
  while (observation.nowMs() < deadline) {
    await sleep(200);
    const backMs = observation.recoveredMs(switchedMs);
    if (backMs === null) continue;
    const after = await observation.watch(measureMs);
    if (observation.compare(baseline, after).outcome !== 'worse') return backMs;
  }
  return null;
}
