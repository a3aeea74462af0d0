import type { FaultReading, Injection } from '../../../model/fault.js';
import type { Seen } from '../containers.js';

/** What heal must know, in the record of the injection. */
export type Before = Readonly<Record<string, number | string | boolean>>;

/** How one kind of fault is put into one container that runs, and taken out of it again. */
export interface Means {
  /** In a sentence, for capabilities(). */
  readonly how: string;
  /** Asked before anything changes. @throws when the fault could not be healed, or would strike nothing */
  before(seen: Seen, injection: Injection): Promise<Before>;
  on(seen: Seen, injection: Injection, before: Before): Promise<void>;
  measure(seen: Seen, injection: Injection, before: Before): Promise<FaultReading>;
  /** It ends when the injection expires, though nobody heals it. */
  readonly healsItself?: boolean;
  /** The fault is not in the process: what is started anew has it still. */
  readonly outlives?: boolean;
  /** Idempotent. Called only while the process of the injection lives, unless the fault outlives it. */
  off(seen: Seen, injection: Injection, before: Before): Promise<void>;
}
