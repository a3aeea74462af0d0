import { readFile } from 'node:fs/promises';
import { parseMeasurements } from '../judge/measurements.js';
import { classifyIo, OrdealError } from '../util/errors.js';

/**
 * When each request of a recorded load was sent, from the first on: of Ordeal's own samples, a JMeter log or whatever
 * `ordeal judge` reads as requests.
 * @returns ascending milliseconds, the first 0
 * @throws OrdealError when the file is missing or holds no requests
 */
export async function readTrace(file: string): Promise<number[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (e) {
    throw classifyIo(e, file);
  }
  const all = parseMeasurements(text, file).histories.flatMap((h) => h.samples.map((s) => s.intendedMs));
  if (all.length === 0) {
    throw new OrdealError('file-invalid', 'There are no requests to be replayed', {
      where: file,
      expected: 'columns with a start, a duration and a success',
    });
  }
  const ascending = Float64Array.from(all).sort();
  const first = ascending[0] ?? 0;
  return Array.from(ascending, (ms) => ms - first);
}
