import type { FaultReading, Injection } from '../../model/fault.js';
import type { InstanceSnapshot } from '../../model/snapshot.js';
import type { ComputeState, CreateSnapshotRequest, RevertOptions } from '../../model/vim.js';
import type { VirtualLinkInfo } from '../../model/vnf-info.js';
import type { ServicePlan } from './host/plan.js';

/** Raised when a driver and a host of different make could misunderstand each other. */
export const protocolVersion = 2;

interface Captured {
  readonly id: string;
  readonly computeId: string;
  readonly pausedMs: number;
  readonly frozenAtMs: number;
}

/**
 * When a client asked for something that does harm, on the monotonic clock of the machine; absent: now. A client that was stopped
 * between asking and sending may have lost its run to another process, and sends all the same when it wakes up.
 */
export interface Asked {
  readonly askedAtMs?: number;
}

/** What goes with the time at which it was asked for. */
export const harmful: ReadonlySet<HostMethod> = new Set<HostMethod>([
  ...(['stop', 'pause', 'quiesce', 'detach', 'capture', 'revert'] as const),
  ...(['quarantine', 'restoreAsNew', 'switchOver', 'inject'] as const),
]);

/** After so many milliseconds what was asked for is not done any more: less than a run's lease, but for leases below 1.1 s. */
export const staleAfterMs = 1000;

/** What the driver may ask of the host: one JSON-RPC method each, with one object of parameters. */
export interface HostApi {
  hello(p: object): { readonly version: number; readonly serviceId: string; readonly pid: number };
  instantiate(p: { plan: ServicePlan; maxLifetimeMs?: number }): void;
  terminate(p: object): void;
  locate(p: { resource: string }): { readonly computeId: string };
  inspect(p: { compute: string }): ComputeState;
  links(p: object): VirtualLinkInfo[];
  start(p: { compute: string }): void;
  stop(p: { compute: string; graceMs: number }): 'graceful' | 'forced' | 'was-off';
  logs(p: { compute: string }): readonly string[];
  pause(p: { compute: string }): number;
  resume(p: { compute: string }): void;
  quiesce(p: { compute: string; deadlineMs: number }): void;
  unquiesce(p: { compute: string }): void;
  attach(p: { compute: string; disk: string }): void;
  detach(p: { compute: string; disk: string }): void;
  capture(p: { compute: string; request: CreateSnapshotRequest }): Captured;
  store(p: { captured: string }): InstanceSnapshot;
  discard(p: { captured: string }): void;
  revert(p: { compute: string; snapshot: string; options: RevertOptions }): void;
  quarantine(p: { compute: string; runId: string }): void;
  unquarantine(p: { compute: string; runId: string }): void;
  restoreAsNew(p: { snapshot: string; runId: string }): { readonly computeId: string };
  switchOver(p: { pairs: readonly { readonly resource: string; readonly to: string }[]; runId: string }): void;
  release(p: { compute: string; runId: string }): void;
  ownedBy(p: { runId?: string }): readonly ComputeState[];
  inject(p: { injection: Injection }): void;
  renew(p: { injection: Injection }): { readonly isOn: boolean };
  verify(p: { injection: Injection }): FaultReading;
  heal(p: { injection: Injection }): void;
  active(p: object): readonly Injection[];
}

export type HostMethod = keyof HostApi;
export type Params<M extends HostMethod> = Parameters<HostApi[M]>[0] & Asked;
export type Result<M extends HostMethod> = ReturnType<HostApi[M]>;

/** The host as it handles a method; `client` is what came in on this connection. */
export type HostHandlers = {
  [M in HostMethod]: (params: Params<M>, client: ClientHandle) => Promise<Result<M>> | Result<M>;
};

export interface ClientHandle {
  /** Done when the connection ends, in whatever way. */
  onGone(work: () => void): void;
  /** @returns false when it gave no sign of life within so many milliseconds, or has gone */
  answers(withinMs: number): Promise<boolean>;
}

/** Where a running host is found: `<state folder>/embedded/<service>/host.json`. */
export interface HostFile {
  readonly version: number;
  readonly pid: number;
  readonly socket: string;
  readonly startedAt: string;
}
