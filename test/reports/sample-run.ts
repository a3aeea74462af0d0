import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Outage, Sample } from '../../harness/model/probe.js';
import { type RunRecord, runRecord, stageNames } from '../../harness/model/run-record.js';
import { seededRandom } from '../../harness/util/random.js';

/** Run records as the loop writes them, with samples that agree with them, for the tests of the reports. */

export interface SampleRun {
  readonly record: RunRecord;
  readonly samples: readonly Sample[];
}

interface Shape {
  readonly endMs: number;
  readonly probes: readonly string[];
  readonly rateHz: number;
  /** Whether a request intended at this moment fails, and with what. */
  readonly failure: (atMs: number, chance: number) => string | undefined;
  /** Added to the latency of a good answer. */
  readonly slower: (atMs: number) => number;
}

function samplesOf({ endMs, probes, rateHz, failure, slower }: Shape, seed: number): Sample[] {
  const random = seededRandom(seed);
  const step = 1000 / rateHz;
  return probes.flatMap((probe, n) => {
    const samples: Sample[] = [];
    for (let intendedMs = 300 + n * 7; intendedMs < endMs; intendedMs += step) {
      const outcome = failure(intendedMs, random());
      const sentMs = intendedMs + random() * 0.4;
      const tail = random() < 0.02 ? 8 * random() : 0;
      const latency = outcome === 'timeout' ? 1000 : outcome === undefined ? 1.1 + 1.6 * random() ** 3 + tail : 0.6;
      const doneMs = sentMs + latency + (outcome === undefined ? slower(intendedMs) : 0);
      samples.push({ probe, intendedMs, sentMs, doneMs, ok: outcome === undefined, outcome: outcome ?? '200' });
    }
    return samples;
  });
}

const outagesOf = (samples: readonly Sample[], probes: readonly string[]): Outage[] =>
  probes.flatMap((probe) => {
    const own = samples.filter((s) => s.probe === probe);
    const bad = own.filter((s) => !s.ok);
    const [first, last] = [bad[0], bad[bad.length - 1]];
    if (first === undefined || last === undefined) return [];
    const firstGood = own.find((s) => s.ok && s.intendedMs > last.intendedMs);
    const outage: Outage = {
      probe,
      lastGoodMs: own.filter((s) => s.ok && s.intendedMs < first.intendedMs).at(-1)?.intendedMs ?? 0,
      firstBadMs: first.intendedMs,
      lastBadMs: last.intendedMs,
      ...(firstGood === undefined ? {} : { firstGoodMs: firstGood.doneMs }),
      lost: bad.length,
    };
    return [outage];
  });

const probes = ['sessions', 'health'];
const vnfcs = ['lb-1', 'worker-1', 'worker-2', 'store-1', 'store-2'];

const common = (seed: number) => ({
  schema: 'ordeal.run/1' as const,
  service: 'session-gateway',
  front: 'gherkin' as const,
  startedAt: '2026-11-22T02:58:14.120Z',
  expectedRecoveryMs: 5000,
  samplesFile: 'samples.jsonl',
  environment: { ordeal: '0.1.0', node: 'v20.19.0', platform: 'linux x64', vim: 'embedded', seed: String(seed) },
});

const indicator = (
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

const restoreSnapshot = {
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

const procedure = (outcome: 'done' | 'failed' = 'done') => [
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

/** The worst night: not restored, still down, the fault still on, and names that are not meant to be read by browsers. */
export function lostRun(seed = 3): SampleRun {
  const { record, samples } = failedRun(seed);
  const cut = samples.filter((s) => s.intendedMs < 13_900);
  return {
    record: runRecord.parse({
      ...record,
      id: 'run-20261122T025814-c0ffee',
      title: 'A <script>alert("title")</script> & co. \u0001 "quoted"',
      outages: outagesOf(cut, probes),
      injections: record.injections.map(({ healedMs: _, ...i }) => i),
      verdicts: { service: 'failed', injection: 'confirmed', restoration: 'not-restored', evidence: 'incomplete' },
      packages: [],
      exitCode: 32,
      errors: [
        'VNFC "store-1~2" did not start: <no space> & nothing left. Free 16 MiB in the repository, then run `ordeal recover`.',
      ],
    }),
    samples: cut,
  };
}

/** Writes run.json and the samples as the loop does. @returns the run's folder */
export async function recordRun(outFolder: string, { record, samples }: SampleRun): Promise<string> {
  const folder = join(outFolder, record.id);
  await mkdir(folder, { recursive: true });
  const lines = samples.map((s) => JSON.stringify([s.probe, s.intendedMs, s.sentMs, s.doneMs, s.ok, s.outcome]));
  await writeFile(join(folder, record.samplesFile), `${lines.join('\n')}\n`);
  await writeFile(join(folder, 'run.json'), JSON.stringify(record, null, 2));
  return folder;
}
