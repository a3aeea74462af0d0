import type { Worker } from 'node:worker_threads';
import { OrdealError } from '../../../util/errors.js';
import { Control, inboxLimit } from './control.js';
import { forgetListeners } from './standby-threads.js';
import type {
  Answers,
  Delivery,
  Emission,
  FromThread,
  LogLine,
  Question,
  ReactorState,
  ThreadData,
  ToThread,
} from './thread-protocol.js';

/** The bytes of a memory that another thread may have grown: growing by nothing refreshes our view of it. */
export function contentOf(memory: WebAssembly.Memory): Uint8Array {
  memory.grow(0);
  return new Uint8Array(memory.buffer);
}

/** A thread that is between two events answers within this; one that does not is ended. */
const retireMs = 100;

/** What waits for one VNFC may take this much of the host's memory, however few messages it is. */
const inboxBytesLimit = 64 * 1024 * 1024;

export interface ThreadEnd {
  /** The exit code; 1 for a trap; undefined when the thread was ended from outside. */
  readonly code?: number;
  readonly reason: string;
  /** The mutable globals at the end, for the forensic dump. */
  readonly globals: ReactorState['globals'];
}

export interface ThreadEvents {
  out(messages: readonly Emission[]): void;
  logs(lines: readonly LogLine[]): void;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (e: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** The host's side of a VNFC's thread. It never blocks on the thread: every answer has a deadline. */
export class ReactorThread {
  readonly control: Control;
  readonly memory: WebAssembly.Memory;
  /** Resolves once, when the thread is gone. */
  readonly ended: Promise<ThreadEnd>;
  /** Resolves when on_start has returned. */
  readonly started: Promise<void>;
  readonly #ready: Promise<void>;
  readonly #worker: Worker;
  readonly #name: string;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #outgoing: Delivery[] = [];
  #sent = 0;
  #sentBytes: { upTo: number; bytes: number }[] = [];
  #bytesWaiting = 0;
  #end: ThreadEnd | undefined;
  #gone = false;
  #finish: () => void = () => {};
  #retired: () => void = () => {};

  /** @param worker one that waits for its VNFC; see StandbyThreads */
  constructor(name: string, worker: Worker, data: Omit<ThreadData, 'control'>, events: ThreadEvents) {
    this.#name = name;
    this.control = new Control();
    this.control.frozen = data.restore;
    this.memory = data.memory;
    this.#worker = worker;
    let ready = () => {};
    let started = () => {};
    this.#ready = new Promise((resolve) => {
      ready = resolve;
    });
    this.started = new Promise((resolve) => {
      started = resolve;
    });
    this.#worker.on('message', (m: FromThread) => {
      switch (m.t) {
        case 'ready':
          return ready();
        case 'started':
          return started();
        case 'out':
          if (m.logs.length > 0) events.logs(m.logs);
          this.control.drained(m.messages.length);
          if (m.messages.length > 0 && !this.#gone) events.out(m.messages);
          return;
        case 'answer':
          return this.#settle(m.id)?.resolve(m.value);
        case 'probed':
          return this.#settle(m.id)?.resolve(m.atMs);
        case 'retired':
          return this.#retired();
        case 'refused':
          return this.#settle(m.id)?.reject(
            new OrdealError('vim-failed', `VNFC "${name}" cannot do that: ${m.reason}`),
          );
        case 'ended':
          this.#end = m;
          void this.terminate();
      }
    });
    this.#worker.on('error', (e) => {
      this.#end ??= { code: 1, reason: e.message, globals: [] };
    });
    this.ended = new Promise((resolve) => {
      this.#finish = () => {
        this.#gone = true;
        const end = this.#end ?? { reason: 'its thread was ended', globals: [] };
        for (const id of [...this.#waiting.keys()]) {
          this.#settle(id)?.reject(new OrdealError('vim-failed', `VNFC "${name}" has ended: ${end.reason}`));
        }
        resolve(end);
      };
      this.#worker.on('exit', this.#finish);
    });
    worker.postMessage({ ...data, control: this.control.buffer } satisfies ThreadData);
  }

  get gone(): boolean {
    return this.#gone;
  }

  /** @throws OrdealError of kind vim-failed when it ended first, timeout when it does not come up */
  async up(what: 'ready' | 'started', deadlineMs: number): Promise<void> {
    const goal = what === 'ready' ? this.#ready : this.started;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(this.#runaway(`did not boot`, deadlineMs)), deadlineMs);
    });
    const dead = this.ended.then((end) => {
      throw new OrdealError('vim-failed', `VNFC "${this.#name}" ended while it booted: ${end.reason}`, {
        remedy: `See its log.`,
      });
    });
    try {
      await Promise.race([goal, dead, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** @returns false when the inbox is full or the thread is gone: the message is lost */
  deliver(message: Delivery): boolean {
    const taken = this.control.taken;
    for (let first = this.#sentBytes[0]; first && ((taken - first.upTo) | 0) >= 0; first = this.#sentBytes[0]) {
      this.#bytesWaiting -= first.bytes;
      this.#sentBytes.shift();
    }
    if (this.#gone || ((this.#sent - taken) | 0) >= inboxLimit) return false;
    const bytes = message[2].length;
    if (bytes > 0 && this.#bytesWaiting + bytes > inboxBytesLimit) return false;
    this.#sent = (this.#sent + 1) | 0;
    if (bytes > 4096) {
      this.#bytesWaiting += bytes;
      this.#sentBytes.push({ upTo: this.#sent, bytes });
    }
    // What arrives within one turn of the host's loop travels together.
    if (this.#outgoing.push(message) === 1) queueMicrotask(() => this.flush());
    return true;
  }

  flush(): void {
    if (this.#outgoing.length === 0) return;
    const messages = this.#outgoing;
    this.#outgoing = [];
    this.#post({ t: 'messages', messages });
  }

  /** @throws OrdealError of kind timeout when the VNFC is in an event that does not end */
  async ask<Q extends Question>(question: Q, deadlineMs: number): Promise<Answers[Q['what']]> {
    return (await this.#call((id) => ({ t: 'ask', id, question }), question.what, deadlineMs)) as Answers[Q['what']];
  }

  /** Gives a thread that waits for it the state of a snapshot; its memory has been filled already. */
  async restore(state: ReactorState, deadlineMs: number): Promise<void> {
    this.#sent = (this.#sent + state.inbox.length) | 0;
    await this.ask({ what: 'restore', state }, deadlineMs);
  }

  /** Sends an empty event through the inbox. @returns when it was handled, on the monotonic clock */
  async probe(deadlineMs: number, spinMs = 0): Promise<number> {
    return (await this.#call((id) => ({ t: 'probe', id, spinMs }), 'probe', deadlineMs)) as number;
  }

  /** Answers when it stands between two events. On failure it runs on. @returns when, on the monotonic clock */
  async freeze(deadlineMs: number): Promise<number> {
    this.control.frozen = true;
    try {
      return (await this.ask({ what: 'freeze' }, deadlineMs)).atMs;
    } catch (e) {
      this.thaw();
      throw e;
    }
  }

  thaw(): void {
    this.control.frozen = false;
    this.#post({ t: 'thaw' });
  }

  /** Memory of others that it has seen may be collected. */
  collect(): void {
    this.#post({ t: 'collect' });
  }

  /** Ends the thread wherever it is. Idempotent. */
  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  /**
   * Takes the VNFC off its thread, as if the thread were ended.
   * @returns the thread, which waits for another VNFC; undefined when it had to be ended
   */
  async retire(): Promise<Worker | undefined> {
    this.control.frozen = true;
    if (this.#gone || this.control.eventAgeMs > 0 || !(await this.#isEmptied())) {
      await this.terminate();
      return undefined;
    }
    forgetListeners(this.#worker);
    this.#finish();
    return this.#worker;
  }

  async #isEmptied(): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const emptied = new Promise<boolean>((resolve) => {
      this.#retired = () => resolve(true);
      timer = setTimeout(() => resolve(false), retireMs);
      void this.ended.then(() => resolve(false));
      this.#post({ t: 'retire' });
    });
    try {
      return await emptied;
    } finally {
      clearTimeout(timer);
    }
  }

  async #call(message: (id: number) => ToThread, what: string, deadlineMs: number): Promise<unknown> {
    if (this.#gone) throw new OrdealError('vim-failed', `VNFC "${this.#name}" is not running`);
    const id = this.#nextId++;
    this.flush();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(id)?.reject(this.#runaway(`${what} failed`, deadlineMs)), deadlineMs);
      this.#waiting.set(id, { resolve, reject, timer });
      this.#post(message(id));
    });
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    clearTimeout(waiting?.timer);
    this.#waiting.delete(id);
    return waiting;
  }

  #post(message: ToThread): void {
    if (!this.#gone) this.#worker.postMessage(message);
  }

  #runaway(what: string, deadlineMs: number): OrdealError {
    const age = Math.round(this.control.eventAgeMs);
    const why = age > 0 ? `it has been in one event for ${age} ms` : 'it does not answer';
    return new OrdealError('timeout', `VNFC "${this.#name}" ${what} within ${deadlineMs} ms: ${why}`, {
      remedy: 'Stop it by force, or wait for the event to end.',
    });
  }
}
