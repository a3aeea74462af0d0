import type { FaultReading, Injection } from '../../model/fault.js';
import type { Seen } from './domains.js';
import type { Target } from './fault-targets.js';

/** How one kind of fault is put into one domain that runs, and taken out of it again. */
export interface Means {
  /** In a sentence, for capabilities(). */
  readonly how: string;
  /** What heal must know; asked before anything changes. @throws when the fault could not be healed, or strike nothing */
  before(seen: Seen, injection: Injection): Promise<Target['before']>;
  on(seen: Seen, injection: Injection, before: Target['before']): Promise<void>;
  measure(seen: Seen, injection: Injection, before: Target['before']): Promise<FaultReading>;
  /** Idempotent. Called only while the QEMU of the injection lives: with it the fault has gone too. */
  off(seen: Seen, injection: Injection, before: Target['before']): Promise<void>;
}
