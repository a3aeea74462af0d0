import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const made: string[] = [];

/** @returns the path of a new folder that is removed with all that is in it when this process ends by itself */
export async function temporaryFolder(name: string, parent = tmpdir()): Promise<string> {
  const path = await mkdtemp(join(parent, `ordeal-${name}-`));
  if (made.length === 0) process.once('exit', removeAll);
  made.push(path);
  return path;
}

function removeAll(): void {
  for (const path of made) {
    try {
      rmSync(path, { recursive: true, force: true, maxRetries: 3 });
    } catch (error) {
      process.stderr.write(`${path} could not be removed: ${error}\n`);
    }
  }
}
