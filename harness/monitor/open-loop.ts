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
  /** Counted from the sending, so that a late thread does not shorten the service's time to answer. */
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
) => void;

/** After so many sends in one go, answers that wait in the sockets are read before the next ones. */
const sendsInOneGo = 16;

/**
 * Sends requests when they are due, whether or not earlier ones were answered: a service that stalls is asked as often
 * as one that does not (no coordinated omission). Moments are absolute, so nothing drifts; what could not be sent in
 * time is sent late and says so. One timer serves all streams.
 */
export class OpenLoop {
  readonly #lanes: readonly Lane[];
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
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
    if (!this.#stopped) this.#immediate = setImmediate(this.#tick);
  };

  readonly #tick = (): void => {
    if (this.#stopped) return;
    let moreIsDue = false;
    const asOfMs = this.now();
    for (const lane of this.#lanes) moreIsDue = lane.sendDue(sendsInOneGo) || moreIsDue;
    const overdue = this.#lanes.some((lane) => lane.nextDeadlineMs() <= asOfMs);
    if (overdue || moreIsDue) {
      // Past the poll phase: answers that came while this thread was held up are taken before the deadlines are.
      this.#immediate = setImmediate(() => {
        for (const lane of this.#lanes) lane.expire(asOfMs);
        this.#tick();
      });
      return;
    }
    let wakeMs = Number.POSITIVE_INFINITY;
    for (const lane of this.#lanes) wakeMs = Math.min(wakeMs, lane.nextDueMs(), lane.nextDeadlineMs());
    if (wakeMs === Number.POSITIVE_INFINITY) this.#rest();
    else this.#timer = setTimeout(this.#tick, Math.min(Math.max(1, Math.ceil(wakeMs - this.now())), 2 ** 30));
  };

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
  sendDue(most: number): boolean {
    for (let sent = 0; sent < most; sent++) {
      const intendedMs = this.nextDueMs();
      const sentMs = this.now();
      if (intendedMs > sentMs) return false;
      this.#send(this.#next++, intendedMs, sentMs);
    }
    return this.nextDueMs() <= this.now();
  }

  expire(asOfMs: number): void {
    while (this.nextDeadlineMs() <= asOfMs) {
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

  #send(n: number, intendedMs: number, sentMs: number): void {
    const { prober, keys, timeoutMs, maxInFlight } = this.stream;
    const flight: Flight = { n, intendedMs, sentMs, deadlineMs: sentMs + timeoutMs, over: false, abort: undefined };
    if (this.#inFlight >= maxInFlight) {
      flight.over = true;
      this.emit(this.index, n, intendedMs, sentMs, sentMs, false, outcomes.overload);
      return;
    }
    this.#inFlight++;
    this.#flights.push(flight);
    try {
      flight.abort = prober.send(keys.at(n), (ok, outcome) => this.#finish(flight, ok, outcome));
    } catch (e) {
      this.#finish(flight, false, outcomeOf(e));
    }
  }

  #finish(flight: Flight, ok: boolean, outcome: string): void {
    if (flight.over) return;
    flight.over = true;
    this.#inFlight--;
    this.emit(this.index, flight.n, flight.intendedMs, flight.sentMs, this.now(), ok, outcome);
    if (this.#inFlight === 0 && this.#next >= this.stream.count) this.onDone();
  }
}
