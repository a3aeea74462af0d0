import type { Sample } from '../../../harness/model/probe.js';
import type { RunRecord } from '../../../harness/model/run-record.js';

/** What every made-up run has in common. */

export interface SampleRun {
  readonly record: RunRecord;
  readonly samples: readonly Sample[];
}

export const probes = ['sessions', 'health'];
export const vnfcs = ['lb-1', 'worker-1', 'worker-2', 'store-1', 'store-2'];

export const common = (seed: number) => ({
  schema: 'ordeal.run/1' as const,
  service: 'session-gateway',
  front: 'gherkin' as const,
  startedAt: '2026-11-22T02:58:14.120Z',
  expectedRecoveryMs: 5000,
  samplesFile: 'samples.jsonl',
  environment: { ordeal: '0.1.0', node: 'v20.19.0', platform: 'linux x64', vim: 'embedded', seed: String(seed) },
});

export const indicator = (
  probe: string,
  name: string,
  unit: string,
  before: number,
  after: number,
  margin: number,
  outcome: 'as-before' | 'worse' | 'better' | 'inconclusive',
  reason: string,
) => ({
  indicator: name,
  probe,
  unit,
  before,
  after,
  effect: after - before,
  interval: [after - before - margin / 5, after - before + margin / 5] as [number, number],
  margin,
  outcome,
  reason,
});

export const restoreSnapshot = {
  id: 'snap-20261122T025819-31aa07',
  vnf: 'gateway',
  purpose: 'restore' as const,
  vnfcs: vnfcs.map((id, i) => ({
    id,
    type: 'warm' as const,
    bytes: 4_194_304 * (1 + (i % 3)),
    pausedMs: 1.9 + 0.7 * i,
  })),
  skewMs: 0.41,
};

export const procedure = (outcome: 'done' | 'failed' = 'done') => [
  {
    clause: '6.5.1',
    step: 1,
    from: 'Sender',
    to: 'VNFM',
    what: 'create VNF Snapshot',
    atMs: 5312,
    outcome: 'done' as const,
  },
  {
    clause: '6.5.1',
    step: 4,
    from: 'VNFM',
    to: 'VNF',
    what: 'notify creation-start',
    atMs: 5316,
    outcome: 'done' as const,
  },
  {
    clause: '6.4.1',
    step: 17,
    from: 'VIM',
    to: 'NFVI',
    what: 'snapshot compute',
    atMs: 5330,
    outcome: 'done' as const,
  },
  { clause: '6.4.1', step: 21, from: 'VIM', to: 'VNFM', what: 'result', atMs: 5391, outcome, note: '5 VNFCs' },
];
