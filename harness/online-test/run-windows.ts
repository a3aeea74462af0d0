import { join } from 'node:path';
import { historyOf } from '../judge/measurement-rows.js';
import type { History } from '../model/probe.js';
import type { RunRecord } from '../model/run-record.js';
import { readSamples } from '../monitor/read-samples.js';
import { OrdealError } from '../util/errors.js';

export interface RunFolder {
  readonly record: RunRecord;
  /** Where run.json and the samples are. */
  readonly folder: string;
}

/** Phases in which the service was measured. */
export type MeasuredPhase = 'baseline' | 'measurement';

/** @throws OrdealError of kind inconclusive when the run did not come that far */
export function phaseOf({ record, folder }: RunFolder, name: MeasuredPhase): RunRecord['phases'][number] {
  const phase = record.phases.find((p) => p.name === name);
  if (phase !== undefined) return phase;
  throw new OrdealError('inconclusive', `The run has no ${name}`, {
    where: join(folder, 'run.json'),
    got: record.phases.map((p) => p.name).join(', ') || 'no phase',
    remedy: 'See its errors.',
  });
}

/**
 * What every probe of a run that has ended saw from `fromMs` to `toMs` of its clock.
 * @param rateHz of the probes, where they are known; else as the samples say
 */
export async function samplesBetween(
  { record, folder }: RunFolder,
  fromMs: number,
  toMs: number,
  rateHz: ReadonlyMap<string, number> = new Map(),
): Promise<readonly History[]> {
  const samples = (await readSamples(join(folder, record.samplesFile))).filter(
    (s) => s.intendedMs >= fromMs && s.intendedMs < toMs,
  );
  const probes = new Set([...rateHz.keys(), ...samples.map((s) => s.probe)]);
  return [...probes].map((probe): History => {
    const own = historyOf(
      probe,
      samples.filter((s) => s.probe === probe),
    );
    return { ...own, rateHz: rateHz.get(probe) ?? own.rateHz, fromMs, toMs };
  });
}

export function windowOf(run: RunFolder, name: MeasuredPhase, rateHz?: ReadonlyMap<string, number>) {
  const { fromMs, toMs } = phaseOf(run, name);
  return samplesBetween(run, fromMs, toMs, rateHz);
}
