import { runRecord, stageNames } from '../../../harness/model/run-record.js';
import { common, indicator, probes, procedure, restoreSnapshot, type SampleRun } from './parts.js';
import { outagesOf, samplesOf } from './samples.js';

/** One worker crashes, and the gateway's own fail-over answers for it. */
export function recoveredRun(seed = 1): SampleRun {
  const [faultMs, backMs] = [5640, 6890];
  const samples = samplesOf(
    {
      endMs: 13_900,
      probes,
      rateHz: 50,
      failure: (at, chance) => (at > faultMs && at < backMs && chance < 0.55 ? '502' : undefined),
      slower: (at) => (at > faultMs && at < backMs + 900 ? 3 * ((backMs + 900 - at) / 2200) : 0),
    },
    seed,
  );
  const outages = outagesOf(samples, probes);
  const back = Math.max(...outages.map((o) => o.firstGoodMs ?? 0));
  const times: readonly [number, number, string][] = [
    [0, 280, 'crash of worker-1, 5 VNFCs of gateway in the blast radius, snapshots warm'],
    [300, 5300, '500 samples at 100 Hz, steady'],
    [5300, 5600, '5 VNFCs warm, 40 MiB, paused at most 4.7 ms, skew 0.41 ms'],
    [5620, 5710, 'crash of worker-1 confirmed: process gone 41 ms after the request'],
    [5710, 10_640, 'unreachable for 1.24 s, 61 of 496 requests lost'],
    [10_640, 13_640, '300 samples at 100 Hz'],
    [13_640, 13_702, 'as before: 12 of 12 indicators'],
  ];
  const record = {
    ...common(seed),
    id: 'run-20261122T025814-4f2a9c',
    title: 'The gateway survives the crash of a worker',
    finishedMs: 13_960,
    plan: [
      'Place: worker-1 of VNF gateway, VIM embedded',
      'Fault: crash',
      'Snapshots: warm, consistent, 5 VNFCs; granted by the embedded NFVO',
      'Expected recovery: within 5 s, by health checks and fail-over in lb-1',
    ],
    stages: stageNames.map((name, i) => {
      const [fromMs, toMs, note] = times[i] ?? [13_702, 13_702, 'not needed'];
      return { name, state: i < times.length ? ('done' as const) : ('skipped' as const), fromMs, toMs, note };
    }),
    phases: [
      { name: 'baseline', fromMs: 300, toMs: 5300 },
      { name: 'snapshot', fromMs: 5300, toMs: 5600 },
      { name: 'fault', fromMs: faultMs, toMs: 6100 },
      { name: 'reaction', fromMs: faultMs, toMs: 10_640 },
      { name: 'measurement', fromMs: 10_640, toMs: 13_640 },
    ],
    injections: [
      {
        id: 'fault-1',
        kind: 'crash',
        target: { vnfc: 'worker-1' },
        params: {},
        injectedMs: faultMs,
        healedMs: 6100,
        verdict: 'confirmed' as const,
        measured: { running: false },
        how: 'the worker thread has exited',
      },
    ],
    indicators: probes.flatMap((p) => [
      indicator(p, 'requestRate', '1/s', 50, 49.9, 2.5, 'as-before', 'the difference is within the margin'),
      indicator(p, 'errorRatio', 'ratio', 0, 0, 0.01, 'as-before', 'the difference is within the margin'),
      indicator(p, 'latencyP50', 'ms', 1.42, 1.44, 0.5, 'as-before', 'the difference is within the margin'),
      indicator(p, 'latencyP95', 'ms', 2.61, 2.58, 1, 'as-before', 'the difference is within the margin'),
      indicator(p, 'latencyP99', 'ms', 6.1, 6.4, 2, 'as-before', 'the difference is within the margin'),
      indicator(p, 'availability', 'ratio', 1, 1, 0.001, 'as-before', 'the difference is within the margin'),
    ]),
    outages,
    timeToRecoverMs: back - faultMs,
    recovery: 'within' as const,
    snapshots: [restoreSnapshot],
    packages: [],
    verdicts: {
      service: 'recovered' as const,
      injection: 'confirmed' as const,
      restoration: 'not-needed' as const,
      evidence: 'not-needed' as const,
    },
    exitCode: 0,
    errors: [],
    trace: procedure(),
  };
  return { record: runRecord.parse(record), samples };
}
