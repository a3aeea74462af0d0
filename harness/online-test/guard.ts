import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Journal } from '../store/journal.js';
import { until } from '../util/deadline.js';
import { OrdealError } from '../util/errors.js';
import { heartbeatMs, isAlive, leaseMs, Pulse } from './lease.js';

const guardEntry = fileURLToPath(new URL('./guard-main.js', import.meta.url));

/** How often the harness looks whether somebody asked it to stop, in milliseconds: one row, by its key. */
const stopLookMs = 50;

/**
 * The lease of a run. The harness gives signs of life; a small detached process, the guard, watches them, and gives the
 * service back when they stop. When the guard dies, another is started; without a guard nothing is injected.
 */
export class Lease implements Disposable {
  readonly #lost = new AbortController();
  readonly #stopped = new AbortController();
  readonly #guardPulse = new Pulse();
  readonly #beating: NodeJS.Timeout;
  readonly #looking: NodeJS.Timeout;

  constructor(
    readonly journal: Journal,
    readonly runId: string,
  ) {
    this.#startGuard();
    this.#beating = setInterval(() => this.#beat(), heartbeatMs);
    this.#looking = setInterval(() => this.#look(), stopLookMs);
  }

  /** Aborts when another process has taken the run over: from then on this one must not act. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Aborts when somebody asks for it from outside: `ordeal stop`. */
  get stopped(): AbortSignal {
    return this.#stopped.signal;
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
      this[Symbol.dispose]();
      return;
    }
    if (!this.#guardIsUp()) this.#startGuard();
  }

  #look(): void {
    const by = this.journal.stopRequest(this.runId);
    if (by === undefined) return;
    clearInterval(this.#looking);
    this.#stopped.abort(
      new OrdealError('interrupted', `The run was stopped by ${by}`, { remedy: 'The service was given back first.' }),
    );
  }

  #guardIsUp(): boolean {
    const run = this.journal.run(this.runId);
    if (run?.guardPid == null) return false;
    return this.#guardPulse.silentMs(`${run.guardPid}:${run.guardBeats}`) < leaseMs && isAlive(run.guardPid);
  }

  #startGuard(): void {
    // A guard that hangs is alive, and still to be replaced: the new one is told which.
    const silent = String(this.journal.run(this.runId)?.guardPid ?? '');
    // Its own session, so that what ends our process group does not end it; no pipes that would break with us.
    spawn(process.execPath, [guardEntry, this.journal.stateFolder, this.runId, silent], {
      detached: true,
      stdio: 'ignore',
      env: { ...process.env, NODE_OPTIONS: '' },
    })
      .on('error', () => undefined)
      .unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#beating);
    clearInterval(this.#looking);
  }
}
