import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'libsql';
import { type JournalAction, type JournalEntry, type JournalledRun, journalAction } from '../model/journal.js';
import { OrdealError } from '../util/errors.js';

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

type NewRun = Pick<JournalledRun, 'id' | 'serviceFile' | 'serviceId' | 'outFolder' | 'pid' | 'startedAt'>;

/** Came after the first version: a journal of then gets them when it is opened. */
const laterColumns = {
  beats: 'integer not null default 0',
  guardBeats: 'integer not null default 0',
  stopBy: 'text',
} as const;

/**
 * One journal for all VIMs of one state folder, in an embedded database. Every call is durable when it returns
 * (synchronous = FULL: the write-ahead log is flushed at each commit), so that a power cut loses no intent.
 */
export class Journal implements Disposable {
  readonly #db: Database.Database;

  constructor(readonly stateFolder: string) {
    mkdirSync(stateFolder, { recursive: true, mode: 0o700 });
    const file = join(stateFolder, 'journal.db');
    try {
      this.#db = new Database(file);
      this.#db.pragma('journal_mode = WAL');
      this.#db.pragma('synchronous = FULL');
      this.#db.pragma('busy_timeout = 5000');
      this.#db.exec(schema);
      this.#addLaterColumns();
      chmodSync(file, 0o600);
    } catch (e) {
      throw new OrdealError('file-invalid', 'The journal cannot be opened', {
        where: file,
        cause: e,
        remedy: 'Nothing was touched. If a run is open, mend the file from a copy before you remove it.',
      });
    }
  }

  /**
   * Registers the run; a service has at most one open run.
   * @throws OrdealError of kind `busy`, naming the run that holds the service
   */
  begin(run: NewRun): void {
    try {
      this.#db
        .prepare(
          'insert into run (id, serviceFile, serviceId, outFolder, pid, startedAt, heartbeatAt) values (?, ?, ?, ?, ?, ?, ?)',
        )
        .run(run.id, run.serviceFile, run.serviceId, run.outFolder, run.pid, run.startedAt, Date.now());
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
    const { changes } = this.#db
      .prepare('update run set heartbeatAt = ?, beats = beats + 1 where id = ? and pid = ? and closed = 0')
      .run(Date.now(), runId, process.pid);
    return changes === 1;
  }

  /** The guard's sign of life. */
  guardHeartbeat(runId: string): void {
    this.#db
      .prepare('update run set guardPid = ?, guardAt = ?, guardBeats = guardBeats + 1 where id = ?')
      .run(process.pid, Date.now(), runId);
  }

  /**
   * This process becomes the holder, when the one it knew has given no sign of life since: of two that try, one wins.
   * @param known the run as it was read before
   */
  takeOver({ id, pid, beats }: JournalledRun): boolean {
    const { changes } = this.#db
      .prepare(
        `update run set pid = ?, heartbeatAt = ?, beats = beats + 1
         where id = ? and pid = ? and beats = ? and closed = 0`,
      )
      .run(process.pid, Date.now(), id, pid, beats);
    return changes === 1;
  }

  /**
   * Asks the run's holder to stop: to heal and give back at once, then to end. Durable. The first who asks is named.
   * @param by who asks, for the record
   * @returns false when the run is closed already, or unknown
   */
  requestStop(runId: string, by: string): boolean {
    const { changes } = this.#db
      .prepare('update run set stopBy = coalesce(stopBy, ?) where id = ? and closed = 0')
      .run(by, runId);
    return changes === 1;
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
    this.#db.prepare('update run set closed = 1 where id = ?').run(runId);
  }

  /**
   * Write this before the act. @returns the entry's id
   * @throws OrdealError of kind `lease-lost`: another process has taken the run over, and this one must not act
   */
  intend(runId: string, action: JournalAction): number {
    const { changes, lastInsertRowid } = this.#db
      .prepare(
        `insert into entry (runId, at, action, state) select ?, ?, ?, 'intended'
         where exists (select 1 from run where id = ? and pid = ? and closed = 0)`,
      )
      .run(runId, new Date().toISOString(), JSON.stringify(action), runId, process.pid);
    if (changes === 1) return Number(lastInsertRowid);
    throw new OrdealError('lease-lost', `Run ${runId} was taken over by another process`, {
      remedy: 'It gave no sign of life for too long. What it had begun is undone; see `ordeal status`.',
    });
  }

  done(entry: number): void {
    this.#db.prepare("update entry set state = 'done' where id = ? and state = 'intended'").run(entry);
  }

  /** Nothing of it is left to undo. Idempotent. */
  settle(entry: number): void {
    this.#db.prepare("update entry set state = 'settled' where id = ?").run(entry);
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
    return this.runs().find((r) => r.id === runId);
  }

  runs({ open = false }: { open?: boolean } = {}): JournalledRun[] {
    const rows = this.#db.prepare(`select * from run ${open ? 'where closed = 0' : ''} order by startedAt`).all();
    return (rows as (Omit<JournalledRun, 'closed'> & { closed: number })[]).map((r) => ({
      ...r,
      closed: r.closed !== 0,
    }));
  }

  #addLaterColumns(): void {
    const lacking = (): [string, string][] => {
      const there = (this.#db.prepare('pragma table_info(run)').all() as { name: string }[]).map((c) => c.name);
      return Object.entries(laterColumns).filter(([name]) => !there.includes(name));
    };
    if (lacking().length === 0) return;
    // Another process may open the same journal at this moment: of the two, one adds them.
    this.#db.exec('begin immediate');
    try {
      for (const [name, type] of lacking()) this.#db.exec(`alter table run add column ${name} ${type}`);
      this.#db.exec('commit');
    } catch (e) {
      this.#db.exec('rollback');
      throw e;
    }
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
