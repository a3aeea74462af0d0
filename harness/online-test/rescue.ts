import { createReadStream } from 'node:fs';
import type { Judgement } from '../judge/judge.js';
import { captureEvidence, type Quarantined, textArtifact } from './evidence.js';
import type { Window } from './observation.js';
import { restore } from './restoration.js';
import { tellSnapshots } from './snapshot-notes.js';
import type { Covered, Rescue } from './stages.js';

/** What was found of the service once all was healed, and made of it. */
export type Found =
  | { readonly service: 'as-before' | 'restored' | 'not-restored' }
  | { readonly service: 'inconclusive'; readonly reason: string };

/** Where a first look says too little, the window grows so many times, by its first length. */
const moreLooks = 2;

/** After everything is healed, by whomever: look whether the service is as before, and restore it when it is not. */
export async function lookAndRestore(rescue: Rescue, covered: Covered): Promise<Found> {
  const { recorder, plan, observation } = rescue;
  recorder.note('healed; looking whether the service is as before');
  await observation.watch(plan.expectedRecoveryMs);
  const found = await look(rescue, covered.baseline);
  if (found.outcome === 'inconclusive') {
    const reason = whyInconclusive(found);
    recorder.note(`whether the service is as before cannot be told: ${reason}`);
    return { service: 'inconclusive', reason };
  }
  if (found.outcome !== 'worse') return { service: 'as-before' };
  recorder.note('the service is not as before: restoring');
  recorder.verdict({ service: 'failed' });
  const { quarantined } = await restore(rescue, covered);
  await keepEvidence(rescue, quarantined);
  return { service: recorder.record.verdicts.restoration === 'restored' ? 'restored' : 'not-restored' };
}

async function look({ plan, observation }: Rescue, baseline: Window): Promise<Judgement> {
  const lookMs = Math.min(2000, plan.measureMs);
  const first = await observation.watch(lookMs);
  let found = observation.compare(baseline, first);
  for (let looks = 0; found.outcome === 'inconclusive' && looks < moreLooks; looks++) {
    const { fromMs } = first;
    const { toMs } = await observation.watch(lookMs);
    found = observation.compare(baseline, { histories: observation.histories(fromMs, toMs), fromMs, toMs });
  }
  return found;
}

/** `errorRatio of hits: fewer than 5 values` */
const whyInconclusive = ({ indicators }: Judgement): string =>
  indicators
    .filter((i) => i.outcome === 'inconclusive')
    .map((i) => `${i.indicator} of ${i.probe}: ${i.reason}`)
    .join('; ');

/** Step 8 of clause 4.1.1.4. What cannot be captured stays in quarantine, and the record says so. */
export function keepEvidence(rescue: Rescue, quarantined: readonly Quarantined[]): Promise<void> {
  const { recorder, plan, session } = rescue;
  return recorder.stage('forensic', async () => {
    const { snapshots, packages, failures, lost } = await captureEvidence(session, {
      runId: recorder.id,
      title: plan.title,
      folder: recorder.folder,
      quarantined,
      artifacts: [
        textArtifact('artifacts/run.json', `${JSON.stringify(recorder.record, null, 2)}\n`),
        { path: 'artifacts/samples.jsonl', open: () => createReadStream(recorder.samplesFile) },
      ],
    });
    for (const f of failures) recorder.failed(f);
    for (const id of lost)
      recorder.record.errors.push(`Nothing is left of the failed ${id} to capture: somebody has deleted it`);
    const exported = failures.length === 0 && lost.length === 0 && packages.length > 0;
    recorder.verdict({ evidence: exported ? 'exported' : 'incomplete' });
    recorder.record.packages.push(...packages);
    const told = await tellSnapshots(rescue, snapshots, 'forensic');
    return [undefined, exported ? `${told}; exported to ${packages.map((p) => p.file).join(', ')}` : 'incomplete'];
  });
}
