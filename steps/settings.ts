import { resolve } from 'node:path';
import type { RunListener } from '../harness/model/run-listener.js';
import type { RunRecord } from '../harness/model/run-record.js';
import type { Plan } from '../harness/online-test/plan.js';
import { OrdealError } from '../harness/util/errors.js';

/** What the caller of cucumber decides. Cucumber builds its worlds itself, so this is the one way in. */
export interface Settings {
  readonly services: ReadonlyMap<string, string>;
  readonly stateFolder: string;
  readonly outFolder: string;
  readonly listeners: readonly RunListener[];
  readonly signal: AbortSignal;
  /** Stop each scenario once its plan is made. */
  readonly planOnly: boolean;
  readonly planned: (plan: Plan) => void;
  readonly ran: (record: RunRecord) => void;
}

/** For `cucumber-js` called without `ordeal run`. */
let current: Settings = {
  services: new Map(),
  stateFolder: resolve(process.env.ORDEAL_STATE ?? '.ordeal'),
  outFolder: resolve('reports/out'),
  listeners: [],
  signal: new AbortController().signal,
  planOnly: false,
  planned: () => undefined,
  ran: () => undefined,
};

export const settings = (): Settings => current;

export function useSettings(next: Settings): void {
  current = next;
  ended = undefined;
}

/** Why the scenarios that are left are not begun. */
let ended: string | undefined;

/** Who stops a run from another terminal does not want the next scenario to begin. */
export function endEarly(reason: string): void {
  ended = reason;
}

/** @throws OrdealError of kind interrupted */
export function throwIfEnded(): void {
  if (ended !== undefined) throw new OrdealError('interrupted', 'The scenario was not begun', { cause: ended });
}

/** What the failing steps threw, in order: cucumber keeps only their text, and the exit code needs the verdicts. */
export const thrown: unknown[] = [];
