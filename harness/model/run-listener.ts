import type { RunRecord, StageName } from './run-record.js';

/** What is known of a run when it starts. */
export interface RunInfo {
  readonly id: string;
  readonly title: string;
  readonly service: string;
  /** What will be done, a line each, as `--dry-run` prints it. */
  readonly plan: readonly string[];
}

/** Told while a run goes on, so that a person can watch it. A listener never throws and never delays the run. */
export interface RunListener {
  started(info: RunInfo): void;
  /** @param note figures with units; empty when there is nothing to say yet */
  stage(name: StageName, state: 'running' | 'done' | 'failed' | 'skipped', note: string): void;
  note(text: string): void;
  finished(record: RunRecord): void;
}
