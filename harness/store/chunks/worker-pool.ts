import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { OrdealError } from '../../util/errors.js';
import type { WorkerAnswer, WorkerRequest, WorkerTask } from './worker-protocol.js';

interface Thread {
  readonly worker: Worker;
  readonly waiting: Map<number, (failure: Error | undefined) => void>;
}

/** Small heaps: what the threads work on lies outside of them, and garbage is to be met early, not to pile up. */
const resourceLimits = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 256 };

/** Threads that had nothing to do for so long are ended. */
const idleMs = 10_000;

/** Threads that hash, pack, read and write. They are begun when there is work, and keep no process alive. */
export class WorkerPool implements AsyncDisposable {
  readonly #threads: Thread[] = [];
  #requests = 0;
  #jobs = 0;
  #failure: Error | undefined;
  #idle: NodeJS.Timeout | undefined;
  /** By their size. The garbage collector does not see how much of such memory lies about: it would pile up. */
  readonly #spare = new Map<number, SharedArrayBuffer[]>();

  constructor(readonly size: number = Math.min(4, availableParallelism())) {}

  /** @returns what it failed with, as a value: work is awaited later than it is begun, and a failure waits with it. */
  run(task: WorkerTask): Promise<Error | undefined> {
    if (this.#failure !== undefined) return Promise.resolve(this.#failure);
    clearTimeout(this.#idle);
    const request = this.#requests++;
    const thread = this.#leastBusy();
    return new Promise((resolve) => {
      thread.waiting.set(request, resolve);
      thread.worker.ref();
      thread.worker.postMessage({ ...task, request } satisfies WorkerRequest);
    });
  }

  /** Begins so many of its threads, for who has work for them in a moment: meanwhile they load what they need. */
  warmUp(threads: number): void {
    if (this.#failure !== undefined) return;
    while (this.#threads.length < Math.min(threads, this.size)) this.#begin().worker.unref();
    this.#endWhenIdle();
  }

  get isBroken(): boolean {
    return this.#failure !== undefined;
  }

  /** A number for tasks that belong together. */
  beginJob(): number {
    return this.#jobs++;
  }

  /** Prerequisite: none of its tasks is under way. */
  endJob(job: number): void {
    for (const { worker } of this.#threads) worker.postMessage({ task: 'forget', job } satisfies WorkerRequest);
  }

  /** Memory for the threads, with anything in it. */
  lend(bytes: number): SharedArrayBuffer {
    return this.#spare.get(bytes)?.pop() ?? new SharedArrayBuffer(bytes);
  }

  /** Prerequisite: nobody uses it any more. */
  takeBack(memory: SharedArrayBuffer): void {
    const spare = this.#spare.get(memory.byteLength);
    if (spare === undefined) this.#spare.set(memory.byteLength, [memory]);
    else spare.push(memory);
  }

  #leastBusy(): Thread {
    let best: Thread | undefined;
    for (const thread of this.#threads)
      if (best === undefined || thread.waiting.size < best.waiting.size) best = thread;
    if (best !== undefined && (best.waiting.size === 0 || this.#threads.length === this.size)) return best;
    return this.#begin();
  }

  #begin(): Thread {
    const thread: Thread = {
      worker: new Worker(new URL('./worker.js', import.meta.url), { resourceLimits }),
      waiting: new Map(),
    };
    thread.worker.on('message', (answer: WorkerAnswer) => this.#settle(thread, answer));
    thread.worker.on('error', (e) => this.#fail(e));
    this.#threads.push(thread);
    return thread;
  }

  #settle({ worker, waiting }: Thread, { request, error }: WorkerAnswer): void {
    const resolve = waiting.get(request);
    waiting.delete(request);
    if (waiting.size === 0) worker.unref();
    this.#endWhenIdle();
    if (error === undefined) resolve?.(undefined);
    else if ('kind' in error) resolve?.(OrdealError.fromJSON(error));
    else resolve?.(new OrdealError('internal', 'The chunk store failed', { cause: error.message }));
  }

  #endWhenIdle(): void {
    if (this.#threads.some((t) => t.waiting.size > 0)) return;
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => void this.#end(), idleMs).unref();
  }

  #fail(e: Error): void {
    this.#failure ??= new OrdealError('internal', 'A worker of the chunk store died', { cause: e });
    for (const { waiting } of this.#threads) {
      for (const resolve of waiting.values()) resolve(this.#failure);
      waiting.clear();
    }
  }

  async #end(): Promise<void> {
    clearTimeout(this.#idle);
    this.#spare.clear();
    await Promise.all(this.#threads.splice(0).map(({ worker }) => worker.terminate()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
  }
}

let shared: WorkerPool | undefined;

/** That of all stores of this process: to begin a thread takes longer than to store a small image. */
export function sharedPool(): WorkerPool {
  if (shared === undefined || shared.isBroken) shared = new WorkerPool();
  return shared;
}

/**
 * So many pieces of memory that the threads share, made when they are asked for. Who asks for one more waits until one is
 * given back. Disposed when no task is under way, and nobody looks at them any more.
 */
export class SharedPieces<Views> implements Disposable {
  readonly #pieces: { readonly memory: SharedArrayBuffer; readonly views: Views }[] = [];
  readonly #free: number[] = [];
  readonly #asking: ((number: number) => void)[] = [];

  constructor(
    readonly pool: WorkerPool,
    readonly count: number,
    readonly bytes: number,
    readonly viewsOf: (memory: SharedArrayBuffer) => Views,
  ) {}

  views(number: number): Views {
    return this.#piece(number).views;
  }

  /** Where a task finds it. */
  at(number: number): { memory: SharedArrayBuffer } {
    return { memory: this.#piece(number).memory };
  }

  #piece(number: number) {
    const piece = this.#pieces[number];
    if (piece === undefined) throw new OrdealError('internal', `The chunk store has no piece ${number}`);
    return piece;
  }

  async borrow(): Promise<number> {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#pieces.length === this.count) return new Promise<number>((resolve) => this.#asking.push(resolve));
    const memory = this.pool.lend(this.bytes);
    return this.#pieces.push({ memory, views: this.viewsOf(memory) }) - 1;
  }

  giveBack(number: number): void {
    const next = this.#asking.shift();
    if (next === undefined) this.#free.push(number);
    else next(number);
  }

  [Symbol.dispose](): void {
    for (const { memory } of this.#pieces.splice(0)) this.pool.takeBack(memory);
  }
}

/** Throws what work has failed with. */
export async function succeeded(work: Promise<Error | undefined>): Promise<void> {
  const failure = await work;
  if (failure !== undefined) throw failure;
}
