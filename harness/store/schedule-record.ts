import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { classifyIo } from '../util/errors.js';
import { Database } from './database.js';
import { Leases } from './leases.js';

/** One step a version; a step that was ever released is never edited. */
const migrations: readonly string[] = [
  `
  create table test (
    id text primary key,
    handledUntil text not null,
    pausedFor text
  ) strict;
  create table attempt (
    id integer primary key autoincrement,
    test text not null,
    service text not null,
    dueAt text not null,
    startedAt text,
    finishedAt text,
    outcome text,
    exitCode integer,
    reason text not null default ''
  ) strict;
  create index attempt_by_test on attempt (test, id);
  create table lease (
    id integer primary key autoincrement,
    subject text not null,
    purpose text not null,
    host text not null,
    pid integer not null,
    processStartedAt text not null,
    takenAt text not null
  ) strict;
  create index lease_by_subject on lease (subject);
  `,
];

/** One moment at which a test was due: that it ran, or why it did not. Times are ISO 8601. */
export interface Attempt {
  readonly id: number;
  readonly test: string;
  readonly service: string;
  readonly dueAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  /** Null while it runs, and for ever when the scheduler died with it. */
  readonly outcome: string | null;
  readonly exitCode: number | null;
  readonly reason: string;
}

/** What the scheduler remembers, in schedule.db of the state folder. Durable when a call returns. */
export class ScheduleRecord implements Disposable {
  readonly #database: Database;
  readonly #leases: Leases;

  /** @throws OrdealError of kinds file-invalid, no-space */
  constructor(stateFolder: string) {
    try {
      mkdirSync(stateFolder, { recursive: true, mode: 0o700 });
    } catch (e) {
      throw classifyIo(e, stateFolder);
    }
    this.#database = new Database(join(stateFolder, 'schedule.db'), migrations);
    this.#leases = new Leases(this.#database);
  }

  /** Every moment up to then has been dealt with. @returns undefined for a test that is new */
  handledUntil(test: string): Date | undefined {
    const row = this.#database.first<{ handledUntil: string }>('select handledUntil from test where id = ?', test);
    return row === undefined ? undefined : new Date(row.handledUntil);
  }

  handle(test: string, until: Date): void {
    this.#database.run(
      'insert into test (id, handledUntil) values (?, ?) on conflict (id) do update set handledUntil = excluded.handledUntil',
      test,
      until.toISOString(),
    );
  }

  /** @returns why it is not to be run; undefined when it is */
  pausedFor(test: string): string | undefined {
    return (
      this.#database.first<{ pausedFor: string | null }>('select pausedFor from test where id = ?', test)?.pausedFor ??
      undefined
    );
  }

  pause(test: string, reason: string): void {
    this.#database.run('update test set pausedFor = ? where id = ?', reason, test);
  }

  /** @returns false when it was not paused */
  resume(test: string): boolean {
    return this.#database.run('update test set pausedFor = null where id = ? and pausedFor is not null', test) > 0;
  }

  begin({ test, service, dueAt }: Pick<Attempt, 'test' | 'service'> & { dueAt: Date }, startedAt: Date): number {
    return this.#database.insert(
      'insert into attempt (test, service, dueAt, startedAt) values (?, ?, ?, ?)',
      test,
      service,
      dueAt.toISOString(),
      startedAt.toISOString(),
    );
  }

  finish(id: number, { outcome, exitCode, reason }: Pick<Attempt, 'outcome' | 'exitCode' | 'reason'>, at: Date): void {
    this.#database.run(
      'update attempt set outcome = ?, exitCode = ?, reason = ?, finishedAt = ? where id = ?',
      outcome,
      exitCode,
      reason,
      at.toISOString(),
      id,
    );
  }

  skip({ test, service, dueAt }: Pick<Attempt, 'test' | 'service'> & { dueAt: Date }, reason: string): void {
    this.#database.run(
      "insert into attempt (test, service, dueAt, outcome, reason) values (?, ?, ?, 'skipped', ?)",
      test,
      service,
      dueAt.toISOString(),
      reason,
    );
  }

  /** Of attempts that ended with their scheduler: nobody holds their service any more. @returns them */
  closeAbandoned(at: Date): readonly Attempt[] {
    const open = this.#database.all<Attempt>('select * from attempt where outcome is null');
    const dead = open.filter(({ service }) => this.#leases.holders(service).length === 0);
    const end = { outcome: 'error', exitCode: null, reason: 'its scheduler died while it ran' };
    for (const { id } of dead) this.finish(id, end, at);
    return dead;
  }

  /** The newest last. */
  attempts({ test, last = 50 }: { test?: string; last?: number } = {}): readonly Attempt[] {
    const where = test === undefined ? '' : 'where test = ?';
    return this.#database
      .all<Attempt>(
        `select * from attempt ${where} order by id desc limit ?`,
        ...(test === undefined ? [] : [test]),
        last,
      )
      .reverse();
  }

  /**
   * The service, for one test at a time, also when several schedulers share the state folder. Ends with its process.
   * @returns who has it, when it is taken
   */
  take(service: string, purpose: string): Disposable | { readonly holder: string } {
    return this.#database.transaction(() => {
      const [holder] = this.#leases.holders(service);
      if (holder === undefined) return this.#leases.take(service, purpose);
      return { holder: `${holder.purpose} (process ${holder.pid} on ${holder.host})` };
    });
  }

  [Symbol.dispose](): void {
    this.#database[Symbol.dispose]();
  }
}
