import { type Judgement, judge } from '../judge/judge.js';
import type { Vnf, Vnfc } from '../model/network-service.js';
import type { History } from '../model/probe.js';
import type { VnfSnapshot } from '../model/snapshot.js';
import type { ComputeId, Replacement, Vim } from '../model/vim.js';
import type { Monitor } from '../monitor/monitor.js';
import { timeToRecover } from '../monitor/outage-clock.js';
import { sleep } from '../util/deadline.js';
import { OrdealError } from '../util/errors.js';
import { Undo } from '../util/undo.js';
import type { Recorder } from './recorder.js';
import type { ServiceSession } from './session.js';

/** A failed VNFC, frozen and kept for the root cause analysis, and what runs in its place. */
export interface Quarantined {
  readonly vnfc: Vnfc;
  readonly vim: Vim;
  readonly failed: ComputeId;
  readonly journalEntry: number;
}

function replacementOf(vim: Vim): Replacement {
  if (vim.replacement !== undefined) return vim.replacement;
  throw new OrdealError('capability-missing', `VIM "${vim.kind}" cannot restore as new`);
}

/**
 * Step 7 of clause 4.1.1.4: quarantine the failed VNFCs, start new ones from the snapshots, switch over. Until the
 * switch, everything is undone when something fails, so that the service is at least what it was.
 * @returns the quarantined ones, which still hold the evidence
 */
export async function replaceFromSnapshots(
  session: ServiceSession,
  recorder: Recorder,
  area: readonly Vnf[],
  snapshots: readonly VnfSnapshot[],
): Promise<Quarantined[]> {
  const { journal } = session;
  const runId = recorder.id;
  await using undo = new Undo();
  const quarantined: Quarantined[] = [];
  const newcomers = new Map<Vim, { resource: string; from: ComputeId; to: ComputeId; entry: number }[]>();
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
      const failed = await vim.locate(resource);

      const kept = journal.intend(runId, { type: 'quarantine', vim: vim.kind, resource, computeId: failed });
      undo.defer(`end the quarantine of ${vnfc.id}`, async () => {
        await replacement.unquarantine(failed, runId);
        journal.settle(kept);
      });
      await replacement.quarantine(failed, runId);
      journal.done(kept);
      quarantined.push({ vnfc, vim, failed, journalEntry: kept });

      const made = journal.intend(runId, { type: 'restore-as-new', vim: vim.kind, resource, snapshotId });
      const to = await replacement.restoreAsNew(snapshotId, runId);
      undo.defer(`release the new ${vnfc.id}`, async () => {
        await replacement.release(to, runId);
        journal.settle(made);
      });
      journal.done(made);
      newcomers.set(vim, [...(newcomers.get(vim) ?? []), { resource, from: failed, to, entry: made }]);
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

export interface Proof {
  readonly restored: boolean;
  readonly backMs: number | null;
  readonly judgement: Judgement | undefined;
}

/** Probes again, to prove that the service is back: as before, not merely answering. */
export async function proveRestored(
  monitor: Monitor,
  probes: readonly string[],
  baseline: readonly History[],
  options: {
    fromMs: number;
    withinMs: number;
    measureMs: number;
    seed: number;
    tolerances: Parameters<typeof judge>[2]['tolerances'];
  },
): Promise<Proof> {
  const { fromMs, withinMs, measureMs, seed, tolerances } = options;
  const deadline = monitor.nowMs() + withinMs;
  while (monitor.nowMs() < deadline) {
    await sleep(200);
    const until = monitor.nowMs();
    const back = probes.map((p) => timeToRecover(monitor.history(p, fromMs, until), fromMs));
    if (back.some((b) => b === null)) continue;
    const start = monitor.nowMs();
    await sleep(measureMs);
    await monitor.settled(start + measureMs);
    const after = probes.map((p) => monitor.history(p, start, start + measureMs));
    const judgement = judge(baseline, after, { tolerances, seed });
    if (judgement.outcome !== 'worse') {
      return { restored: true, backMs: Math.max(...back.map((b) => b?.recoveredMs ?? 0)) - fromMs, judgement };
    }
  }
  return { restored: false, backMs: null, judgement: undefined };
}
