import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Journal } from '../store/journal.js';
import { until } from '../util/deadline.js';
import { OrdealError } from '../util/errors.js';
import { heartbeatMs, isAlive, leaseMs } from './lease.js';

const guardEntry = fileURLToPath(new URL('./guard-main.js', import.meta.url));

/**
 * The lease of a run. The harness gives signs of life; a small detached process, the guard, watches them, and gives the
 * service back when they stop. When the guard dies, another is started; without a guard nothing is injected.
 */
export class Lease implements Disposable {
  readonly #lost = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(
    readonly journal: Journal,
    readonly runId: string,
  ) {
    this.#startGuard();
    this.#timer = setInterval(() => this.#beat(), heartbeatMs);
  }

  /** Aborts when another process has taken the run over: from then on this one must not act. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** @throws OrdealError of kind `timeout` when no guard comes up: then nothing may be injected */
  async guarded(): Promise<void> {
    await until('The guard of the run', () => this.#guardIsUp(), { withinMs: leaseMs });
  }

  #beat(): void {
    if (!this.journal.heartbeat(this.runId)) {
      this.#lost.abort(
        new OrdealError('lease-lost', `Run ${this.runId} was taken over by another process`, {
          remedy: 'This process gave no sign of life for too long. The service is given back by the other one.',
        }),
      );
      clearInterval(this.#timer);
      return;
    }
    if (!this.#guardIsUp()) this.#startGuard();
  }

  #guardIsUp(): boolean {
    const run = this.journal.run(this.runId);
    return run?.guardPid != null && run.guardAt != null && isAlive(run.guardPid) && Date.now() - run.guardAt < leaseMs;
  }

  #startGuard(): void {
    // Its own session, so that what ends our process group does not end it; no pipes that would break with us.
    spawn(process.execPath, [guardEntry, this.journal.stateFolder, this.runId], {
      detached: true,
      stdio: 'ignore',
      env: { ...process.env, NODE_OPTIONS: '' },
    })
      .on('error', () => undefined)
      .unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
