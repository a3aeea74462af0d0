import { Worker } from 'node:worker_threads';

/** A spare is made ready this long after one was taken, so that it does not compete with the one that boots. */
const refillMs = 200;

/**
 * Threads for VNFCs. One that has booted Node.js and waits for its VNFC is kept ready: what is started then, be it the
 * heal of a crash, a respawn or a restoration, is up in milliseconds.
 */
export class StandbyThreads {
  #spare: Worker | undefined;
  #refill: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** The thread waits for the ThreadData of its VNFC, which is the first message to it. */
  take(): Worker {
    const worker = this.#spare ?? boot();
    if (this.#spare === worker) worker.removeAllListeners();
    this.#spare = undefined;
    clearTimeout(this.#refill);
    if (!this.#isClosed) this.#refill = setTimeout(() => this.#keepOne(), refillMs);
    return worker;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#refill);
    await this.#spare?.terminate();
  }

  #keepOne(): void {
    if (this.#isClosed || this.#spare !== undefined) return;
    const spare = boot();
    this.#spare = spare;
    // One that dies unused is not handed out; whoever needs a thread then boots one and is told why that fails.
    const forget = (): void => {
      if (this.#spare === spare) this.#spare = undefined;
    };
    spare.on('error', forget);
    spare.on('exit', forget);
  }
}

function boot(): Worker {
  return new Worker(new URL('./vnfc-thread.js', import.meta.url), {
    name: 'vnfc',
    env: {},
    execArgv: [],
    stdin: false,
    stdout: true,
    stderr: true,
    // The memory of the VNFC is not part of it; this is for the inbox and what Node.js needs.
    resourceLimits: { maxOldGenerationSizeMb: 256 },
  });
}
