import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { historyOf } from '../judge/measurement-rows.js';
import { type Measurements, parseMeasurements } from '../judge/measurements.js';
import { runRecord } from '../model/run-record.js';
import { readSamples } from '../monitor/read-samples.js';
import { classifyIo, OrdealError } from '../util/errors.js';
import { readValidated } from '../util/validate.js';

/** Windows of a run that can be judged. */
export const judgedPhases = ['baseline', 'measurement'] as const;
export type JudgedPhase = (typeof judgedPhases)[number];

/** @param path a file with measurements, or a run folder: then what was measured in that phase of the run */
export async function readMeasurements(cwd: string, path: string, phase: JudgedPhase): Promise<Measurements> {
  const file = resolve(cwd, path);
  try {
    if ((await stat(file)).isDirectory()) return await runWindow(file, path, phase);
    return parseMeasurements(await readFile(file, 'utf8'), path);
  } catch (e) {
    throw classifyIo(e, path);
  }
}

async function runWindow(folder: string, path: string, name: JudgedPhase): Promise<Measurements> {
  if (!existsSync(join(folder, 'run.json'))) {
    throw new OrdealError('file-missing', 'There is no run in this folder', {
      where: path,
      expected: 'a run folder, with run.json, or a file with measurements',
    });
  }
  const record = await readValidated(join(folder, 'run.json'), runRecord);
  const phase = record.phases.find((p) => p.name === name);
  if (phase === undefined) {
    throw new OrdealError('file-invalid', `The run was not measured in its ${name}`, {
      where: join(path, 'run.json'),
      expected: `a phase "${name}"`,
      got: record.phases.map((p) => p.name).join(', ') || 'no phase',
    });
  }
  const samples = (await readSamples(join(folder, record.samplesFile))).filter(
    (s) => s.intendedMs >= phase.fromMs && s.intendedMs < phase.toMs,
  );
  const probes = [...new Set(samples.map((s) => s.probe))];
  const histories = probes.map((probe) => ({
    ...historyOf(
      probe,
      samples.filter((s) => s.probe === probe),
    ),
    fromMs: phase.fromMs,
    toMs: phase.toMs,
  }));
  return { histories, series: new Map(), ignored: [] };
}
