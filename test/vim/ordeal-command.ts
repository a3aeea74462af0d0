import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../harness/util/package-root.js';

export interface Ended {
  readonly code: number | null;
  /** On stdout alone. */
  readonly printed: string;
  readonly said: string;
}

export interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** The command as a user has it, in a process of its own. */
export const ordeal = (args: readonly string[], cwd: string): Promise<Ended> => startOrdeal(args, cwd).ended;

export function startOrdeal(args: readonly string[], cwd: string): Started {
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
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, printed, said }));
  });
  return { child, ended };
}
