import type { Sample } from '../../harness/model/probe.js';
import { probeStopCondition } from '../../harness/model/stop-condition.js';

export const sample = (atMs: number, ok: boolean, tookMs = 5, probe = 'p'): Sample => ({
  probe,
  intendedMs: atMs - tookMs,
  sentMs: atMs - tookMs,
  doneMs: atMs,
  ok,
  outcome: ok ? '200' : '503',
});
export const condition = (change: Record<string, unknown> = {}) =>
  probeStopCondition.parse({ kind: 'probe', probe: 'p', indicator: 'errorRatio', above: 0.5, ...change });
