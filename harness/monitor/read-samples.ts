import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Sample } from '../model/probe.js';
import { classifyIo, OrdealError } from '../util/errors.js';

const sampleLine = z.tuple([
  z.string(),
  z.number(),
  z.number(),
  z.number(),
  z.boolean(),
  z.string(),
  z.record(z.string(), z.number()).optional(),
]);

/**
 * The samples in the order in which they were due. A last line that was cut off, as a power cut leaves it, is dropped.
 * @throws OrdealError when the file is missing, or a line within it is not a sample
 */
export async function readSamples(file: string): Promise<Sample[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (e) {
    throw classifyIo(e, file);
  }
  const lines = text.split('\n');
  const unfinished = lines.pop();
  const samples = lines.filter((l) => l !== '').map((l, i) => sampleOf(l, `${file}:${i + 1}`));
  if (unfinished) {
    try {
      samples.push(sampleOf(unfinished, file));
    } catch (e) {
      if (!(e instanceof OrdealError)) throw e;
    }
  }
  return samples.sort((a, b) => a.intendedMs - b.intendedMs);
}

function sampleOf(line: string, where: string): Sample {
  let data: unknown;
  try {
    data = JSON.parse(line);
  } catch (e) {
    throw new OrdealError('file-invalid', 'A line is not JSON', { where, cause: e, remedy: 'Run the test again.' });
  }
  const found = sampleLine.safeParse(data);
  if (!found.success) {
    throw new OrdealError('file-invalid', 'A line is not a sample', {
      where,
      expected: '[probe, intendedMs, sentMs, doneMs, ok, outcome, figures when there are any]',
      got: line.slice(0, 80),
      remedy: 'Run the test again.',
    });
  }
  const [probe, intendedMs, sentMs, doneMs, ok, outcome, figures] = found.data;
  return { probe, intendedMs, sentMs, doneMs, ok, outcome, ...(figures === undefined ? {} : { figures }) };
}
