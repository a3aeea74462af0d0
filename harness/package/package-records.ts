import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { PackageFilter } from '../store/package-repository.js';
import type { State } from '../store/state.js';
import { errnoOf, OrdealError, reasonOf } from '../util/errors.js';
import { newId } from '../util/ids.js';
import {
  type PackageErrorType,
  type PackageState,
  packageLink,
  type VnfSnapshotPkgInfo,
  vnfSnapshotPkgInfo,
} from './package-info.js';
import { assertTransition, busyStates } from './package-states.js';

export interface PackageRecord {
  readonly info: VnfSnapshotPkgInfo;
  readonly file: string | undefined;
  /** Empty as long as the content is not known. */
  readonly vnf: string;
  readonly vnfcIds: readonly string[];
}

const errorTypes: Partial<Record<PackageState, PackageErrorType>> = {
  CREATED: 'BUILD_ERROR',
  BUILDING: 'BUILD_ERROR',
  UPLOADING: 'UPLOAD_ERROR',
  PROCESSING: 'PROCESS_ERROR',
  EXTRACTING: 'EXTRACTION_ERROR',
};

/** HTTP status of a ProblemDetails, as the interface would answer. */
const statusOf = (e: unknown): number => {
  if (!(e instanceof OrdealError)) return 500;
  if (e.kind === 'no-space') return 507;
  if (e.kind === 'file-missing' || e.kind === 'snapshot-missing') return 404;
  if (e.kind === 'grant-denied') return 403;
  if (e.kind === 'busy' || e.kind === 'snapshot-in-use') return 409;
  return e.kind.startsWith('package-') || e.kind === 'snapshot-corrupt' ? 422 : 500;
};

/** The records of the package repository: location, content, availability (Vnfm.009), each change in one transaction. */
export class PackageRecords {
  constructor(
    readonly state: State,
    readonly now: () => Date = () => new Date(),
  ) {}

  /** To be leased before the record is made, so that no other process takes it for abandoned. */
  newId(): string {
    return newId('pkg', this.now());
  }

  /** A record without content; what depends on the content is absent until it is there. */
  create(id: string, name: string, userDefinedData: Readonly<Record<string, unknown>>): void {
    const info: VnfSnapshotPkgInfo = {
      id,
      name,
      createdAt: this.now().toISOString(),
      isFullSnapshot: false,
      state: 'CREATED',
      isCancelPending: false,
      userDefinedData: { ...userDefinedData },
      _links: { self: packageLink(id) },
    };
    this.#put(info);
  }

  /** @throws OrdealError of kind `busy` or `package-invalid` when the state does not allow that */
  enter(id: string, to: PackageState, change: Partial<VnfSnapshotPkgInfo> = {}, file?: string): VnfSnapshotPkgInfo {
    return this.state.database.transaction(() => {
      const { info } = this.show(id);
      assertTransition(id, info.state, to);
      const { failureDetails: _, ...rest } = info;
      const after = { ...rest, ...change, id, state: to };
      this.#put(after, file);
      return after;
    });
  }

  /** ERROR or ERROR_EXTRACTING with the reason (SOL005 failureDetails). */
  fail(id: string, reason: unknown): void {
    this.state.database.transaction(() => {
      const { info } = this.show(id);
      const isCancelled = reason instanceof OrdealError && reason.kind === 'interrupted';
      const to = info.state === 'EXTRACTING' ? 'ERROR_EXTRACTING' : 'ERROR';
      assertTransition(id, info.state, to);
      this.#put({
        ...info,
        state: to,
        failureDetails: {
          errorType: isCancelled ? 'CANCELLED' : (errorTypes[info.state] ?? 'PROCESS_ERROR'),
          details: { status: statusOf(reason), title: 'VNF Snapshot Package', detail: reasonOf(reason) },
        },
      });
    });
  }

  /** @throws OrdealError of kind snapshot-missing */
  show(id: string): PackageRecord {
    return toRecord(this.state.packages.show(id));
  }

  /** One whose content can be used. */
  available(id: string): PackageRecord & { readonly file: string } {
    const record = this.show(id);
    const { state } = record.info;
    if (record.file !== undefined && ['AVAILABLE', 'EXTRACTING', 'ERROR_EXTRACTING'].includes(state)) {
      return { ...record, file: record.file };
    }
    throw new OrdealError(busyStates.includes(state) ? 'busy' : 'package-invalid', `Package "${id}" has no content`, {
      expected: 'AVAILABLE',
      got: state,
      remedy: record.info.failureDetails?.details.detail ?? 'Wait until it is built.',
    });
  }

  list(filter?: PackageFilter): PackageRecord[] {
    return this.state.packages.list(filter).map(toRecord);
  }

  /** The record first: a file that nobody knows of is swept by the next recovery, a record without a file is a lie. */
  async delete(id: string): Promise<void> {
    const { file } = this.state.database.transaction(() => {
      const record = this.show(id);
      if (busyStates.includes(record.info.state)) {
        throw new OrdealError('busy', `Package "${id}" is ${record.info.state}`, {
          remedy: 'Delete it when that has ended.',
        });
      }
      this.state.leases.assertFree(id, `Package "${id}"`);
      this.state.packages.remove(id);
      return record;
    });
    if (file !== undefined) await rm(file, { force: true });
  }

  /**
   * What a process that died left in the middle becomes ERROR; files that belong to no package are removed.
   * @param folder where the files of the repository lie
   */
  async recover(folder: string): Promise<string[]> {
    const done: string[] = [];
    for (const state of busyStates) {
      for (const { info } of this.list({ state })) {
        if (this.state.leases.holders(info.id).length > 0) continue;
        this.fail(info.id, new OrdealError('interrupted', `The process died while the package was ${state}`));
        done.push(`package ${info.id} was left ${state} by a process that died`);
      }
    }
    for (const name of await filesIn(folder)) {
      const id = /^\.?(pkg-.+?)\.zip(\.[0-9a-f]+\.tmp|\.vnfd)?$/.exec(name)?.[1];
      if (id === undefined || this.#owns(id, name.startsWith('.'))) continue;
      await rm(join(folder, name), { recursive: true, force: true });
      done.push(`removed ${name}, which belonged to no package`);
    }
    return done;
  }

  /** Whether a file in the folder is still wanted: the package's own, or a temporary one that is being written. */
  #owns(id: string, isTemporary: boolean): boolean {
    const [found] = this.list({ id });
    if (found === undefined) return false;
    const isBusy = busyStates.includes(found.info.state);
    return isTemporary ? isBusy : isBusy || found.info.state !== 'ERROR';
  }

  #put(info: VnfSnapshotPkgInfo, file?: string): void {
    const { createdAt = this.now().toISOString() } = info;
    this.state.packages.put({ ...vnfSnapshotPkgInfo.parse(info), createdAt }, file);
  }
}

function toRecord({ record, location }: { record: unknown; location?: string }): PackageRecord {
  const info = vnfSnapshotPkgInfo.parse(record);
  const { vnfInstanceId } = info.userDefinedData ?? {};
  return {
    info,
    file: location,
    vnf: typeof vnfInstanceId === 'string' ? vnfInstanceId : '',
    vnfcIds: [...new Set((info.vnfcSnapshotImages ?? []).map((i) => i.vnfcInstanceId))],
  };
}

async function filesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (e) {
    if (errnoOf(e) === 'ENOENT') return [];
    throw e;
  }
}

export const packageFileName = (id: string): string => `${id}.zip`;
