import type Libsql from 'libsql';

/**
 * All or nothing, and no other process writes meanwhile. `work` must not await.
 *
 * Every write goes through this, a single statement too: a prepared statement that met a lock (SQLITE_BUSY) is not reset by
 * libsql 0.5 until it is collected as garbage, and until then no later write of its connection is committed by itself,
 * though each says that it was, and the lock of the first is held. `begin immediate` is where a lock is met here, and it is
 * no prepared statement. See https://sqlite.org/c3ref/reset.html.
 */
export function inTransaction<T>(db: Libsql.Database, work: () => T): T {
  db.exec('begin immediate');
  try {
    const result = work();
    db.exec('commit');
    return result;
  } catch (e) {
    if (db.inTransaction) db.exec('rollback');
    throw e;
  }
}
