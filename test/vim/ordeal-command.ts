import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../harness/util/package-root.js';

export interface Ended {
  readonly code: number | null;
  /** On stdout alone. */
  readonly printed: string;
  readonly said: string;
}

/** The command as a user has it, in a process of its own. */
export function ordeal(args: readonly string[], cwd: string): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(packageRoot, 'bin', 'ordeal.js'), ...args], { cwd });
    let said = '';
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
    }
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, printed, said }));
  });
}
