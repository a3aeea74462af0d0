import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { VimContext } from '../../../harness/model/vim.js';

/** Another process that captures, switches over or restores the VNFC "subject", to be killed in the midst of it. */
export class DyingProcess {
  private constructor(readonly child: ChildProcess) {}

  static start(kind: string, context: VimContext, work: 'capture' | 'switch' | 'restore', to = ''): DyingProcess {
    const program = fileURLToPath(new URL('./dying-work.js', import.meta.url));
    const child = spawn(process.execPath, [program], { stdio: ['pipe', 'ignore', 'inherit'] });
    child.stdin?.end(JSON.stringify({ kind, context, work, to }));
    return new DyingProcess(child);
  }

  /** Answers when it is gone. */
  async kill(): Promise<void> {
    const ended = new Promise<string | null>((resolve) => this.child.once('exit', (_, signal) => resolve(signal)));
    this.child.kill('SIGKILL');
    const signal = await ended;
    if (signal !== 'SIGKILL') throw new Error('it had come to its end before it was killed');
  }
}
