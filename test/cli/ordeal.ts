import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../harness/util/package-root.js';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export const bin = join(packageRoot, 'bin', 'ordeal.js');

/** As a user would: the real executable, in a folder of its own. */
export async function ordeal(folder: string, ...args: string[]): Promise<Outcome> {
  try {
    return {
      code: 0,
      ...(await promisify(execFile)(process.execPath, [bin, ...args], { cwd: folder, timeout: 100_000 })),
    };
  } catch (e) {
    const { code, stdout, stderr } = e as Outcome;
    return { code, stdout, stderr };
  }
}
