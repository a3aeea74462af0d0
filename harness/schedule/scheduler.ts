import type { ScheduleRecord } from '../store/schedule-record.js';
import { reasonOf } from '../util/errors.js';
import { dueBetween, forbidden, nextDue } from './calendar.js';
import type { ScheduleNotice } from './notify.js';
import type { Schedule, ScheduledTest, ScheduleOutcome } from './schedule-file.js';

/** The wall clock, handed in so that a year can be tested in a second. */
export interface WallClock {
  now(): Date;
  /** Resolves then, or earlier when the signal aborts; never rejects. */
  until(at: Date, signal: AbortSignal): Promise<void>;
}

/** How one run of a test ended. */
export interface TestEnd {
  readonly exitCode: number;
  /** One sentence. */
  readonly reason: string;
  /** Where its run folders and its log are. */
  readonly folder?: string;
}

export interface SchedulerOptions {
  readonly clock: WallClock;
  readonly record: ScheduleRecord;
  /** Runs the features of the test. When the signal aborts it heals, gives the service back, and ends. */
  readonly run: (test: ScheduledTest, dueAt: Date, signal: AbortSignal) => Promise<TestEnd>;
  readonly notify: (told: ScheduleNotice) => Promise<void>;
  /** A line for a person. */
  readonly say: (line: string) => void;
}

/** How often a service that is taken is asked for again. */
const askAgainMs = 5000;

const lateBy = (test: ScheduledTest, dueAt: Date): Date => new Date(dueAt.getTime() + test.startWithinMs);

const outcomeOf = (exitCode: number): ScheduleOutcome => {
  if (exitCode === 0) return 'passed';
  if (exitCode === 34 || exitCode === 35) return 'inconclusive';
  return exitCode >= 30 && exitCode <= 37 ? 'failed' : 'error';
};

/**
 * Runs each test when it is due, one at a time for each service. What was due while no scheduler was there is dealt with
 * as its test says; every moment is dealt with once, also across restarts, and leaves a record of what came of it.
 */
export class Scheduler {
  readonly #running = new Set<Promise<void>>();
  /** Tests that run, or wait for their service, with the moment of which they do. */
  readonly #active = new Map<string, Date>();

  constructor(
    readonly schedule: Schedule,
    readonly options: SchedulerOptions,
  ) {}

  /** Until the signal aborts; then until what runs has given its service back. */
  async run(signal: AbortSignal): Promise<void> {
    this.#dealWithMissed(signal);
    while (!signal.aborted) {
      const [first] = this.upcoming();
      if (first === undefined) break;
      await this.options.clock.until(first.dueAt, signal);
      if (signal.aborted) break;
      if (this.options.clock.now() < first.dueAt) continue; // the clock was put back, or its timer was short
      this.options.record.handle(first.test.id, first.dueAt);
      this.#start(first.test, first.dueAt, lateBy(first.test, first.dueAt), signal);
    }
    await Promise.allSettled(this.#running);
  }

  /** Every test, or those that are named, once and now, one after the other. @returns the exit code of each */
  async once(ids: readonly string[] | undefined, signal: AbortSignal): Promise<readonly number[]> {
    const codes: number[] = [];
    for (const test of this.schedule.tests) {
      if (signal.aborted || ids?.includes(test.id) === false) continue;
      const now = this.options.clock.now();
      if (this.options.record.handledUntil(test.id) === undefined) this.options.record.handle(test.id, now);
      codes.push(await this.#attempt(test, now, lateBy(test, now), signal));
    }
    return codes;
  }

  /** The next moment of each test, the earliest first. */
  upcoming(): readonly { readonly test: ScheduledTest; readonly dueAt: Date }[] {
    const { record, clock } = this.options;
    return this.schedule.tests
      .flatMap((test) => {
        const dueAt = nextDue(test, this.schedule.timeZone, record.handledUntil(test.id) ?? clock.now());
        return dueAt === undefined ? [] : [{ test, dueAt }];
      })
      .sort((a, b) => a.dueAt.getTime() - b.dueAt.getTime());
  }

  #dealWithMissed(signal: AbortSignal): void {
    const { record, clock, say } = this.options;
    const now = clock.now();
    for (const { test, startedAt } of record.closeAbandoned(now)) {
      say(`${test}: its scheduler died while it ran, on ${startedAt}: see \`ordeal status\``);
    }
    for (const test of this.schedule.tests) {
      const since = record.handledUntil(test.id);
      const missed = since === undefined ? [] : dueBetween(test, this.schedule.timeZone, since, now);
      record.handle(test.id, since === undefined || since < now ? now : since);
      const last = missed.at(-1);
      if (last === undefined) continue;
      say(`${test.id}: was due ${missed.length} times while no scheduler ran, last at ${last.toISOString()}`);
      if (test.missed === 'once') this.#start(test, last, lateBy(test, now), signal);
      else this.#skip(test, last, `missed, as were ${missed.length - 1} before it: no scheduler ran`);
    }
  }

  #start(test: ScheduledTest, dueAt: Date, latest: Date, signal: AbortSignal): void {
    const before = this.#active.get(test.id);
    if (before !== undefined) {
      this.#skip(test, dueAt, `the one of ${before.toISOString()} has not ended`);
      return;
    }
    this.#active.set(test.id, dueAt);
    const attempt = this.#attempt(test, dueAt, latest, signal)
      .then(
        () => undefined,
        (e: unknown) => this.options.say(`${test.id}: ${reasonOf(e)}`),
      )
      .finally(() => {
        this.#active.delete(test.id);
        this.#running.delete(attempt);
      });
    this.#running.add(attempt);
  }

