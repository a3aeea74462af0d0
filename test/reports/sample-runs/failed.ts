import { runRecord, stageNames } from '../../../harness/model/run-record.js';
import { common, indicator, probes, procedure, restoreSnapshot, type SampleRun } from './parts.js';
import { outagesOf, samplesOf } from './samples.js';

/** The store stalls, nobody fences it; the service is restored from the snapshots and the evidence is exported. */
export function failedRun(seed = 2): SampleRun {
  const [faultMs, switchedMs, endMs] = [5640, 14_920, 18_200];
  const samples = samplesOf(
    {
      endMs,
      probes,
      rateHz: 50,
      failure: (at, chance) =>
        at > faultMs && at < switchedMs - 900 && chance < 0.8 ? (chance < 0.5 ? 'timeout' : '503') : undefined,
      slower: (at) => (at > faultMs && at < switchedMs - 900 ? 40 : at > 5310 && at < 5345 ? 9 : 0),
    },
    seed,
  );
  const outages = outagesOf(samples, probes);
  const times: readonly [number, number, string][] = [
    [0, 280, 'stall of store-1, 5 VNFCs of gateway in the blast radius, snapshots warm'],
    [300, 5300, '500 samples at 100 Hz, steady'],
    [5300, 5600, '5 VNFCs warm, 40 MiB, paused at most 4.7 ms, skew 0.41 ms'],
    [5620, 5710, 'stall of store-1 confirmed: no event handled for 60 ms'],
    [5710, 10_640, 'not back after 5 s'],
    [10_640, 13_640, '300 samples at 100 Hz, 241 of them failed'],
    [13_640, 14_980, 'not as before: 10 of 12 indicators; store-1 quarantined, restored as store-1~2'],
    [15_100, 16_900, 'store-1: 16.8 MiB exported to gateway-forensic.zip'],
  ];
  const worse = 'the lower end of the interval is beyond the margin';
  const record = {
    ...common(seed),
    id: 'run-20261122T025814-9b11e0',
    title: 'The gateway survives the stall of the session store',
    finishedMs: 18_260,
    plan: [
      'Place: store-1 of VNF gateway, VIM embedded',
      'Fault: stall',
      'Snapshots: warm, consistent, 5 VNFCs; granted by the embedded NFVO',
      'Expected recovery: within 5 s, by health checks and fail-over in lb-1',
      'If it does not recover: quarantine store-1, restore as new, switch over, export the failed one',
    ],
    stages: stageNames.map((name, i) => {
      const [fromMs, toMs, note] = times[i] ?? [0, 0, ''];
      return { name, state: 'done' as const, fromMs, toMs, note };
    }),
    phases: [
      { name: 'baseline', fromMs: 300, toMs: 5300 },
      { name: 'snapshot', fromMs: 5300, toMs: 5600 },
      { name: 'fault', fromMs: faultMs, toMs: 13_650 },
      { name: 'reaction', fromMs: faultMs, toMs: 10_640 },
      { name: 'measurement', fromMs: 10_640, toMs: 13_640 },
      { name: 'restoration', fromMs: 13_640, toMs: 14_980 },
      { name: 'after', fromMs: 14_980, toMs: endMs },
    ],
    injections: [
      {
        id: 'fault-1',
        kind: 'stall',
        target: { vnfc: 'store-1' },
        params: {},
        injectedMs: faultMs,
        healedMs: 13_650,
        verdict: 'confirmed' as const,
        measured: { stalledMs: 60 },
        how: 'the VNFC handled no event although three were waiting',
      },
    ],
    indicators: probes.flatMap((p) => [
      indicator(p, 'requestRate', '1/s', 50, 9.8, 2.5, 'worse', worse),
      indicator(p, 'errorRatio', 'ratio', 0, 0.803, 0.01, 'worse', worse),
      indicator(p, 'latencyP50', 'ms', 1.42, 1000, 0.5, 'worse', worse),
      indicator(p, 'latencyP95', 'ms', 2.61, 1002, 1, 'worse', worse),
      indicator(p, 'latencyP99', 'ms', 6.1, 1002, 2, 'worse', worse),
      indicator(p, 'availability', 'ratio', 1, 0.197, 0.001, 'worse', worse),
    ]),
    outages,
    timeToRecoverMs: null,
    recovery: 'beyond' as const,
    snapshots: [
      restoreSnapshot,
      {
        id: 'snap-20261122T025829-77b0c1',
        vnf: 'gateway',
        purpose: 'forensic' as const,
        vnfcs: [{ id: 'store-1', type: 'warm' as const, bytes: 16_777_216, pausedMs: 0 }],
      },
    ],
    packages: [
      {
        file: 'reports/out/run-20261122T025814-9b11e0/gateway-forensic.zip',
        sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
        bytes: 17_612_903,
      },
    ],
    verdicts: {
      service: 'failed' as const,
      injection: 'confirmed' as const,
      restoration: 'restored' as const,
      evidence: 'exported' as const,
    },
    exitCode: 30,
    errors: [],
    trace: procedure(),
  };
  return { record: runRecord.parse(record), samples };
}
