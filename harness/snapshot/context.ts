import type { LocatedService, Vnf, Vnfc } from '../model/network-service.js';
import type { Grant, SnapshotNotification, Trace } from '../model/roles.js';
import type { VnfSnapshot } from '../model/snapshot.js';
import type { SnapshotType, VnfcSnapshotOptions } from '../model/snapshot-descriptor.js';
import type { ComputeId, RevertOptions, Vim } from '../model/vim.js';
import type { State } from '../store/state.js';
import { OrdealError } from '../util/errors.js';
import type { NfvoRelay } from './nfvo-relay.js';

/** Milliseconds; 0 means none. */
export interface Deadlines {
  /** For the VNF to answer a notification; after that it goes back to work by itself. */
  readonly notificationMs: number;
  /** For one request to a VIM. */
  readonly vimMs: number;
  /** For a VIM to write one VNFC Snapshot. */
  readonly storeMs: number;
  /** How long a clean-up waits for the answer of a request that is overdue. */
  readonly overdueMs: number;
  /** For all VNFCs of a consistent cut together, from the first freeze to the last capture. */
  readonly freezeMs: number;
}

const defaultDeadlines: Deadlines = {
  notificationMs: 10_000,
  vimMs: 60_000,
  freezeMs: 30_000,
  storeMs: 600_000,
  overdueMs: 2000,
};

export const deadlinesOf = (context: Pick<EngineContext, 'deadlines'>): Deadlines => ({
  ...defaultDeadlines,
  ...context.deadlines,
});

export interface EngineContext {
  readonly service: LocatedService;
  readonly vims: ReadonlyMap<string, Vim>;
  readonly state: State;
  /** The NFVO's part; absent: nothing can be granted, and nothing that requires a grant is done. */
  readonly grant?: Grant;
  readonly notification?: SnapshotNotification;
  readonly trace?: Trace;
  /** Indirect: every request to a VIM passes through the NFVO (6.4.2, 6.4.4). Default: direct. */
  readonly mode?: 'direct' | 'indirect';
  /** The NFVO that relays in indirect mode; absent: one that forwards to `vims`. */
  readonly relay?: NfvoRelay;
  readonly deadlines?: Partial<Deadlines>;
  readonly now?: () => Date;
  /** Told what went wrong without failing the operation, such as a VNF that did not acknowledge the end. */
  readonly warn?: (text: string) => void;
}

export interface CreateVnfSnapshotRequest {
  readonly vnf: string;
  readonly name: string;
  readonly description?: string;
  readonly purpose: VnfSnapshot['userDefinedData']['purpose'];
  readonly vnfcIds?: readonly string[];
  readonly type?: SnapshotType;
  readonly consistent?: boolean;
  /** Per VNFC, over the descriptor. */
  readonly vnfcs?: Readonly<Record<string, Partial<VnfcSnapshotOptions>>>;
  /** auto: a running VNFC whose disks alone are captured. */
  readonly quiesce?: 'auto' | 'yes' | 'no';
  readonly runId?: string;
  /** Forensic: the quarantined compute resource of a VNFC instead of the one in place. */
  readonly computeIds?: Readonly<Record<string, ComputeId>>;
  /** Overwrites this VNF Snapshot: it is deleted once the new one is stored. */
  readonly replaces?: string;
  /** Where the VIM is to put the images; absent: where it keeps them. */
  readonly path?: string;
  /** Who asked: EM, VNF, NFVO, OSS/BSS, VNFM. Default: Sender. */
  readonly sender?: string;
}

export interface RevertVnfSnapshotOptions extends RevertOptions {
  /** Absent: all that the snapshot holds. */
  readonly vnfcIds?: readonly string[];
  readonly consistent?: boolean;
  /** Shut the compute resources down first (6.4.3 step 5). Default: they are frozen, not shut down. */
  readonly stopFirst?: boolean;
  /** Detach the volumes for the time of the reversion (6.4.3 steps 9 and 21). */
  readonly detachDisks?: boolean;
  /**
   * Capture the VNFCs as they are before the first is touched, so that a reversion that fails can be taken back. Costs
   * one more snapshot for as long as the reversion lasts. Default: yes, where the VIM can.
   */
  readonly safetyPoint?: boolean;
  readonly runId?: string;
  readonly sender?: string;
}

export const resourceOf = (vnfc: Vnfc): string => vnfc.resource ?? vnfc.id;

/** @throws OrdealError of kind unknown-target, with the VNFs that there are */
export function vnfOf({ descriptor, file }: LocatedService, id: string): Vnf {
  const vnf = descriptor.vnfs.find((v) => v.id === id);
  if (vnf !== undefined) return vnf;
  throw new OrdealError('unknown-target', `VNF "${id}" is not in service "${descriptor.id}"`, {
    expected: `one of ${descriptor.vnfs.map((v) => v.id).join(', ')}`,
    remedy: `See ${file}; nothing was touched.`,
  });
}

export function assertVnfcs(vnf: Vnf, ids: readonly string[], where: string): void {
  const unknown = ids.filter((id) => !vnf.vnfcs.some((c) => c.id === id));
  if (unknown.length === 0) return;
  throw new OrdealError('unknown-target', `VNF "${vnf.id}" has no VNFC ${unknown.map((u) => `"${u}"`).join(', ')}`, {
    where,
    expected: `one of ${vnf.vnfcs.map((c) => c.id).join(', ')}`,
    remedy: 'Nothing was touched.',
  });
}
