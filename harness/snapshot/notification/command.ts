import { spawn } from 'node:child_process';
import { OrdealError } from '../../util/errors.js';
import type { Subscriber } from './hub.js';

const keptBytes = 4096;

/**
 * Tells the VNF by running a command, such as one over SSH: event and VNF as its last two arguments, the whole notice
 * as JSON on its standard input. Exit code 0 is the VNF's answer. At the deadline the command is killed.
 */
export function command([file, ...args]: readonly [string, ...string[]]): Subscriber {
  return (notice, signal) =>
    new Promise((resolve, reject) => {
      const what = `The command "${file}" for ${notice.event} of VNF "${notice.vnfInstanceId}"`;
      const child = spawn(file, [...args, notice.event, notice.vnfInstanceId], {
        stdio: ['pipe', 'ignore', 'pipe'],
        signal,
        killSignal: 'SIGKILL',
      });
      let said = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        said = (said + text).slice(-keptBytes);
      });
      child.on('error', (e) => reject(signal.aborted ? signal.reason : failure(what, e)));
      child.on('close', (code, killedBy) => {
        if (code === 0) resolve();
        else reject(failure(what, `${killedBy ?? `exit code ${code}`} ${said.trim()}`.trim()));
      });
      // A command that does not read its input is none the worse for it.
      child.stdin.on('error', () => child.stdin.destroy());
      child.stdin.end(`${JSON.stringify(notice)}\n`);
    });
}

const failure = (what: string, cause: unknown): OrdealError =>
  new OrdealError('vim-failed', `${what} failed`, { cause, remedy: 'Run it by hand to see why.' });
