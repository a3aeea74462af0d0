import { chmodSync, existsSync } from 'node:fs';
import Libsql from 'libsql';
import { errnoOf, OrdealError, reasonOf } from '../util/errors.js';
import { inTransaction } from './transaction.js';

type Value = string | number | null;

/**
 * An embedded SQLite database. Durable when a call returns (synchronous = FULL), shared by any number of processes:
 * a writer waits up to `busyMs` for another.
 */
export class Database implements Disposable {
  readonly #db: Libsql.Database;
  readonly #prepared = new Map<string, Libsql.Statement>();

  /** @throws OrdealError of kind file-invalid: not a database, damaged, or written by a later version of Ordeal */
  constructor(
    readonly file: string,
    migrations: readonly string[],
    { busyMs = 5000 }: { busyMs?: number } = {},
  ) {
    const isNew = !existsSync(file);
    this.#db = this.#guard(() => new Libsql(file, { timeout: busyMs }));
    try {
      this.#guard(() => {
        if (isNew) chmodSync(file, 0o600);
        this.#db.pragma('journal_mode = WAL');
        this.#db.pragma('synchronous = FULL');
        this.#db.pragma(`busy_timeout = ${busyMs}`);
        this.#db.pragma('foreign_keys = ON');
        this.#migrate(migrations);
      });
    } catch (e) {
      this.#db.close();
      throw e;
    }
  }

  #migrate(migrations: readonly string[]): void {
    const version = () => (this.#db.prepare('pragma user_version').get() as { user_version: number }).user_version;
    if (version() === migrations.length) return;
    this.transaction(() => {
      const from = version();
      if (from > migrations.length) {
        throw new OrdealError('file-invalid', 'The repository was written by a later version of Ordeal', {
          where: this.file,
          expected: `schema ${migrations.length} or older`,
          got: `schema ${from}`,
          remedy: 'Use that version, or another state folder.',
        });
      }
      for (const step of migrations.slice(from)) this.#db.exec(step);
      this.#db.pragma(`user_version = ${migrations.length}`);
    });
  }

  /** @returns how many rows it changed */
  run(sql: string, ...values: readonly Value[]): number {
    return this.atomically(() => this.#guard(() => this.#statement(sql).run(...values).changes));
  }

  /** @returns the row's id */
  insert(sql: string, ...values: readonly Value[]): number {
    return this.atomically(() => this.#guard(() => Number(this.#statement(sql).run(...values).lastInsertRowid)));
  }

  all<Row extends object>(sql: string, ...values: readonly Value[]): Row[] {
    return this.#guard(() => this.#statement(sql).all(...values) as Row[]);
  }

  /** Row by row, so that memory does not grow with the answer. */
  *each<Row extends object>(sql: string, ...values: readonly Value[]): Generator<Row> {
    const statement = this.#guard(() => this.#db.prepare(sql));
    try {
      for (const row of statement.iterate(...values)) yield row as Row;
    } catch (e) {
      throw this.#classify(e);
    }
  }

  first<Row extends object>(sql: string, ...values: readonly Value[]): Row | undefined {
    return this.all<Row>(sql, ...values)[0];
  }

  /** As part of the transaction that is going on, or as one of its own. */
  atomically<T>(work: () => T): T {
    return this.#db.inTransaction ? work() : this.transaction(work);
  }

  /** All or nothing, and no other process writes meanwhile. Not to be nested; `work` must not await. */
  transaction<T>(work: () => T): T {
    return this.#guard(() => inTransaction(this.#db, work));
  }

  #statement(sql: string): Libsql.Statement {
    const known = this.#prepared.get(sql);
    if (known !== undefined) return known;
    const statement = this.#db.prepare(sql);
    this.#prepared.set(sql, statement);
    return statement;
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (e) {
      throw this.#classify(e);
    }
  }

  #classify(e: unknown): unknown {
    if (e instanceof OrdealError) return e;
    const code = errnoOf(e) ?? '';
    const where = this.file;
    if (code.startsWith('SQLITE_BUSY') || /database is locked/.test(reasonOf(e))) {
      return new OrdealError('busy', 'The repository is held by another process', {
        where,
        cause: e,
        remedy: 'Retry.',
      });
    }
    if (code.startsWith('SQLITE_FULL')) {
      return new OrdealError('no-space', 'No space is left for the repository', {
        where,
        cause: e,
        remedy: 'Free space; nothing half-written was kept.',
      });
    }
    if (/^SQLITE_(NOTADB|CORRUPT|CANTOPEN|READONLY|PERM|IOERR)/.test(code)) {
      return new OrdealError('file-invalid', 'The repository cannot be used', {
        where,
        cause: e,
        remedy: 'Mend it from a copy, or move it away: VNF Snapshots in the VIMs are not lost by that.',
      });
    }
    return e;
  }

  [Symbol.dispose](): void {
    this.#prepared.clear();
    if (this.#db.open) this.#db.close();
  }
}
