import { type ChildProcess, spawn } from 'node:child_process';
import type { ProbeSpec } from '../../model/network-service.js';
import { errnoOf } from '../../util/errors.js';
import { type Abort, type Done, outcomeOf, type Prober } from './prober.js';

export type CommandSpec = Extract<ProbeSpec, { kind: 'command' }>;

/** Runs a command, without a shell; its exit code is the answer. What it prints is not kept. */
export class CommandProber implements Prober {
  constructor(private readonly spec: CommandSpec) {}

  send(_key: string, done: Done): Abort {
    const [file, ...args] = this.spec.command as [string, ...string[]];
    let child: ChildProcess;
    try {
      // A group of its own, so that what the command itself started ends with it.
      child = spawn(file, args, { stdio: 'ignore', detached: process.platform !== 'win32', windowsHide: true });
    } catch (e) {
      done(false, outcomeOf(e));
      return () => {};
    }
    let over = false;
    const finish = (ok: boolean, outcome: string) => {
      if (over) return;
      over = true;
      done(ok, outcome);
    };
    child.once('error', (e) => finish(false, outcomeOf(e)));
    child.once('exit', (code, signal) => finish(code === this.spec.expectExitCode, signal ?? `exit ${code}`));
    return () => {
      over = true;
      kill(child);
    };
  }

  moveTo(): void {
    // The command is the descriptor's own.
  }

  async close(): Promise<void> {}
}

function kill(child: ChildProcess): void {
  if (child.pid === undefined) return;
  if (process.platform === 'win32') {
    child.kill('SIGKILL');
    return;
  }
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (e) {
    if (errnoOf(e) !== 'ESRCH') throw e; // it was already gone
  }
}