  /** @returns its exit code; 18 when it was not allowed to start, 20 when the service was taken */
  async #attempt(test: ScheduledTest, dueAt: Date, latest: Date, signal: AbortSignal): Promise<number> {
    const { clock, record } = this.options;
    const paused = record.pausedFor(test.id);
    if (paused !== undefined) return this.#skip(test, dueAt, `paused: ${paused}`, 18);
    if (clock.now() > latest) return this.#skip(test, dueAt, `it is ${clock.now().toISOString()}: too late`, 18);
    const taken = await this.#take(test, latest, signal);
    if ('holder' in taken) return this.#skip(test, dueAt, `its service is taken by ${taken.holder}`, 20);
    using _ = taken;
    const why = signal.aborted ? 'the scheduler is ending' : forbidden(test, this.schedule, clock.now());
    if (why !== undefined) return this.#skip(test, dueAt, why, 18);
    return await this.#run(test, dueAt, signal);
  }

  /** Waits for the service for as long as the test may be late. */
  async #take(
    test: ScheduledTest,
    latest: Date,
    signal: AbortSignal,
  ): Promise<Disposable | { readonly holder: string }> {
    const { clock, record } = this.options;
    for (;;) {
      const taken = record.take(test.service, `the scheduled test "${test.id}"`);
      const leftMs = latest.getTime() - clock.now().getTime();
      if (!('holder' in taken) || leftMs <= 0 || signal.aborted) return taken;
      await clock.until(new Date(clock.now().getTime() + Math.min(askAgainMs, leftMs)), signal);
    }
  }

  async #run(test: ScheduledTest, dueAt: Date, signal: AbortSignal): Promise<number> {
    const { clock, record, run, say } = this.options;
    const startedAt = clock.now();
    const id = record.begin({ test: test.id, service: test.service, dueAt }, startedAt);
    say(`${test.id}: begins`);
    let end: TestEnd;
    try {
      end = await run(test, dueAt, signal);
    } catch (e) {
      end = { exitCode: 70, reason: reasonOf(e) };
    }
    const { exitCode, reason, folder } = end;
    const outcome = outcomeOf(exitCode);
    record.finish(id, { outcome, exitCode, reason }, clock.now());
    say(`${test.id}: ${outcome}, ${reason}`);
    const told = { startedAt: startedAt.toISOString(), exitCode, ...(folder === undefined ? {} : { folder }) };
    await this.#tell(test, dueAt, outcome, reason, told);
    if (test.pauseOn.includes(exitCode)) {
      const why = `exit code ${exitCode} on ${startedAt.toISOString()}: ${reason}`;
      record.pause(test.id, why);
      say(`${test.id}: paused until it is resumed: ${why}`);
      await this.#tell(test, dueAt, 'paused', why, told);
    }
    return exitCode;
  }

  #skip(test: ScheduledTest, dueAt: Date, reason: string, code = 0): number {
    const { record, say } = this.options;
    record.skip({ test: test.id, service: test.service, dueAt }, reason);
    say(`${test.id}: skipped, ${reason}`);
    const told = this.#tell(test, dueAt, 'skipped', reason, {}).finally(() => this.#running.delete(told));
    this.#running.add(told);
    return code;
  }

  /** A notice that is not heard changes nothing, and is said. */
  async #tell(
    test: ScheduledTest,
    dueAt: Date,
    outcome: ScheduleOutcome,
    reason: string,
    more: Partial<ScheduleNotice>,
  ): Promise<void> {
    try {
      await this.options.notify({
        notificationType: 'OrdealScheduledTest',
        test: test.id,
        service: test.service,
        outcome,
        dueAt: dueAt.toISOString(),
        finishedAt: this.options.clock.now().toISOString(),
        reason,
        ...more,
      });
    } catch (e) {
      this.options.say(`${test.id}: the notice was not heard: ${reasonOf(e)}`);
    }
  }
}
