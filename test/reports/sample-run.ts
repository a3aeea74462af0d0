import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SampleRun } from './sample-runs/parts.js';

export { failedRun } from './sample-runs/failed.js';
export { lostRun } from './sample-runs/lost.js';
export type { SampleRun } from './sample-runs/parts.js';
export { recoveredRun } from './sample-runs/recovered.js';

/** Run records as the loop writes them, with samples that agree with them, for the tests of the reports. */

/** Writes run.json and the samples as the loop does. @returns the run's folder */
export async function recordRun(outFolder: string, { record, samples }: SampleRun): Promise<string> {
  const folder = join(outFolder, record.id);
  await mkdir(folder, { recursive: true });
  const lines = samples.map((s) => JSON.stringify([s.probe, s.intendedMs, s.sentMs, s.doneMs, s.ok, s.outcome]));
  await writeFile(join(folder, record.samplesFile), `${lines.join('\n')}\n`);
  await writeFile(join(folder, 'run.json'), JSON.stringify(record, null, 2));
  return folder;
}
