import type { RunRecord } from '../model/run-record.js';

/**
 * Whatever a test finds of the service: a fault without its dose, a run that was stopped or that failed, proves nothing
 * and is never a pass.
 * @returns what was expected and did not come, or undefined when the run proves something
 */
export function whatIsUnproven({ stopped, verdicts, errors }: RunRecord): string | undefined {
  if (stopped !== undefined) return 'the test runs to its end';
  if (verdicts.injection !== 'confirmed') return 'the fault is injected, in its dose';
  if (errors.length > 0) return 'the test runs without a failure of its own';
  return undefined;
}

/** Of each fault that was not confirmed: what it was, and how that was measured. */
export const unconfirmed = ({ injections }: RunRecord): string[] =>
  injections.filter((i) => i.verdict !== 'confirmed').map((i) => `${i.kind}: ${i.verdict}, ${i.how}`);
