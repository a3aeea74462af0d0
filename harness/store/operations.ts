import { z } from 'zod';
import { OrdealError } from '../util/errors.js';
import { newId } from '../util/ids.js';
import type { Database } from './database.js';
import { isAlive, type ProcessIdentity, thisProcess } from './process-identity.js';

/** States of a lifecycle operation occurrence, exactly those of ETSI GS NFV-SOL 003, 5.5. */
export type OperationState =
  | 'STARTING'
  | 'PROCESSING'
  | 'COMPLETED'
  | 'FAILED_TEMP'
  | 'FAILED'
  | 'ROLLING_BACK'
  | 'ROLLED_BACK';

/**
 * What has to be undone when the process dies in the middle: plain data, written before the act, undone by any other
 * process. Undoing twice, or what never happened, is harmless.
 */
export const undoIntent = z.discriminatedUnion('act', [
  z.object({ act: z.literal('resume'), vim: z.string(), computeId: z.string() }),
  z.object({ act: z.literal('unquiesce'), vim: z.string(), computeId: z.string() }),
  z.object({ act: z.literal('attach'), vim: z.string(), computeId: z.string(), diskId: z.string() }),
  z.object({ act: z.literal('start'), vim: z.string(), computeId: z.string() }),
  z.object({
    act: z.literal('go-back'),
    vim: z.string(),
    computeId: z.string(),
    /** The instance snapshot that was taken before a reversion touched it. */
    snapshotId: z.string(),
    state: z.enum(['on', 'suspended', 'off']).optional(),
    force: z.boolean().default(false),
  }),
  z.object({
    act: z.literal('notify-end'),
    event: z.enum(['creation-end', 'reversion-end']),
    vnf: z.string(),
    vnfcIds: z.array(z.string()),
  }),
]);
export type UndoIntent = z.output<typeof undoIntent>;

interface OperationRow extends ProcessIdentity {
  readonly id: string;
  readonly kind: string;
  readonly service: string;
  readonly vnfInstanceIds: string;
  readonly state: OperationState;
  readonly startedAt: string;
  readonly finishedAt: string | null;
  readonly undo: string;
  readonly error: string | null;
  readonly serviceFile: string | null;
}

export interface OperationRecord {
  readonly id: string;
  readonly kind: string;
  readonly service: string;
  readonly vnfInstanceIds: readonly string[];
  readonly state: OperationState;
  readonly startedAt: string;
  readonly finishedAt?: string;
  readonly error?: string;
  readonly undo: readonly UndoIntent[];
  /** The descriptor of the service; absent in what an Ordeal of before has begun. */
  readonly serviceFile?: string;
}

/** One operation in progress on one or several VNFs. Nobody else operates on them until it has ended. */
export interface Operation {
  readonly id: string;
  enter(state: 'PROCESSING' | 'FAILED_TEMP' | 'ROLLING_BACK'): void;
  /** Durable when it returns; replaces what was intended before. */
  intend(undo: readonly UndoIntent[]): void;
  /** @param error why, when it did not end well */
  end(state: 'COMPLETED' | 'FAILED' | 'ROLLED_BACK', error?: string): void;
}

/** Lifecycle operation occurrences: who is doing what to which VNF, across processes and their deaths. */
export class Operations {
  constructor(readonly database: Database) {}

  /** @throws OrdealError of kind busy: another process operates on one of these VNFs; what a dead one left is taken over */
  begin(kind: string, service: string, vnfInstanceIds: readonly string[], serviceFile?: string): Operation {
    const id = newId('op');
    const { host, pid, processStartedAt } = thisProcess;
    const db = this.database;
    db.transaction(() => {
      for (const vnf of vnfInstanceIds) {
        const other = db.first<OperationRow>(
          'select operation.* from operation join vnf_in_operation on operationId = operation.id where vnf_in_operation.service = ? and vnfInstanceId = ?',
          service,
          vnf,
        );
        if (other === undefined) continue;
        throw new OrdealError(
          'busy',
          `VNF "${vnf}" is in ${other.kind} ${other.id} (process ${other.pid} on ${other.host})`,
          {
            remedy: remedyFor(other),
          },
        );
      }
      db.run(
        `insert into operation (id, kind, service, vnfInstanceIds, state, startedAt, host, pid, processStartedAt, serviceFile)
         values (?, ?, ?, ?, 'STARTING', ?, ?, ?, ?, ?)`,
        ...[id, kind, service, JSON.stringify(vnfInstanceIds), new Date().toISOString(), host, pid, processStartedAt],
        serviceFile ?? null,
      );
      for (const vnf of vnfInstanceIds) db.run('insert into vnf_in_operation values (?, ?, ?)', service, vnf, id);
    });
    return this.#handle(id);
  }

  #handle(id: string): Operation {
    const db = this.database;
    return {
      id,
      enter: (state) => void db.run('update operation set state = ? where id = ?', state, id),
      intend: (undo) =>
        void db.run('update operation set undo = ? where id = ?', JSON.stringify(z.array(undoIntent).parse(undo)), id),
      end: (state, error) =>
        db.transaction(() => {
          db.run(
            "update operation set state = ?, finishedAt = ?, error = ?, undo = '[]' where id = ?",
            ...[state, new Date().toISOString(), error ?? null, id],
          );
          db.run('delete from vnf_in_operation where operationId = ?', id);
        }),
    };
  }

  /** Begun by processes that are no more; each is to be undone, then ended. */
  abandoned(service: string, otherHostsAreGone = false): { record: OperationRecord; operation: Operation }[] {
    return this.database
      .all<OperationRow>('select * from operation where finishedAt is null and service = ?', service)
      .filter((row) => !isAlive(row, otherHostsAreGone))
      .map((row) => ({ record: toRecord(row), operation: this.#handle(row.id) }));
  }

  /** Begun by processes of this host that are no more, on whatever service. */
  allAbandoned(): OperationRecord[] {
    return this.database
      .all<OperationRow>('select * from operation where finishedAt is null order by startedAt, id')
      .filter((row) => !isAlive(row))
      .map(toRecord);
  }

  /** The living processes of this host that are in the middle of an operation on the service. */
  operators(service: string): number[] {
    return this.database
      .all<OperationRow>('select * from operation where finishedAt is null and service = ?', service)
      .filter((row) => row.host === thisProcess.host && isAlive(row))
      .map((row) => row.pid);
  }

  list(limit = 100): OperationRecord[] {
    return this.database
      .all<OperationRow>('select * from operation order by startedAt desc, id desc limit ?', limit)
      .map(toRecord);
  }
}

function remedyFor(other: ProcessIdentity): string {
  if (!isAlive(other)) return 'That process has died: run `ordeal recover`, then run again.';
  const wait = 'Wait for it to end, then run again.';
  return other.host === thisProcess.host
    ? wait
    : `${wait} When that host is gone for good, recover with what other hosts had begun.`;
}

const toRecord = (row: OperationRow): OperationRecord => ({
  id: row.id,
  kind: row.kind,
  service: row.service,
  vnfInstanceIds: z.array(z.string()).parse(JSON.parse(row.vnfInstanceIds)),
  state: row.state,
  startedAt: row.startedAt,
  undo: z.array(undoIntent).parse(JSON.parse(row.undo)),
  ...(row.finishedAt === null ? {} : { finishedAt: row.finishedAt }),
  ...(row.error === null ? {} : { error: row.error }),
  ...(row.serviceFile === null ? {} : { serviceFile: row.serviceFile }),
});
