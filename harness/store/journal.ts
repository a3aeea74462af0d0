import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'libsql';
import {
  defaultLeaseMs,
  type JournalAction,
  type JournalEntry,
  type JournalledRun,
  journalAction,
} from '../model/journal.js';
import { errnoOf, OrdealError, reasonOf } from '../util/errors.js';
import { Reserve } from './reserve.js';
import { inTransaction } from './transaction.js';

const schema = `
  create table if not exists run (
    id text primary key, serviceFile text not null, serviceId text not null, outFolder text not null,
    pid integer not null, startedAt text not null, heartbeatAt integer not null, closed integer not null default 0,
    guardPid integer, guardAt integer
  ) strict;
  create table if not exists entry (
    id integer primary key autoincrement, runId text not null references run (id), at text not null,
    action text not null, state text not null check (state in ('intended', 'done', 'settled'))
  ) strict;
  create index if not exists entry_open on entry (runId) where state <> 'settled';
  create unique index if not exists run_excludes on run (serviceId) where closed = 0;
`;

type NewRun = Pick<JournalledRun, 'id' | 'serviceFile' | 'serviceId' | 'outFolder' | 'pid' | 'startedAt'> &
  Partial<Pick<JournalledRun, 'leaseMs'>>;

/** Came after the first version: a journal of then gets them when it is opened. */
const laterColumns = {
  beats: 'integer not null default 0',
  guardBeats: 'integer not null default 0',
  stopBy: 'text',
  leaseMs: `integer not null default ${defaultLeaseMs}`,
} as const;

/**
 * The write-ahead log is put back into the file whenever it has grown to so many pages of 4 KiB, and is then written
 * anew from its beginning: on a full disk that takes no room.
 */
const checkpointPages = 64;

/**
 * One journal for all VIMs of one state folder, in an embedded database. Every call is durable when it returns
 * (synchronous = FULL: the write-ahead log is flushed at each commit), so that a power cut loses no intent. Room is
 * kept for settling what was begun, so that a disk that becomes full keeps nobody from ending a run.
 */
export class Journal implements Disposable {
  readonly file: string;
  readonly #db: Database.Database;
  readonly #reserve: Reserve;
  readonly #busyMs: number;

  /**
   * @param options.busyMs how long a call waits for another process that writes, in milliseconds
   * @throws OrdealError of kind `busy` when another process holds it for longer; `file-invalid`
   */
  constructor(
    readonly stateFolder: string,
    { busyMs = 5000 }: { busyMs?: number } = {},
  ) {
    mkdirSync(stateFolder, { recursive: true, mode: 0o700 });
    this.file = join(stateFolder, 'journal.db');
    this.#busyMs = busyMs;
    this.#reserve = new Reserve(join(stateFolder, 'journal.reserve'));
    this.#reserve.releaseIfFull();
    try {
      this.#db = new Database(this.file);
      this.#waitAtMost(busyMs);
      this.#db.pragma('journal_mode = WAL');
      this.#db.pragma('synchronous = FULL');
      this.#db.pragma(`wal_autocheckpoint = ${checkpointPages}`);
      this.#db.exec(schema);
      this.#addLaterColumns();
      chmodSync(this.file, 0o600);
    } catch (e) {
      if (isBusy(e)) throw held(this.file, e);
      throw new OrdealError('file-invalid', 'The journal cannot be opened', {
        where: this.file,
        cause: e,
        remedy: 'Nothing was touched. If a run is open, mend the file from a copy before you remove it.',
      });
    }
  }

  /** Does the work, and waits for another process that writes no longer than so many milliseconds; then it is `busy`. */
  within<T>(busyMs: number, work: () => T): T {
    this.#waitAtMost(busyMs);
    try {
      return work();
    } finally {
      this.#waitAtMost(this.#busyMs);
    }
  }

