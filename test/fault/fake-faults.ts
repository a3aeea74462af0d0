import { type CheckedFault, checkFault, type FaultRequest } from '../../harness/fault/catalogue.js';
import { Injector, type InjectorContext } from '../../harness/fault/injector.js';
import type { FaultReading, Injection } from '../../harness/model/fault.js';
import type { JournalAction } from '../../harness/model/journal.js';
import type { NativeFaults } from '../../harness/model/vim.js';

/** Everything that happens, in order: `intend stall`, `inject stall`, `done 1`, `heal stall`, `settle 1`. */
export type Told = string[];

/** Faults in memory, which tell what is done to them; a test makes them misbehave. */
export class FakeFaults implements NativeFaults {
  readonly kinds = [];
  readonly on = new Map<string, Injection>();
  reading: FaultReading = { effective: true, measured: {}, how: 'fake' };

  constructor(readonly told: Told) {}

  async inject(injection: Injection): Promise<void> {
    this.told.push(`inject ${injection.kind}`);
    this.on.set(injection.id, injection);
  }

  async verify(injection: Injection): Promise<FaultReading> {
    this.told.push(`verify ${injection.kind}`);
    return this.reading;
  }

  /** Undefined for a VIM whose dead man's switch cannot be put off. */
  renew?: (injection: Injection) => Promise<boolean> = async (injection) => {
    this.told.push(`renew ${injection.kind}`);
    return this.on.has(injection.id);
  };

  async heal(injection: Injection): Promise<void> {
    this.told.push(`heal ${injection.kind}`);
    this.on.delete(injection.id);
  }

  async active(): Promise<readonly Injection[]> {
    return [...this.on.values()];
  }
}

/** A journal in memory: the entries that are open, the latest last. */
export class FakeJournal {
  readonly open: number[] = [];
  readonly actions: JournalAction[] = [];

  constructor(readonly told: Told) {}

  intend(_: string, action: JournalAction): number {
    this.actions.push(action);
    this.open.push(this.actions.length);
    this.told.push(`intend ${action.type === 'fault' ? action.injection.kind : action.type}`);
    return this.actions.length;
  }

  done(entry: number): void {
    this.told.push(`done ${entry}`);
  }

  settle(entry: number): void {
    this.told.push(`settle ${entry}`);
    if (this.open.includes(entry)) this.open.splice(this.open.indexOf(entry), 1);
  }
}

/** @param more of the context that a test needs otherwise */
export function fakeInjector(more: Partial<InjectorContext> = {}) {
  const told: Told = [];
  const faults = new FakeFaults(told);
  const journal = new FakeJournal(told);
  const injector = new Injector({
    runId: 'run-1',
    journal,
    nowMs: () => performance.now(),
    seed: 7,
    vimOf: () => ({ kind: 'fake', faults }),
    expiresAfterMs: 60_000,
    ...more,
  });
  return { told, faults, journal, injector };
}

export const fault = (kind: string, more: Partial<FaultRequest> = {}): CheckedFault =>
  checkFault({ kind, target: { vnfc: 'store-1' }, ...more }, 'test');
