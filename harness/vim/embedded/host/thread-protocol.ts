import type { DiskShare } from './virtual-disk.js';

/** What the host and the thread of a VNFC say to each other; everything that is urgent goes through Control. */

/** A message for the VNFC: connection point, sender or handle, payload. */
export type Delivery = readonly [cp: number, from: number, data: Uint8Array];
/** A message from the VNFC: connection point, address or handle, payload. */
export type Emission = readonly [cp: number, to: number, data: Uint8Array];
export type LogLine = readonly [level: number, atMs: number, text: string];

/** What a VNFC is besides its memory and its disks, between two events. */
export interface ReactorState {
  readonly globals: readonly { readonly type: 'number' | 'bigint'; readonly value: string }[];
  readonly timers: readonly { readonly id: number; readonly leftMs: number }[];
  readonly inbox: readonly Delivery[];
  /** Milliseconds that it has run since it booted. */
  readonly monotonicMs: number;
  /** It has not run on_start yet. */
  readonly startPending: boolean;
}

export interface ThreadData {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly control: SharedArrayBuffer;
  readonly disks: readonly DiskShare[];
  readonly config: string;
  /** Addresses by resource name. */
  readonly names: Readonly<Record<string, number>>;
  readonly memoryLimitPages: number;
  /** Wait frozen for the state of a snapshot instead of booting. */
  readonly restore: boolean;
}

/** What the host may ask; each is answered between two events, also when the VNFC is frozen. */
export type Question =
  | { readonly what: 'freeze' }
  | { readonly what: 'capture'; readonly memory: SharedArrayBuffer | boolean; readonly disks: readonly DiskCopy[] }
  | { readonly what: 'restore'; readonly state: ReactorState }
  | { readonly what: 'limit'; readonly pages: number }
  | { readonly what: 'disk'; readonly index: number; readonly disk: DiskShare }
  | { readonly what: 'clock' }
  | { readonly what: 'grow-beyond-limit' }
  | { readonly what: 'disk-errors'; readonly index: number; readonly tries: number }
  | { readonly what: 'disk-room'; readonly index: number };

export interface DiskCopy {
  readonly index: number;
  readonly into: SharedArrayBuffer;
}

export interface Answers {
  freeze: { readonly atMs: number };
  capture: {
    readonly memory?: SharedArrayBuffer;
    readonly memoryBytes: number;
    readonly state: ReactorState;
    readonly frozenAtMs: number;
    readonly tookMs: number;
  };
  restore: undefined;
  limit: { readonly pages: number };
  disk: undefined;
  clock: { readonly wallMs: number };
  'grow-beyond-limit': { readonly pages: number; readonly limitPages: number; readonly refused: boolean };
  'disk-errors': { readonly tries: number; readonly readErrors: number; readonly writeErrors: number };
  'disk-room': { readonly bytes: number; readonly refused: boolean };
}

export type ToThread =
  | { readonly t: 'messages'; readonly messages: readonly Delivery[] }
  | { readonly t: 'thaw' }
  | { readonly t: 'collect' }
  /** Nobody needs the VNFC any more; the thread is to wait for another one. */
  | { readonly t: 'retire' }
  | { readonly t: 'ask'; readonly id: number; readonly question: Question }
  /** Passes through the inbox like any event and is answered when its turn comes; `spinMs` keeps the VNFC busy. */
  | { readonly t: 'probe'; readonly id: number; readonly spinMs: number };

export type FromThread =
  | { readonly t: 'ready' }
  | { readonly t: 'started' }
  | { readonly t: 'out'; readonly messages: readonly Emission[]; readonly logs: readonly LogLine[] }
  | { readonly t: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly t: 'refused'; readonly id: number; readonly reason: string }
  | { readonly t: 'probed'; readonly id: number; readonly atMs: number }
  | { readonly t: 'retired' }
  | { readonly t: 'ended'; readonly code: number; readonly reason: string; readonly globals: ReactorState['globals'] };
