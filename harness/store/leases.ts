import { OrdealError } from '../util/errors.js';
import type { Database } from './database.js';
import { isAlive, type ProcessIdentity, thisProcess } from './process-identity.js';

interface LeaseRow extends ProcessIdentity {
  readonly id: number;
  readonly subject: string;
  readonly purpose: string;
}

/**
 * Keeps what is in use from being deleted, across processes. A lease ends with its process: what a dead process left
 * behind holds nobody up.
 */
export class Leases {
  constructor(readonly database: Database) {}

  /** @param subject a VNF Snapshot, a package or a chunk recipe by its id @param purpose for the message: `a reversion` */
  take(subject: string, purpose: string): Disposable {
    const { host, pid, processStartedAt } = thisProcess;
    const id = this.database.insert(
      'insert into lease (subject, purpose, host, pid, processStartedAt, takenAt) values (?, ?, ?, ?, ?, ?)',
      subject,
      purpose,
      host,
      pid,
      processStartedAt,
      new Date().toISOString(),
    );
    return { [Symbol.dispose]: () => void this.database.run('delete from lease where id = ?', id) };
  }

  /** Of living processes; those of dead ones are removed. */
  holders(subject: string): { purpose: string; pid: number; host: string }[] {
    return this.database.all<LeaseRow>('select * from lease where subject = ?', subject).filter((lease) => {
      if (isAlive(lease)) return true;
      this.database.run('delete from lease where id = ?', lease.id);
      return false;
    });
  }

  /** Ends the leases of all other hosts; only for who knows that they are gone for good. */
  endThoseOfOtherHosts(): void {
    this.database.run('delete from lease where host <> ?', thisProcess.host);
  }

  /** @throws OrdealError of kind snapshot-in-use, naming who uses it and for what */
  assertFree(subject: string, what: string): void {
    const [holder] = this.holders(subject);
    if (holder === undefined) return;
    throw new OrdealError(
      'snapshot-in-use',
      `${what} is in use by ${holder.purpose} (process ${holder.pid} on ${holder.host})`,
      {
        remedy: 'Delete it when that has ended.',
      },
    );
  }
}
