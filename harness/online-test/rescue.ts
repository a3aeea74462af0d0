import { createReadStream } from 'node:fs';
import { captureEvidence, type Quarantined, textArtifact } from './evidence.js';
import { restore } from './restoration.js';
import { tellSnapshots } from './snapshot-notes.js';
import type { Covered, Rescue } from './stages.js';

/**
 * After everything is healed, by whomever: look whether the service is as before, and restore it when it is not.
 * @returns true when the service is as it was, by itself or restored
 */
export async function lookAndRestore(rescue: Rescue, covered: Covered): Promise<boolean> {
  const { recorder, plan, observation } = rescue;
  recorder.note('healed; looking whether the service is as before');
  await observation.watch(plan.expectedRecoveryMs);
  const after = await observation.watch(Math.min(2000, plan.measureMs));
  if (observation.compare(covered.baseline, after).outcome !== 'worse') return true;
  recorder.note('the service is not as before: restoring');
  recorder.verdict({ service: 'failed' });
  const { quarantined } = await restore(rescue, covered);
  await keepEvidence(rescue, quarantined);
  return recorder.record.verdicts.restoration === 'restored';
}

/** Step 8 of clause 4.1.1.4. What cannot be captured stays in quarantine, and the record says so. */
export function keepEvidence(rescue: Rescue, quarantined: readonly Quarantined[]): Promise<void> {
  const { recorder, plan, session } = rescue;
  return recorder.stage('forensic', async () => {
    const { snapshots, packages, failures } = await captureEvidence(session, {
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
    const exported = failures.length === 0 && packages.length > 0;
    recorder.verdict({ evidence: exported ? 'exported' : 'incomplete' });
    recorder.record.packages.push(...packages);
    const told = await tellSnapshots(rescue, snapshots, 'forensic');
    return [undefined, exported ? `${told}; exported to ${packages.map((p) => p.file).join(', ')}` : 'incomplete'];
  });
}
