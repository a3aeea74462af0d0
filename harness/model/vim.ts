import type { CapabilityTable } from './capability.js';
import type { FaultReading, Injection } from './fault.js';
import type { Hosting } from './hosting.js';
import type { LocatedService } from './network-service.js';
import type { InstanceSnapshot, SnapshotChange } from './snapshot.js';
import type { SnapshotType } from './snapshot-descriptor.js';
import type { PowerState, VirtualLinkInfo } from './vnf-info.js';

/**
 * The VIM boundary. A VIM knows compute resources, not VNFs: a VNFC has a stable `resource` name (domain, container,
 * pod), and `locate` tells the id of the compute resource that stands in its place now. Every method may throw
 * OrdealError; drivers classify their own errors (vim-unreachable is transient, vim-failed is not).
 */
export interface Vim extends AsyncDisposable {
  readonly kind: string;
  capabilities(): Promise<CapabilityTable>;
  /** @throws OrdealError of kind unknown-target */
  locate(resource: string): Promise<ComputeId>;
  inspect(compute: ComputeId): Promise<ComputeState>;
  links(): Promise<readonly VirtualLinkInfo[]>;
  /** Prerequisite: off or crashed. On success: on, freshly booted. */
  start(compute: ComputeId): Promise<void>;
  /** Graceful first, forced after `graceMs`. Idempotent. @returns how it ended */
  stop(compute: ComputeId, options?: { graceMs?: number }): Promise<'graceful' | 'forced' | 'was-off'>;
  readonly snapshots: Snapshots;
  readonly pausing?: Pausing;
  readonly quiescing?: Quiescing;
  readonly storage?: StorageAttachment;
  readonly replacement?: Replacement;
  readonly instantiation?: Instantiation;
  readonly faults?: NativeFaults;
  readonly logs?: Logs;
  readonly replay?: Replay;
  readonly exclusion?: Exclusion;
  readonly hosting?: Hosting;
}

/** Names one compute resource of the VIM: a container of the report's "virtualised container" kind. */
export type ComputeId = string;

export interface ComputeState {
  readonly computeId: ComputeId;
  readonly resource: string;
  readonly powerState: PowerState;
  /** Why it is not running, or what else an operator should know; empty when all is well. */
  readonly condition: string;
  /** Which run owns it (quarantined or restored by that run); absent when no run does. */
  readonly runId?: string;
  readonly quarantined: boolean;
  readonly startedAt?: string;
  readonly resources: { readonly memoryBytes: number; readonly vcpus: number };
  readonly disks: readonly { readonly id: string; readonly sizeBytes: number; readonly attached: boolean }[];
  /** `address` is where an external connection point is reached (http://127.0.0.1:8080), else the address on the link. */
  readonly connectionPoints: readonly {
    readonly id: string;
    readonly address: string;
    readonly link?: string;
    readonly up: boolean;
  }[];
}

export interface CreateSnapshotRequest {
  readonly name: string;
  readonly description?: string;
  readonly type: SnapshotType;
  readonly memory?: 'internal' | 'external';
  readonly disk?: { readonly file?: 'internal' | 'external'; readonly copy?: 'sequential' | 'incremental' };
  /** Disk ids to include; absent means all that are not independent. */
  readonly volumes?: readonly string[];
  readonly metadata?: Readonly<Record<string, string>>;
  readonly runId?: string;
  /** Leave it running, or stop it once captured. Default: as it was. */
  readonly after?: 'as-before' | 'stopped';
  /** Where the images go; absent: where the VIM keeps them. */
  readonly path?: string;
  /** Milliseconds for the capture; 0 means none. */
  readonly deadlineMs?: number;
}

/**
 * Captured but not yet durable: the VNFC runs again while `store` writes. Nothing is listed before `store` is done.
 * One of `store` and `discard` is to be called; `discard` after a `store` that failed is harmless.
 */
export interface CapturedSnapshot {
  readonly id: string;
  readonly computeId: ComputeId;
  readonly pausedMs: number;
  /** Milliseconds on the VIM's monotonic clock at which the state was frozen; comparable within one VIM. */
  readonly frozenAtMs: number;
  store(): Promise<InstanceSnapshot>;
  discard(): Promise<void>;
}

export interface SnapshotFilter {
  readonly ids?: readonly string[];
  readonly resource?: string;
  readonly name?: string;
  readonly runId?: string;
  readonly type?: SnapshotType;
}

