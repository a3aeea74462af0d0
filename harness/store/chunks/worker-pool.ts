import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { OrdealError } from '../../util/errors.js';
import {
  makeSegments,
  type SegmentViews,
  segmentViews,
  type WorkerAnswer,
  type WorkerRequest,
  type WorkerTask,
} from './worker-protocol.js';

const segmentsPerWorker = 4;

/** Worker threads that hash pages and read blocks. They keep no process alive. */
export class WorkerPool implements AsyncDisposable {
  readonly #workers: Worker[];
  readonly #answers = new Map<number, { resolve: () => void; reject: (e: Error) => void }>();
  #requests = 0;
  #failure: Error | undefined;

  constructor(readonly size: number = Math.min(4, availableParallelism())) {
    this.#workers = Array.from({ length: size }, () => {
      const worker = new Worker(new URL('./worker.js', import.meta.url));
      worker.on('message', (answer: WorkerAnswer) => this.#settle(answer));
      worker.on('error', (e) => this.#fail(e));
      worker.unref();
      return worker;
    });
  }

  /** Memory for one image on its way, however large it is. */
  segments(): Segments {
    return new Segments(this, this.size * segmentsPerWorker);
  }

  run(task: WorkerTask): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const request = this.#requests++;
    return new Promise((resolve, reject) => {
      this.#answers.set(request, { resolve, reject });
      const worker = this.#workers[request % this.size];
      for (const each of this.#workers) each.ref();
      worker?.postMessage({ ...task, request });
    });
  }

  /** @param reader as in the read tasks; none of them is under way */
  forget(reader: number): void {
    for (const worker of this.#workers) worker.postMessage({ task: 'forget', reader } satisfies WorkerRequest);
  }

  #settle(answer: WorkerAnswer): void {
    const waiting = this.#answers.get(answer.request);
    this.#answers.delete(answer.request);
    if (this.#answers.size === 0) for (const worker of this.#workers) worker.unref();
    if (answer.error === undefined) waiting?.resolve();
    else if ('kind' in answer.error) waiting?.reject(OrdealError.fromJSON(answer.error));
    else waiting?.reject(new OrdealError('internal', 'The chunk store failed', { cause: answer.error.message }));
  }

  #fail(e: Error): void {
    this.#failure = new OrdealError('internal', 'A worker of the chunk store died', { cause: e });
    for (const { reject } of this.#answers.values()) reject(this.#failure);
    this.#answers.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}

/**
 * Segments of memory that main thread and workers share. Who has borrowed all of them gives one back before it asks
 * for another.
 */
export class Segments {
  readonly #shared;
  readonly #free: number[];

  constructor(
    readonly pool: WorkerPool,
    readonly count: number,
  ) {
    this.#shared = makeSegments(count);
    this.#free = Array.from({ length: count }, (_, i) => i);
  }

  views(segment: number): SegmentViews {
    return segmentViews(this.#shared, segment);
  }

  borrow(): number {
    const segment = this.#free.pop();
    if (segment === undefined) throw new OrdealError('internal', 'All segments of the chunk store are borrowed');
    return segment;
  }

  giveBack(segment: number): void {
    this.#free.push(segment);
  }

  run(
    segment: number,
    work: { task: 'hash'; pages: number } | Omit<WorkerTask & { task: 'read' }, 'shared' | 'segment'>,
  ) {
    return this.pool.run({ ...work, shared: this.#shared, segment });
  }
}