  #waitAtMost(busyMs: number): void {
    this.#db.pragma(`busy_timeout = ${Math.round(busyMs)}`);
  }

  /**
   * Registers the run; a service has at most one open run.
   * @throws OrdealError of kind `busy`, naming the run that holds the service; `no-space` when it could not be ended
   */
  begin(run: NewRun): void {
    const { id, serviceFile, serviceId, outFolder, pid, startedAt, leaseMs = defaultLeaseMs } = run;
    this.#reserve.keep();
    try {
      this.#write(
        `insert into run (id, serviceFile, serviceId, outFolder, pid, startedAt, leaseMs, heartbeatAt)
         values (?, ?, ?, ?, ?, ?, ?, ?)`,
        ...[id, serviceFile, serviceId, outFolder, pid, startedAt, leaseMs, Date.now()],
      );
    } catch (e) {
      const holder = this.runs({ open: true }).find((r) => r.serviceId === run.serviceId);
      if (holder === undefined) throw e;
      throw new OrdealError('busy', `Run ${holder.id} (process ${holder.pid}) is open on service "${run.serviceId}"`, {
        remedy: 'Wait for it to end, or run `ordeal recover` when it has died.',
      });
    }
  }

  /** The holder's sign of life. @returns false when another process has taken the run over */
  heartbeat(runId: string): boolean {
    return this.#write(
      'update run set heartbeatAt = ?, beats = beats + 1 where id = ? and pid = ? and closed = 0',
      ...[Date.now(), runId, process.pid],
    );
  }

  /** The guard's sign of life. */
  guardHeartbeat(runId: string): void {
    this.#write(
      'update run set guardPid = ?, guardAt = ?, guardBeats = guardBeats + 1 where id = ?',
      ...[process.pid, Date.now(), runId],
    );
  }

  /**
   * This process becomes the holder, when the one it knew has given no sign of life since: of two that try, one wins.
   * @param known the run as it was read before
   */
  takeOver({ id, pid, beats }: JournalledRun): boolean {
    return this.#write(
      `update run set pid = ?, heartbeatAt = ?, beats = beats + 1
       where id = ? and pid = ? and beats = ? and closed = 0`,
      ...[process.pid, Date.now(), id, pid, beats],
    );
  }

  /**
   * Asks the run's holder to stop: to heal and give back at once, then to end. Durable. The first who asks is named.
   * @param by who asks, for the record
   * @returns false when the run is closed already, or unknown
   */
  requestStop(runId: string, by: string): boolean {
    return this.#write('update run set stopBy = coalesce(stopBy, ?) where id = ? and closed = 0', by, runId);
  }

  /** Cheap enough to be asked every 50 ms. @returns who asked; undefined when nobody has */
  stopRequest(runId: string): string | undefined {
    const row = this.#db.prepare('select stopBy from run where id = ?').get(runId) as
      | Pick<JournalledRun, 'stopBy'>
      | undefined;
    return row?.stopBy ?? undefined;
  }

  /** @throws OrdealError of kind `internal` while entries of the run are open */
  close(runId: string): void {
    const open = this.open(runId);
    if (open.length > 0) {
      throw new OrdealError('internal', `Run ${runId} still has ${open.length} open journal entries`, {
        remedy: 'Run `ordeal recover`.',
      });
    }
    this.#write('update run set closed = 1 where id = ?', runId);
  }

  /**
   * Write this before the act. @returns the entry's id
   * @throws OrdealError of kind `lease-lost`: another process has taken the run over, and this one must not act
   */
  intend(runId: string, action: JournalAction): number {
    const at = new Date().toISOString();
    const { changes, lastInsertRowid } = this.#change(
      `insert into entry (runId, at, action, state) select ?, ?, ?, 'intended'
       where exists (select 1 from run where id = ? and pid = ? and closed = 0)`,
      ...[runId, at, JSON.stringify(action), runId, process.pid],
    );
    if (changes === 1) return Number(lastInsertRowid);
    throw takenOver(runId);
  }

  /** Ask this right before an act that strikes, or leaves nothing to undo. @throws OrdealError of kind `lease-lost`, as `intend` */
  mustBeHeld(runId: string): void {
    if (!this.isHeld(runId)) throw takenOver(runId);
  }

  /** The run is open, and this process is its holder. */
  isHeld(runId: string): boolean {
    const run = this.run(runId);
    return run !== undefined && !run.closed && run.pid === process.pid;
  }

  done(entry: number): void {
    this.#write("update entry set state = 'done' where id = ? and state = 'intended'", entry);
  }

  /** Nothing of it is left to undo. Idempotent. */
  settle(entry: number): void {
    this.#write("update entry set state = 'settled' where id = ?", entry);
  }

  /** What is not settled, the latest first: the order in which it is to be undone. */
  open(runId?: string): JournalEntry[] {
    return this.#entries("state <> 'settled' and (? is null or runId = ?) order by id desc", runId);
  }

  /** All entries of a run, in the order in which they were written. */
  entries(runId: string): JournalEntry[] {
    return this.#entries('(? is null or runId = ?) order by id', runId);
  }

  run(runId: string): JournalledRun | undefined {
    return this.#runs('where id = ?', runId)[0];
  }

  runs({ open = false }: { open?: boolean } = {}): JournalledRun[] {
    return this.#runs(`${open ? 'where closed = 0' : ''} order by startedAt`);
  }

  #runs(where: string, ...values: readonly string[]): JournalledRun[] {
    const rows = this.#db.prepare(`select * from run ${where}`).all(...values);
    return (rows as (Omit<JournalledRun, 'closed'> & { closed: number })[]).map((r) => ({
      ...r,
      closed: r.closed !== 0,
    }));
  }

  /** @returns whether it changed a row */
  #write(sql: string, ...values: readonly (string | number)[]): boolean {
    return this.#change(sql, ...values).changes === 1;
  }

  /** @throws OrdealError of kind `busy`; `no-space` once even the room that was kept is used up */
  #change(sql: string, ...values: readonly (string | number)[]): Database.RunResult {
    const change = () => inTransaction(this.#db, () => this.#db.prepare(sql).run(...values));
    try {
      return change();
    } catch (e) {
      if (!isFull(e)) throw isBusy(e) ? held(this.file, e) : e;
      if (!this.#reserve.release()) throw noSpace(this.file, e);
    }
    try {
      return change();
    } catch (e) {
      throw isFull(e) ? noSpace(this.file, e) : e;
    }
  }

  #addLaterColumns(): void {
    const lacking = (): [string, string][] => {
      const there = (this.#db.prepare('pragma table_info(run)').all() as { name: string }[]).map((c) => c.name);
      return Object.entries(laterColumns).filter(([name]) => !there.includes(name));
    };
    if (lacking().length === 0) return;
    // Another process may open the same journal at this moment: of the two, one adds them.
    inTransaction(this.#db, () => {
      for (const [name, type] of lacking()) this.#db.exec(`alter table run add column ${name} ${type}`);
    });
  }

  #entries(where: string, runId: string | undefined): JournalEntry[] {
    const rows = this.#db.prepare(`select * from entry where ${where}`).all(runId ?? null, runId ?? null) as (Omit<
      JournalEntry,
      'action'
    > & { action: string })[];
    return rows.map((row) => ({ ...row, action: journalAction.parse(JSON.parse(row.action)) }));
  }

  [Symbol.dispose](): void {
    if (this.#db.open) this.#db.close();
  }
}

const isBusy = (e: unknown): boolean =>
  (errnoOf(e) ?? '').startsWith('SQLITE_BUSY') || /database is locked/.test(reasonOf(e));

const held = (where: string, cause: unknown): OrdealError =>
  new OrdealError('busy', 'The journal is held by another process', {
    where,
    cause,
    remedy: 'Retry. A process that was stopped in the middle of a write holds it until it goes on, or ends.',
  });

const isFull = (e: unknown): boolean => (errnoOf(e) ?? '').startsWith('SQLITE_FULL');

const noSpace = (where: string, cause: unknown): OrdealError =>
  new OrdealError('no-space', 'The journal cannot be written', {
    where,
    cause,
    remedy: 'Free space, then run `ordeal recover`: what is open stays in the journal.',
  });

const takenOver = (runId: string): OrdealError =>
  new OrdealError('lease-lost', `Run ${runId} was taken over by another process`, {
    remedy: 'It gave no sign of life for too long. What it had begun is undone; see `ordeal status`.',
  });
