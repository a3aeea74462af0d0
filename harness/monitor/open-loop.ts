import type { RunClock } from './clock.js';
import type { Keys } from './keys.js';
import { type Abort, outcomeOf, outcomes, type Prober } from './probes/prober.js';
import { dueAfterMs, type Timetable } from './timetable.js';

/** One stream of requests on a timetable. */
export interface Stream {
  readonly prober: Prober;
  readonly keys: Keys;
  readonly timetable: Timetable;
  /** Run's clock; request 0 is due `dueAfterMs(timetable, 0)` later. */
  readonly startMs: number;
  /** No request beyond this many; Infinity for a probe. */
  readonly count: number;
  /** Counted from the sending, and without the time in which the thread was held up. */
  readonly timeoutMs: number;
  /** More are not sent but recorded as `overload`. */
  readonly maxInFlight: number;
}

export type Emit = (
  stream: number,
  n: number,
  intendedMs: number,
  sentMs: number,
  doneMs: number,
  ok: boolean,
  outcome: string,
  figures?: readonly number[],
) => void;

/** After so many sends in one go, answers that wait in the sockets are read before the next ones. */
const sendsInOneGo = 16;
/** Timers are late by so much on an idle machine. */
const timerJitterMs = 5;
/** Node.js takes what is beyond 31 bits for 1. */
const longestTimerMs = 2 ** 31 - 1;

/**
 * Sends requests when they are due, whether or not earlier ones were answered: a service that stalls is asked as often
 * as one that does not (no coordinated omission). Moments are absolute, so nothing drifts; what could not be sent in
 * time is sent late and says so. One timer serves all streams. Deadlines count the time in which this thread was there to
 * take the answers: when it was held up itself, a good answer that waits in a socket does not become a timeout.
 */
export class OpenLoop {
  readonly #lanes: readonly Lane[];
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  /** When the next tick is to be, and by how much ticks were later than that so far. */
  #plannedMs = Number.POSITIVE_INFINITY;
  #heldUpMs = 0;
  #stopped = false;

  constructor(
    streams: readonly Stream[],
    private readonly now: RunClock,
    emit: Emit,
    private readonly onExhausted: () => void = () => {},
  ) {
    this.#lanes = streams.map((s, i) => new Lane(i, s, now, emit, this.#wake));
  }

  start(): void {
    this.#tick();
  }

  /** Nothing is sent any more; what is under way is aborted, and not recorded. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    for (const lane of this.#lanes) lane.abort();
  }

  /** A lane is done with: perhaps all are, and the timer would only notice at the next deadline. */
  readonly #wake = (): void => {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    if (!this.#stopped) this.#tickSoon();
  };

  #tickSoon(): void {
    this.#plannedMs = this.now();
    this.#immediate = setImmediate(this.#tick);
  }

  readonly #tick = (): void => {
    if (this.#stopped) return;
    const lateMs = this.now() - this.#plannedMs;
    if (lateMs > timerJitterMs) this.#heldUpMs += lateMs;
    for (const lane of this.#lanes) lane.expire(this.now() - this.#heldUpMs);
    let moreIsDue = false;
    for (const lane of this.#lanes) moreIsDue = lane.sendDue(sendsInOneGo, this.#heldUpMs) || moreIsDue;
    if (moreIsDue) this.#tickSoon();
    else this.#sleep();
  };

  #sleep(): void {
    let wakeMs = Number.POSITIVE_INFINITY;
    for (const lane of this.#lanes) {
      wakeMs = Math.min(wakeMs, lane.nextDueMs(), lane.nextDeadlineMs() + this.#heldUpMs);
    }
    if (wakeMs === Number.POSITIVE_INFINITY) this.#rest();
    else this.#wakeAt(wakeMs);
  }

  #wakeAt(wakeMs: number): void {
    const delayMs = Math.min(Math.max(1, Math.ceil(wakeMs - this.now())), longestTimerMs);
    this.#plannedMs = this.now() + delayMs;
    this.#timer = setTimeout(this.#tick, delayMs);
  }

  /** Nothing is due and nothing under way, for good. */
  #rest(): void {
    this.#stopped = true;
    this.onExhausted();
  }
}

interface Flight {
  readonly n: number;
  readonly intendedMs: number;
  readonly sentMs: number;
  /** Without the time in which the thread was held up. */
  readonly deadlineMs: number;
  over: boolean;
  abort: Abort | undefined;
}

class Lane {
  #next = 0;
  #inFlight = 0;
  /** In the order of sending, which is that of the deadlines, as all have the same timeout. */
  #flights: Flight[] = [];
  #oldest = 0;

  constructor(
    private readonly index: number,
    private readonly stream: Stream,
    private readonly now: RunClock,
    private readonly emit: Emit,
    private readonly onDone: () => void,
  ) {}

  nextDueMs(): number {
    const { startMs, timetable, count } = this.stream;
    return this.#next >= count ? Number.POSITIVE_INFINITY : startMs + dueAfterMs(timetable, this.#next);
  }

  nextDeadlineMs(): number {
    while (this.#flights[this.#oldest]?.over) this.#oldest++;
    if (this.#oldest > 512 && this.#oldest * 2 > this.#flights.length) {
      this.#flights = this.#flights.slice(this.#oldest);
      this.#oldest = 0;
    }
    return this.#flights[this.#oldest]?.deadlineMs ?? Number.POSITIVE_INFINITY;
  }

  /** @returns whether more is due than was sent in this go */
  sendDue(most: number, heldUpMs: number): boolean {
    for (let sent = 0; sent < most; sent++) {
      const intendedMs = this.nextDueMs();
      const sentMs = this.now();
      if (intendedMs > sentMs) return false;
      this.#send(this.#next++, intendedMs, sentMs, heldUpMs);
    }
    return this.nextDueMs() <= this.now();
  }

  expire(untilMs: number): void {
    while (this.nextDeadlineMs() <= untilMs) {
      const flight = this.#flights[this.#oldest] as Flight;
      this.#finish(flight, false, outcomes.timeout);
      flight.abort?.();
    }
  }

  abort(): void {
    for (const flight of this.#flights) {
      if (flight.over) continue;
      flight.over = true;
      flight.abort?.();
    }
  }

  #send(n: number, intendedMs: number, sentMs: number, heldUpMs: number): void {
    const { prober, keys, timeoutMs, maxInFlight } = this.stream;
    const flight: Flight = {
      n,
      intendedMs,
      sentMs,
      deadlineMs: sentMs + timeoutMs - heldUpMs,
      over: false,
      abort: undefined,
    };
    if (this.#inFlight >= maxInFlight) {
      flight.over = true;
      this.emit(this.index, n, intendedMs, sentMs, sentMs, false, outcomes.overload);
      return;
    }
    this.#inFlight++;
    this.#flights.push(flight);
    try {
      flight.abort = prober.send(keys.at(n), (ok, outcome, figures) => this.#finish(flight, ok, outcome, figures));
    } catch (e) {
      this.#finish(flight, false, outcomeOf(e));
    }
  }

  #finish(flight: Flight, ok: boolean, outcome: string, figures?: readonly number[]): void {
    if (flight.over) return;
    flight.over = true;
    this.#inFlight--;
    this.emit(this.index, flight.n, flight.intendedMs, flight.sentMs, this.now(), ok, outcome, figures);
    if (this.#inFlight === 0 && this.#next >= this.stream.count) this.onDone();
  }
}
