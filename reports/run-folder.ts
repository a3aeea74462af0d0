import { join } from 'node:path';
import type { Sample } from '../harness/model/probe.js';
import { type RunRecord, runRecord } from '../harness/model/run-record.js';
import { readSamples as readSamplesFile } from '../harness/monitor/read-samples.js';
import { readValidated } from '../harness/util/validate.js';

/** @throws OrdealError when the folder holds no run, or run.json is not of version 1 */
export const readRun = (folder: string): Promise<RunRecord> => readValidated(join(folder, 'run.json'), runRecord);

/** @throws OrdealError when the file is missing, or a line within it is not a sample */
export const readSamples = (folder: string, { samplesFile }: RunRecord): Promise<Sample[]> =>
  readSamplesFile(join(folder, samplesFile));
