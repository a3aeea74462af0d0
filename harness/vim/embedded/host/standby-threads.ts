import { Worker } from 'node:worker_threads';

/** A spare is made ready this long after the last one was taken, so that it does not compete with the VNFC that boots. */
const refillMs = 200;
/** Of those that were given back so many are kept, and after this long one. */
const mostSpares = 4;
const trimMs = 30_000;
/** What the VNFC of a thread that was given back has left in its heap is collected this much later. */
const collectMs = 1000;

/**
 * Threads for VNFCs. One that has booted Node.js and waits for its VNFC is kept ready: what is started then, be it the
 * heal of a crash, a respawn or a restoration, is up in milliseconds.
 */
export class StandbyThreads {
  readonly #spares: Worker[] = [];
  #refill: NodeJS.Timeout | undefined;
  #trim: NodeJS.Timeout | undefined;
  #collect: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** The thread waits for the ThreadData of its VNFC, which is the first message to it. */
  take(): Worker {
    const worker = this.#spares.pop();
    if (worker !== undefined) forgetListeners(worker);
    clearTimeout(this.#refill);
    if (!this.#isClosed) this.#refill = setTimeout(() => this.#keepOne(), refillMs);
    return worker ?? boot();
  }

  /** Its VNFC was retired: it waits for the next. */
  giveBack(worker: Worker): void {
    if (this.#isClosed || this.#spares.length >= mostSpares) {
      void worker.terminate();
      return;
    }
    this.#keep(worker);
    clearTimeout(this.#trim);
    this.#trim = setTimeout(() => {
      for (const spare of this.#spares.splice(1)) void spare.terminate();
    }, trimMs);
    this.#collect ??= setTimeout(() => {
      this.#collect = undefined;
      for (const spare of this.#spares) spare.postMessage({ t: 'collect' });
    }, collectMs);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const timer of [this.#refill, this.#trim, this.#collect]) clearTimeout(timer);
    await Promise.all(this.#spares.splice(0).map((spare) => spare.terminate()));
  }

  #keepOne(): void {
    if (!this.#isClosed && this.#spares.length === 0) this.#keep(boot());
  }

  /** One that dies unused is not handed out; whoever needs a thread then boots one and is told why that fails. */
  #keep(spare: Worker): void {
    const forget = (): void => {
      const at = this.#spares.indexOf(spare);
      if (at >= 0) this.#spares.splice(at, 1);
    };
    spare.on('error', forget);
    spare.on('exit', forget);
    this.#spares.push(spare);
  }
}

/** By name: a worker listens to itself, too. */
export function forgetListeners(worker: Worker): void {
  for (const event of ['message', 'error', 'exit']) worker.removeAllListeners(event);
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