/** What stands in the way of a capture, or is to be known of it. */
export interface Obstacle {
  /** In a sentence after its subject: `disk vda is shared with other domains`. */
  readonly what: string;
  readonly remedy: string;
  /** It cannot be captured as it was asked for; else it can, and this is to be known. */
  readonly prevents: boolean;
}

export interface Snapshots {
  /**
   * Everything that a capture would stumble over, found before anything is touched. Absent: the VIM knows of nothing that
   * its capabilities do not say. @throws OrdealError for a request that no compute resource could fulfil
   */
  preflight?(compute: ComputeId, request: CreateSnapshotRequest): Promise<readonly Obstacle[]>;
  /**
   * Prerequisite: the VNFC is on, suspended (then it stays so) or off (cold only). On success: in the same state as
   * before. On failure: nothing changed, nothing stored. Source: GR NFV-TST 005, 6.4.1 steps 17 to 20.
   */
  capture(compute: ComputeId, request: CreateSnapshotRequest): Promise<CapturedSnapshot>;
  /**
   * In place: the compute resource gets the state of the snapshot. Source: 6.4.3 steps 13 to 16.
   * @param state after the revert; absent: the state at the time of the snapshot.
   */
  revert(compute: ComputeId, snapshotId: string, options?: RevertOptions): Promise<void>;
  list(filter?: SnapshotFilter): Promise<InstanceSnapshot[]>;
  /** @throws OrdealError of kind snapshot-missing */
  show(snapshotId: string): Promise<InstanceSnapshot>;
  update(snapshotId: string, change: SnapshotChange): Promise<InstanceSnapshot>;
  delete(snapshotIds: readonly string[], options?: { consolidate?: boolean }): Promise<void>;
  /** The image files of the snapshot, to be streamed into a package. Held in memory at no time. */
  exportImages(snapshotId: string): Promise<readonly SnapshotImage[]>;
  /** Takes images as exportImages gave them, on this machine or another. */
  importImages(record: InstanceSnapshot, images: readonly SnapshotImage[]): Promise<InstanceSnapshot>;
  /**
   * Clears away what processes that are no more had begun and not brought to its end: parts of snapshots, disks that nobody
   * uses. Touches nothing that a living process is at work on. Idempotent. Absent: the VIM does so by itself.
   * @returns what was cleared away, a line each
   */
  sweep?(): Promise<readonly string[]>;
}

export interface RevertOptions {
  readonly state?: 'on' | 'suspended' | 'off';
  readonly force?: boolean;
  readonly host?: string;
}

export interface SnapshotImage {
  /** File name within the snapshot: `memory.raw`, `disk-data.raw`, `state.json`. */
  readonly name: string;
  readonly role: 'memory' | 'disk' | 'state';
  readonly sizeBytes: number;
  open(): Promise<NodeJS.ReadableStream>;
}

export interface Pausing {
  /**
   * Freezes it where it stands; answers when it is frozen. Idempotent. A VIM that can thaws it by itself when who asked is
   * gone. @returns ms on the VIM's monotonic clock
   */
  pause(compute: ComputeId): Promise<number>;
  resume(compute: ComputeId): Promise<void>;
}

export interface Quiescing {
  /** The VIM unquiesces by itself after `deadlineMs`, whatever becomes of the caller. */
  quiesce(compute: ComputeId, deadlineMs: number): Promise<void>;
  unquiesce(compute: ComputeId): Promise<void>;
}

export interface StorageAttachment {
  attach(compute: ComputeId, diskId: string): Promise<void>;
  detach(compute: ComputeId, diskId: string): Promise<void>;
}

/** Steps 7 and 8 of clause 4.1.1.4: new containers from the snapshots, the failed ones kept for the root cause. */
export interface Replacement {
  /**
   * True: nothing of this VIM freezes a VNFC or brings its memory back. A quarantined one is cut off and goes on; a new one
   * boots from its settings and the disks of the snapshot. Absent: as the methods say.
   */
  readonly disksAlone?: boolean;
  /** Frozen, cut from every network, not restarted by anybody, not destroyed. Idempotent. */
  quarantine(compute: ComputeId, runId: string): Promise<void>;
  /** Undo of quarantine, as far as nothing has taken its place. Idempotent. */
  unquarantine(compute: ComputeId, runId: string): Promise<void>;
  /** A new compute resource with the state of the snapshot, paused and not connected. */
  restoreAsNew(snapshotId: string, runId: string): Promise<ComputeId>;
  /** The new one takes names and addresses of the old one, all of them together, then runs. */
  switchOver(pairs: readonly { readonly resource: string; readonly to: ComputeId }[], runId: string): Promise<void>;
  /** Destroys a quarantined or a never used restored resource of this run; refuses anything else. Idempotent. */
  release(compute: ComputeId, runId: string): Promise<void>;
  /** Everything that carries this run's id, or any run's. */
  ownedBy(runId?: string): Promise<readonly ComputeState[]>;
}

