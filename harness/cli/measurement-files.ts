import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Measurements, parseMeasurements } from '../judge/measurements.js';
import { runRecord } from '../model/run-record.js';
import { type MeasuredPhase, windowOf } from '../online-test/run-windows.js';
import { classifyIo, OrdealError } from '../util/errors.js';
import { readValidated } from '../util/validate.js';

/** @param path a file with measurements, or a run folder: then what was measured in that phase of the run */
export async function readMeasurements(cwd: string, path: string, phase: MeasuredPhase): Promise<Measurements> {
  const file = resolve(cwd, path);
  try {
    if ((await stat(file)).isDirectory()) return await runWindow(file, path, phase);
    return parseMeasurements(await readFile(file, 'utf8'), path);
  } catch (e) {
    throw classifyIo(e, path);
  }
}

async function runWindow(folder: string, path: string, name: MeasuredPhase): Promise<Measurements> {
  if (!existsSync(join(folder, 'run.json'))) {
    throw new OrdealError('file-missing', 'There is no run in this folder', {
      where: path,
      expected: 'a run folder, with run.json, or a file with measurements',
    });
  }
  const record = await readValidated(join(folder, 'run.json'), runRecord);
  return { histories: await windowOf({ record, folder }, name), series: new Map(), ignored: [] };
}
