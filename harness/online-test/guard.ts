import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Journal } from '../store/journal.js';
import { until } from '../util/deadline.js';
import { asError, OrdealError } from '../util/errors.js';
import { endIfItBlocks } from './fence.js';
import { isAlive, type LeaseTimes, leaseTimes, Pulse } from './lease.js';

const guardEntry = fileURLToPath(new URL('./guard-main.js', import.meta.url));

/** How often the harness looks whether somebody asked it to stop, in milliseconds: one row, by its key. */
const stopLookMs = 25;

export interface LeaseOptions {
  /** How long this process may be silent, in milliseconds; default 10 s. */
  readonly leaseMs?: number;
  /** Starts a guard, which is told of one that is silent, and says when it has ended; default: a detached process. */
  readonly startGuard?: (stateFolder: string, runId: string, silentPid: string, ended: () => void) => void;
  /**
   * How long a guard may take to come up, in milliseconds; default: half of a lease, and no less than 5 s. On a machine that
   * is so busy, another one started beside it only makes both slower.
   */
  readonly bootMs?: number;
  /** Ends a process that stands still in the middle of a write, and no other. */
  readonly fence?: (stateFolder: string, pid: number) => Promise<boolean>;
  readonly nowMs?: () => number;
  /** Does the work every so many milliseconds. @returns how to end that */
  readonly every?: (ms: number, work: () => void) => () => void;
}

const everyByTimer: NonNullable<LeaseOptions['every']> = (ms, work) => {
  const timer = setInterval(work, ms);
  return () => clearInterval(timer);
};

/**
 * The lease of a run. The harness gives signs of life; a small detached process, the guard, watches them, and gives the
 * service back when they stop. When the guard dies or hangs, another is started; without a guard nothing is injected.
 */
export class Lease implements Disposable {
  readonly times: LeaseTimes;
  readonly #lost = new AbortController();
  readonly #stopped = new AbortController();
  readonly #failed = new AbortController();
  readonly #guardPulse: Pulse;
  readonly #bootMs: number;
  readonly #nowMs: () => number;
  readonly #startGuardProcess: NonNullable<LeaseOptions['startGuard']>;
  readonly #fence: NonNullable<LeaseOptions['fence']>;
  readonly #endBeating: () => void;
  readonly #endLooking: () => void;
  #isOver = false;
  #beatenMs: number;
  #guardStartedMs = Number.NEGATIVE_INFINITY;

  /** @throws OrdealError of kind scenario-invalid for a lease that is too short */
  constructor(
    readonly journal: Journal,
    readonly runId: string,
    {
      leaseMs,
      startGuard = startGuardProcess,
      bootMs,
      fence = endIfItBlocks,
      nowMs = () => performance.now(),
      every = everyByTimer,
    }: LeaseOptions = {},
  ) {
    this.times = leaseTimes(leaseMs);
    this.#bootMs = bootMs ?? Math.max(5000, this.times.leaseMs / 2);
    this.#nowMs = nowMs;
    this.#beatenMs = nowMs();
    this.#startGuardProcess = startGuard;
    this.#fence = fence;
    this.#guardPulse = new Pulse(this.times.heartbeatMs, nowMs);
    this.#startGuard();
    this.#endBeating = every(this.times.heartbeatMs, () => this.#withJournal(() => this.#beat()));
    this.#endLooking = every(stopLookMs, () => this.#withJournal(() => this.#look()));
  }

  /** Aborts when another process has taken the run over: from then on this one must not act. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Asked of the journal: who has just been woken up sees it before the next sign of life is due. */
  get isLost(): boolean {
    return this.#lost.signal.aborted || !this.journal.isHeld(this.runId);
  }

  /** Aborts when somebody asks for it from outside: `ordeal stop`. */
  get stopped(): AbortSignal {
    return this.#stopped.signal;
  }

