import type { JournalEntry, JournalledRun } from '../model/journal.js';
import type { Vim } from '../model/vim.js';
import { Journal } from '../store/journal.js';
import { asError, OrdealError } from '../util/errors.js';
import { captureEvidence, type Quarantined } from './evidence.js';
import { readService, ServiceSession } from './session.js';

export interface OpenRun {
  readonly run: JournalledRun;
  readonly alive: boolean;
  readonly open: readonly JournalEntry[];
}

export function status(stateFolder: string): OpenRun[] {
  using journal = new Journal(stateFolder);
  return journal.runs({ open: true }).map((run) => ({ run, alive: isAlive(run.pid), open: journal.open(run.id) }));
}

/** A process of another user is alive too: EPERM says so. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (e) {
    return e instanceof Error && 'code' in e && e.code === 'EPERM';
  }
}

export interface RecoveryStep {
  readonly runId: string;
  readonly what: string;
  readonly outcome: 'undone' | 'planned' | 'failed' | 'left';
  readonly reason?: string;
}

export interface Recovery {
  readonly steps: readonly RecoveryStep[];
}

/**
 * Undoes what dead runs left behind, the latest first, never stopping at a failure: heals faults, ends freezes, undoes
 * a switch that did not happen and keeps one that did. Touches only what carries the run's id. Idempotent.
 */
export async function recover(
  stateFolder: string,
  { dryRun, say }: { dryRun: boolean; say: (line: string) => void },
): Promise<Recovery> {
  const steps: RecoveryStep[] = [];
  for (const { run, alive, open } of status(stateFolder)) {
    if (alive) {
      steps.push({ runId: run.id, what: 'the whole run', outcome: 'left', reason: `process ${run.pid} is alive` });
      continue;
    }
    if (dryRun) {
      for (const e of open) steps.push({ runId: run.id, what: told(e), outcome: 'planned' });
      continue;
    }
    say(`recovering ${run.id} on ${run.serviceId}`);
    steps.push(...(await recoverRun(stateFolder, run, open)));
  }
  return { steps };
}

async function recoverRun(
  stateFolder: string,
  run: JournalledRun,
  open: readonly JournalEntry[],
): Promise<RecoveryStep[]> {
  const steps: RecoveryStep[] = [];
  let session: ServiceSession;
  try {
    session = await ServiceSession.open(await readService(run.serviceFile), { stateFolder });
  } catch (e) {
    return [
      { runId: run.id, what: `open the service ${run.serviceFile}`, outcome: 'failed', reason: asError(e).message },
    ];
  }
  await using opened = session;
  const { journal } = opened;
  const evidence: JournalEntry[] = [];
  for (const entry of open) {
    const what = told(entry);
    try {
      if ((await undo(opened, run.id, entry)) === 'evidence') {
        evidence.push(entry);
        continue;
      }
      journal.settle(entry.id);
      steps.push({ runId: run.id, what, outcome: 'undone' });
    } catch (e) {
      if (isGone(e)) {
        journal.settle(entry.id);
        steps.push({ runId: run.id, what, outcome: 'undone', reason: `${asError(e).message} Nothing is left of it.` });
      } else {
        steps.push({ runId: run.id, what, outcome: 'failed', reason: asError(e).message });
      }
    }
  }
  steps.push(...(await finishEvidence(opened, run, evidence)));
  if (journal.open(run.id).length === 0) journal.close(run.id);
  return steps;
}

/** The service was switched over before the run died: what is left is step 8, the evidence of the failed VNFCs. */
async function finishEvidence(
  session: ServiceSession,
  run: JournalledRun,
  entries: readonly JournalEntry[],
): Promise<RecoveryStep[]> {
  const quarantined: Quarantined[] = [];
  for (const { id, action } of entries) {
    if (action.type !== 'quarantine') continue;
    const vnf = session.service.descriptor.vnfs.find((v) =>
      v.vnfcs.some((c) => (c.resource ?? c.id) === action.resource),
    );
    const vnfc = vnf?.vnfcs.find((c) => (c.resource ?? c.id) === action.resource);
    const vim = vimOf(session, action.vim);
    if (vnf === undefined || vnfc === undefined || vim === undefined) continue;
    quarantined.push({ vnfcId: vnfc.id, vnf, vim, failed: action.computeId, journalEntry: id });
  }
  if (quarantined.length === 0) return [];
  const { packages, failures } = await captureEvidence(session, {
    runId: run.id,
    title: `recovered ${run.id}`,
    folder: run.outFolder,
    quarantined,
    artifacts: [],
  });
  return [
    ...packages.map((p) => ({ runId: run.id, what: `export the evidence to ${p.file}`, outcome: 'undone' as const })),
    ...failures.map((f) => ({
      runId: run.id,
      what: 'export the evidence',
      outcome: 'failed' as const,
      reason: f.message,
    })),
  ];
}

/** The whole NFVI of an embedded service may be gone; then so is everything that was done to it. */
const isGone = (e: unknown): boolean => e instanceof OrdealError && e.kind === 'unknown-target';

const told = ({ action }: JournalEntry): string => {
  switch (action.type) {
    case 'fault':
      return `heal ${action.injection.kind} on ${Object.values(action.injection.target).join(' ')}`;
    case 'freeze':
      return `thaw ${action.computeId}`;
    case 'quarantine':
      return `end the quarantine of ${action.computeId}`;
    case 'restore-as-new':
      return `release the new ${action.resource} if it is not in place`;
    case 'switch-over':
      return `settle the switch-over of ${action.pairs.map((p) => p.resource).join(', ')}`;
    case 'package':
      return `remove the unfinished package ${action.file}`;
  }
};

/** @returns `evidence` for a failed VNFC that something else stands in for: it is to be captured, not given back */
async function undo(session: ServiceSession, runId: string, { action }: JournalEntry): Promise<'evidence' | undefined> {
  const vim = vimOf(session, 'vim' in action ? action.vim : action.type === 'fault' ? action.injection.vim : undefined);
  switch (action.type) {
    case 'fault':
      await vim?.faults?.heal(action.injection);
      return undefined;
    case 'freeze':
      await vim?.pausing?.resume(action.computeId);
      return undefined;
    case 'quarantine': {
      if (vim === undefined || (await inPlace(vim, action.resource)) === action.computeId) {
        await vim?.replacement?.unquarantine(action.computeId, runId);
        return undefined;
      }
      return 'evidence';
    }
    case 'restore-as-new': {
      const placed = vim === undefined ? undefined : await inPlace(vim, action.resource);
      for (const owned of (await vim?.replacement?.ownedBy(runId)) ?? []) {
        if (owned.resource !== action.resource || owned.quarantined || owned.computeId === placed) continue;
        await vim?.replacement?.release(owned.computeId, runId);
      }
      return undefined;
    }
    case 'switch-over':
    case 'package':
      // A switch is one act of the VIM, and a package appears whole or not at all: neither leaves a half behind.
      return undefined;
  }
}

const vimOf = (session: ServiceSession, kind: string | undefined): Vim | undefined =>
  kind === undefined ? undefined : session.vims.get(kind);

const inPlace = (vim: Vim, resource: string): Promise<string> => vim.locate(resource);
