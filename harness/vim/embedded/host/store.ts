import { Worker } from 'node:worker_threads';
import { OrdealError } from '../../../util/errors.js';
import type { StoreReply, StoreRequest, StoreResults, StoreTask } from './store-protocol.js';

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (e: Error) => void;
}

/** The host's side of the store thread; it is started when it is first needed, and again should it ever die. */
export class Store {
  #worker: Worker | undefined;
  #nextId = 1;
  readonly #waiting = new Map<number, Waiting>();

  /** One task at a time, in the order in which they are asked for. @throws OrdealError as the thread threw it */
  run<T extends StoreTask>(task: T): Promise<StoreResults[T['what']]> {
    const worker = this.#thread();
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      const request: StoreRequest = { id, task };
      worker.postMessage(request);
    });
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #thread(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(new URL('./store-thread.js', import.meta.url), { name: 'store', env: {}, execArgv: [] });
    this.#worker = worker;
    worker.on('message', (reply: StoreReply) => {
      const waiting = this.#waiting.get(reply.id);
      this.#waiting.delete(reply.id);
      if ('error' in reply) waiting?.reject(OrdealError.fromJSON(reply.error));
      else waiting?.resolve(reply.value as never);
    });
    let reason = 'it ended';
    worker.on('error', (e) => {
      reason = e.message;
    });
    worker.on('exit', () => {
      this.#worker = undefined;
      const failed = [...this.#waiting.values()];
      this.#waiting.clear();
      for (const { reject } of failed) reject(new OrdealError('vim-failed', `The snapshot store failed: ${reason}`));
    });
    return worker;
  }
}
