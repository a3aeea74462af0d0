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
import type { Shelf } from './shelf.js';

export interface PackageRecord {
  readonly info: VnfSnapshotPkgInfo;
  /** Where its content lies; absent as long as there is none. */
  readonly location: string | undefined;
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
    readonly shelf: Shelf,
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
  enter(id: string, to: PackageState, change: Partial<VnfSnapshotPkgInfo> = {}, location?: string): VnfSnapshotPkgInfo {
    return this.state.database.transaction(() => {
      const { info } = this.show(id);
      assertTransition(id, info.state, to);
      const { failureDetails: _, ...rest } = info;
      const after = { ...rest, ...change, id, state: to };
      this.#put(after, location);
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
  available(id: string): PackageRecord {
    const record = this.show(id);
    const { state } = record.info;
    if (['AVAILABLE', 'EXTRACTING', 'ERROR_EXTRACTING'].includes(state)) return record;
    throw new OrdealError(busyStates.includes(state) ? 'busy' : 'package-invalid', `Package "${id}" has no content`, {
      expected: 'AVAILABLE',
      got: state,
      remedy: record.info.failureDetails?.details.detail ?? 'Wait until it is built.',
    });
  }

  list(filter?: PackageFilter): PackageRecord[] {
    return this.state.packages.list(filter).map(toRecord);
  }

  /** The record first: content that nobody knows of is swept by the next recovery, a record without content is a lie. */
  async delete(id: string): Promise<void> {
    this.state.database.transaction(() => {
      const record = this.show(id);
      if (busyStates.includes(record.info.state)) {
        throw new OrdealError('busy', `Package "${id}" is ${record.info.state}`, {
          remedy: 'Delete it when that has ended.',
        });
      }
      this.state.leases.assertFree(id, `Package "${id}"`);
      this.state.packages.remove(id);
    });
    await this.shelf.remove(id);
    await this.shelf.collectGarbage();
  }

  /**
   * What a process that died left in the middle becomes ERROR; content and files that belong to no package are removed.
   * @param folder where packages lie before they are put on the shelf
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
      if (id === undefined || this.#isBusy(id)) continue;
      await rm(join(folder, name), { recursive: true, force: true });
      done.push(`removed ${name}, which belonged to no package`);
    }
    let isGarbage = false;
    for (const id of await this.shelf.packageIds()) {
      if (this.#owns(id)) continue;
      await this.shelf.remove(id);
      isGarbage = true;
      done.push(`removed the content of ${id}, which belonged to no package`);
    }
    if (isGarbage) await this.shelf.collectGarbage();
    return done;
  }

  /** Whether somebody is at work on it, and its file is still wanted. */
  #isBusy(id: string): boolean {
    const [found] = this.list({ id });
    return found !== undefined && busyStates.includes(found.info.state);
  }

  #owns(id: string): boolean {
    const [found] = this.list({ id });
    return found !== undefined && found.info.state !== 'ERROR';
  }

  #put(info: VnfSnapshotPkgInfo, location?: string): void {
    const { createdAt = this.now().toISOString() } = info;
    this.state.packages.put({ ...vnfSnapshotPkgInfo.parse(info), createdAt }, location);
  }
}

function toRecord({ record, location }: { record: unknown; location?: string }): PackageRecord {
  const info = vnfSnapshotPkgInfo.parse(record);
  const { vnfInstanceId } = info.userDefinedData ?? {};
  return {
    info,
    location,
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
