import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '../util/errors.js';

/** One lock that the kernel lists: `1: POSIX  ADVISORY  WRITE 4711 fe:00:9987185 120 120`; one that is waited for has `->`. */
const heldForWriting = /^\d+: POSIX +\w+ +WRITE (\d+) [0-9a-f]+:[0-9a-f]+:(\d+) /;

/**
 * The processes that are in the middle of a write to a database of the folder, at this moment. A writer holds a lock on
 * the database's shared index (https://sqlite.org/walformat.html#wal_locks); who is stopped then holds it until it goes
 * on, or ends. Empty where the kernel does not list locks (proc_locks(5), Linux).
 */
export function writersOf(folder: string, locksFile = '/proc/locks'): number[] {
  try {
    const indexes = readdirSync(folder).filter((name) => name.endsWith('.db-shm'));
    const inodes = new Set(indexes.map((name) => String(statSync(join(folder, name)).ino)));
    const locks = readFileSync(locksFile, 'utf8').split('\n');
    const held = locks.flatMap((line) => {
      const [, pid, inode = ''] = heldForWriting.exec(line) ?? [];
      return pid !== undefined && inodes.has(inode) ? [Number(pid)] : [];
    });
    return [...new Set(held)];
  } catch (e) {
    // An index that went while we looked has no writer any more.
    if (errnoOf(e) === 'ENOENT') return [];
    throw e;
  }
}
