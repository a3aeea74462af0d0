import { type ChildProcess, spawn } from 'node:child_process';
import { bin } from '../../cli/ordeal.js';

interface Ended {
  readonly code: number | null;
  /** On both streams. */
  readonly said: string;
}

/** The real executable, for as long as it takes. */
export const ordeal = (args: readonly string[], cwd: string): Promise<Ended> => startOrdeal(args, cwd).ended;

/** The same, for who has something to tell it meanwhile. */
export function startOrdeal(args: readonly string[], cwd: string): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [bin, ...args], { cwd });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, said }));
  });
  return { child, ended };
}