  /** Aborts when no sign of life could be given for half of the lease: time enough to heal before others do. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  /** @throws OrdealError of kind `timeout` when no guard comes up: then nothing may be injected */
  async guarded(): Promise<void> {
    await until('The guard of the run', () => this.#guardIsUp(), {
      withinMs: Math.max(this.#bootMs, this.times.leaseMs),
    });
  }

  #beat(): void {
    if (!this.journal.within(this.times.heartbeatMs, () => this.journal.heartbeat(this.runId))) {
      this.#lost.abort(
        new OrdealError('lease-lost', `Run ${this.runId} was taken over by another process`, {
          remedy: 'This process gave no sign of life for too long. The service is given back by the other one.',
        }),
      );
      this[Symbol.dispose]();
      return;
    }
    this.#beatenMs = this.#nowMs();
    // One that was started just now is still on its way up.
    if (!this.#guardIsUp() && this.#guardStartedAgoMs() >= this.#bootMs) this.#startGuard();
  }

  /** At once, as nobody watches this process until then; but not again and again one that cannot live. */
  #guardEnded(): void {
    if (this.#isOver || this.#guardStartedAgoMs() < this.times.heartbeatMs) return;
    if (this.journal.run(this.runId)?.closed === false && !this.#guardIsUp()) this.#startGuard();
  }

  #guardStartedAgoMs(): number {
    return this.#nowMs() - this.#guardStartedMs;
  }

  #look(): void {
    const by = this.journal.stopRequest(this.runId);
    if (by === undefined) return;
    this.#endLooking();
    this.#stopped.abort(
      new OrdealError('interrupted', `The run was stopped by ${by}`, { remedy: 'The service was given back first.' }),
    );
  }

  /** A journal that is busy or full for a moment is tried again; one that stays so ends the run, healed. */
  #withJournal(work: () => void): void {
    try {
      work();
    } catch (e) {
      if (e instanceof OrdealError && e.kind === 'busy') this.#endGuardThatBlocks();
      const silentMs = this.#nowMs() - this.#beatenMs;
      if (silentMs < this.times.leaseMs / 2 || this.#failed.signal.aborted) return;
      const kind = e instanceof OrdealError ? e.kind : 'internal';
      this.#failed.abort(
        new OrdealError(kind, `No sign of life could be given for ${Math.round(silentMs)} ms`, {
          cause: asError(e),
          remedy: 'The run was ended before its lease was over; what is left open is finished by `ordeal recover`.',
        }),
      );
    }
  }

  /** A guard that was stopped in the middle of a write would keep this process from giving signs of life. */
  #endGuardThatBlocks(): void {
    const guardPid = this.journal.run(this.runId)?.guardPid;
    // What cannot be ended now is tried again at the next beat.
    if (guardPid != null) void Promise.allSettled([this.#fence(this.journal.stateFolder, guardPid)]);
  }

  #guardIsUp(): boolean {
    const run = this.journal.run(this.runId);
    if (run?.guardPid == null) return false;
    return this.#guardPulse.silentMs(`${run.guardPid}:${run.guardBeats}`) < this.times.leaseMs && isAlive(run.guardPid);
  }

  #startGuard(): void {
    // A guard that hangs is alive, and still to be replaced: the new one is told which.
    const silent = String(this.journal.run(this.runId)?.guardPid ?? '');
    this.#guardStartedMs = this.#nowMs();
    this.#startGuardProcess(this.journal.stateFolder, this.runId, silent, () =>
      this.#withJournal(() => this.#guardEnded()),
    );
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#endBeating();
    this.#endLooking();
  }
}

const startGuardProcess: NonNullable<LeaseOptions['startGuard']> = (stateFolder, runId, silentPid, ended) => {
  // Its own session, so that what ends our process group does not end it; no pipes that would break with us.
  const guard = spawn(process.execPath, [guardEntry, stateFolder, runId, silentPid], {
    detached: true,
    stdio: 'ignore',
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  // A guard that cannot be started gives no sign of life: `guarded` tells it, or the next beat tries again.
  guard.on('error', () => undefined);
  guard.on('exit', ended);
  guard.unref();
};