/** One run at a time on a service, also of runs that share no journal: the VIM keeps whose it is, where all see it. */
export interface Exclusion {
  /**
   * Idempotent by run. One whose holder was not heard of for its time is taken over, unless it left something behind.
   * @param forMs how long it may go without being renewed, in milliseconds @throws OrdealError of kind busy
   */
  claim(runId: string, forMs: number): Promise<void>;
  /** @returns false when it is not this run's any more */
  renew(runId: string, forMs: number): Promise<boolean>;
  /** Leaves another run's alone. Idempotent. */
  release(runId: string): Promise<void>;
}

/** Where the VIM can bring up the sample services by itself. */
export interface Instantiation {
  /** Everything that `instantiate` needs is there and valid. Touches nothing. @throws OrdealError as instantiate does */
  check?(service: LocatedService): Promise<void>;
  instantiate(service: LocatedService, signal?: AbortSignal): Promise<void>;
  terminate(): Promise<void>;
  /** True when the service certainly runs no more, not when it merely cannot be reached. */
  isGone?(): Promise<boolean>;
}

/** Faults that the VIM injects by its own means. Each names itself in capabilities() as `fault.<kind>`. */
export interface NativeFaults {
  readonly kinds: readonly string[];
  /** Idempotent by injection id. Must not return before the fault is on. */
  inject(injection: Injection): Promise<void>;
  /** Measures the effect at the target while the fault is on. */
  verify(injection: Injection): Promise<FaultReading>;
  /**
   * The dead man's switch begins anew: `expiresAfterMs` from now. Absent: the VIM has no such switch, or one that cannot
   * be put off. @returns false when the fault is not on any more
   */
  renew?(injection: Injection): Promise<boolean>;
  /** Idempotent; works when the target was restarted, replaced or is gone, and from another process. */
  heal(injection: Injection): Promise<void>;
  /** Injections that are on now, of every run. */
  active(): Promise<readonly Injection[]>;
}

/** A forensic snapshot brought back to the moment of its capture, for a debugger (clause 4.2.1). */
export interface Replay {
  /**
   * Prerequisite: the snapshot has memory. On success: a copy stands still at the moment of capture, on no network and on
   * disks of its own; no VNFC of any service is touched, and the snapshot may be deleted. On failure: nothing is left.
   */
  replay(snapshotId: string): Promise<ReplayedCopy>;
  /** Ends a copy, by its id or its name, and removes what belongs to it; refuses anything else. Idempotent. */
  end(compute: ComputeId): Promise<void>;
}

export interface ReplayedCopy {
  readonly computeId: ComputeId;
  /** What the VIM calls it. */
  readonly name: string;
  /** The unix socket of a gdb remote stub. */
  readonly gdbStub: string;
  /** An ELF core of its whole memory as it was captured. */
  readonly memoryDump: string;
}

/** What the VIM has of the VNFC's own words: evidence for the root cause analysis (clause 4.2.1). */
export interface Logs {
  /** Complete up to this moment; each line begins with its ISO 8601 time. Works for a VNFC that is off or crashed. */
  logs(compute: ComputeId): Promise<readonly VnfcLog[]>;
}

export interface VnfcLog {
  /** File name for the evidence: `store-1@1.log`. */
  readonly name: string;
  open(): Promise<NodeJS.ReadableStream>;
}

/** What a driver is given; its own options come from the descriptor's `vims` section and are its to check. */
export interface VimContext {
  readonly service: LocatedService;
  /** The folder of all state of this user of Ordeal (default .ordeal). */
  readonly stateFolder: string;
  readonly options: Readonly<Record<string, unknown>>;
}

export type VimFactory = (context: VimContext) => Promise<Vim>;
