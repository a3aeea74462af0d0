import { Worker } from 'node:worker_threads';
import type { ProbeSpec } from '../model/network-service.js';
import { withDeadline } from '../util/deadline.js';
import { asError, OrdealError } from '../util/errors.js';
import type { Batch } from './batch.js';
import type { Timetable } from './timetable.js';

/** One stream of requests, as the probe thread is told it. */
export interface StreamPlan {
  readonly spec: ProbeSpec;
  readonly base: string | undefined;
  readonly timetable: Timetable;
  readonly seed: number;
  /** After the common start. */
  readonly offsetMs: number;
  readonly count: number;
  readonly maxInFlight: number;
}

export interface ProbeThreadData {
  readonly originNs: bigint;
  readonly plans: readonly StreamPlan[];
}

export type ToProbeThread =
  | { readonly type: 'start'; readonly startMs: number }
  | { readonly type: 'move'; readonly stream: number; readonly base: string }
  | { readonly type: 'stop' };

export type FromProbeThread =
  | { readonly type: 'ready' }
  | { readonly type: 'batch'; readonly batch: Batch }
  | { readonly type: 'exhausted' }
  | { readonly type: 'stopped' };

export interface ProbeThreadEvents {
  onBatch(batch: Batch): void;
  /** Every stream has come to its end, and every request is answered. */
  onExhausted?(): void;
  /** The thread ended, and nobody had asked it to. */
  onDeath(error: OrdealError): void;
}

const readyWithinMs = 10_000;
const stopWithinMs = 3_000;

/** The main thread's side of one probe thread. */
export class ProbeThread {
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  readonly #ready: Promise<void>;
  #stopping = false;
  #stopped: Promise<void> | undefined;

  private constructor(data: ProbeThreadData, events: ProbeThreadEvents) {
    this.#worker = new Worker(new URL('./probe-worker.js', import.meta.url), { workerData: data, execArgv: [] });
    let cause: unknown;
    let ready = () => {};
    let failed = (_: OrdealError) => {};
    this.#ready = new Promise((resolve, reject) => {
      ready = resolve;
      failed = reject;
    });
    this.#ready.catch(() => {}); // open() tells it; when it has told already, onDeath does
    this.#worker.on('message', (message: FromProbeThread) => {
      if (message.type === 'ready') ready();
      else if (message.type === 'batch') events.onBatch(message.batch);
      else if (message.type === 'exhausted') events.onExhausted?.();
    });
    this.#worker.on('error', (e) => {
      cause = e;
    });
    this.#exited = new Promise((resolve) => {
      this.#worker.once('exit', (code) => {
        resolve();
        if (this.#stopping) return;
        const death = new OrdealError('internal', 'The probe thread died: the service is no longer watched', {
          cause: cause ?? new Error(`exit code ${code}`),
          remedy: 'The run cannot be judged. Run it again; please report it should it come back.',
        });
        failed(death);
        events.onDeath(death);
      });
    });
  }

  /** @throws OrdealError when the thread does not come up */
  static async open(data: ProbeThreadData, events: ProbeThreadEvents): Promise<ProbeThread> {
    const thread = new ProbeThread(data, events);
    try {
      await withDeadline(readyWithinMs, 'The start of the probe thread', () => thread.#ready);
    } catch (e) {
      await thread.stop();
      throw asError(e);
    }
    return thread;
  }

  start(startMs: number): void {
    this.#post({ type: 'start', startMs });
  }

  move(stream: number, base: string): void {
    this.#post({ type: 'move', stream, base });
  }

  /** Graceful first, then forced; the last batch has arrived when it resolves. Idempotent. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#stopping = true;
    this.#post({ type: 'stop' });
    const force = setTimeout(() => void this.#worker.terminate(), stopWithinMs);
    await this.#exited;
    clearTimeout(force);
  }

  #post(message: ToProbeThread): void {
    this.#worker.postMessage(message);
  }
}
