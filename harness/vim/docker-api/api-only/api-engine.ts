import type { Capability } from '../../../model/capability.js';
import type { OciContainer, OciEngine } from '../../oci/engine.js';
import type { Archives } from './archives.js';

/** What a daemon can do by its own calls, in the words of `capabilities()`. */
export interface ApiNature {
  /** Why it pauses no container; undefined: it does. */
  readonly cannotPause: string | undefined;
  /** Why there is no memory; undefined: there is. */
  readonly cannotDump: string | undefined;
  /** How memory is captured, and what that costs. */
  readonly memory: string;
  readonly connections: Capability;
  readonly fileLocks: Capability;
  /** What of it cannot be had from the daemon, and be given to another one. */
  readonly memoryStays: string | undefined;
}

/**
 * A daemon of which nothing but its API can be reached, with its own checkpoints. A dump has a name of ours; where it is given
 * away it lies in a file of the snapshot, else with the daemon.
 */
export interface ApiEngine extends OciEngine {
  /** As its users call it. */
  readonly daemon: string;
  readonly archives: Archives;
  nature(): Promise<ApiNature>;
  pause(container: OciContainer): Promise<void>;
  /** true: a checkpoint ends the container, which `goOn` brings back; it cannot be paused meanwhile. */
  readonly endsAtCheckpoint: boolean;
  /** @param file where a dump that is given away is written to */
  checkpoint(container: OciContainer, name: string, file: string): Promise<void>;
  /** After a checkpoint that has ended it. */
  goOn(container: OciContainer): Promise<void>;
  /** Why this dump is not there any more; undefined: it is. */
  lacksCheckpoint(container: OciContainer, name: string, file: string): Promise<string | undefined>;
  deleteCheckpoint(container: OciContainer, name: string): Promise<void>;
  /** Prerequisite: it has ended, and its files are those of then. @throws when its memory does not come back */
  startFrom(container: OciContainer, name: string, file: string): Promise<void>;
}
