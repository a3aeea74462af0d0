import type { Worker } from 'node:worker_threads';
import type { Emission, ReactorState } from './thread-protocol.js';

/** What faults have made of the machine that the VNFC runs on; it outlives a reboot. */
export interface Environment {
  /** 0: all of the time. */
  readonly cpuShare: number;
  readonly clockOffsetMs: number;
  readonly memoryLimitPages: number;
  /** By disk id; what is not named is sound. */
  readonly disks: ReadonlyMap<
    string,
    { readonly limitBlocks?: number; readonly read: number; readonly write: number; readonly seed: number }
  >;
}

/** What a compute resource needs from the NFVI around it. */
export interface Surroundings<C> {
  readonly names: Readonly<Record<string, number>>;
  compiled(sha256: string): WebAssembly.Module;
  /** A thread that waits for its VNFC. */
  thread(): Worker;
  /** Its VNFC was retired. */
  takeBack(thread: Worker): void;
  environment(compute: C): Environment;
  /** It sent something. */
  out(compute: C, messages: readonly Emission[]): void;
  /** It was switched on or off, or it crashed. */
  changed(compute: C): void;
}

/** What is left of a VNFC that crashed: enough to look for the bug, not to run on. */
export interface Dump {
  readonly memory: WebAssembly.Memory;
  readonly globals: ReactorState['globals'];
  readonly reason: string;
}
