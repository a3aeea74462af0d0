import { OrdealError } from '../util/errors.js';

/** The rows of tables 5.1.3.2-1 to 5.1.3.9-1 and clause 5.1.2, and what Ordeal needs beside them. */
export const capabilityRows = [
  'OP-create.instance',
  'OP-create.memory',
  'OP-create.disk',
  'OP-create.metadata',
  'OP-create.live',
  'OP-create.leave-running',
  'OP-create.stop',
  'OP-create.quiesce',
  'OP-create.tcp-established',
  'OP-create.atomic',
  'OP-create.path',
  'OP-revert.revert',
  'OP-revert.tcp-established',
  'OP-revert.file-locks',
  'OP-revert.state',
  'OP-revert.force',
  'OP-revert.host',
  'OP-update.snapshot',
  'OP-update.metadata',
  'OP-update.rename',
  'OP-list.list',
  'OP-list.filter',
  'OP-show.details',
  'OP-delete.filter',
  'OP-delete.consolidate',
  'OP-export.image-files',
  'OP-import.image-files',
  'TQ-memory.internal',
  'TQ-memory.external',
  'TQ-disk.sequential',
  'TQ-disk.incremental',
  'TQ-disk.internal',
  'TQ-disk.external',
  'pause',
  'storage',
  'replacement',
  'replay',
] as const;

/** Beside those that every VIM names: what one may do more. */
export type CapabilityRow = (typeof capabilityRows)[number] | `replay.${string}` | `fault.${string}`;

/** Found by probing the host: `yes`, or `no` with the reason. */
export type Capability =
  | { readonly supported: true; readonly how?: string }
  | { readonly supported: false; readonly reason: string };

export type CapabilityTable = ReadonlyMap<CapabilityRow, Capability>;

export const yes = (how?: string): Capability => (how === undefined ? { supported: true } : { supported: true, how });
export const no = (reason: string): Capability => ({ supported: false, reason });

export interface CapabilityGap {
  readonly row: CapabilityRow;
  readonly reason: string;
}

/** What is needed and not there; a row that the VIM does not name is a gap too. */
export function missing(needs: readonly CapabilityRow[], table: CapabilityTable): CapabilityGap[] {
  return needs.flatMap((row) => {
    const found = table.get(row);
    if (found?.supported) return [];
    return [{ row, reason: found?.reason ?? 'the VIM does not name this capability' }];
  });
}

export class CapabilityError extends OrdealError {
  constructor(
    vim: string,
    readonly gaps: readonly CapabilityGap[],
  ) {
    super('capability-missing', `VIM "${vim}" lacks ${gaps.map((g) => `${g.row} (${g.reason})`).join(', ')}`, {
      remedy: `See \`ordeal capabilities --vim ${vim}\`; choose another fault or snapshot type, or mend the host.`,
    });
  }
}
