import type { FaultRequest } from '../../../harness/fault/catalogue.js';
import type { StageName } from '../../../harness/model/run-record.js';
import { seededRandom } from '../../../harness/util/random.js';

/** What is done to a run. */
export const blows = [
  'harness killed',
  'harness stopped',
  'guard killed',
  'guard stopped',
  'harness and guard killed',
  'guard killed, harness stopped',
  'worker crashed',
  'worker crashed, harness killed',
  'host stopped',
  'host killed',
  'all killed',
  'all stopped',
] as const;
export type Blow = (typeof blows)[number];

/** In percent. A round is dearest where the host has to be started anew. */
const weights: Readonly<Record<Blow, number>> = {
  'harness killed': 24,
  'harness stopped': 14,
  'guard killed': 11,
  'guard stopped': 7,
  'harness and guard killed': 11,
  'guard killed, harness stopped': 5,
  'worker crashed': 7,
  'worker crashed, harness killed': 8,
  'host stopped': 5,
  'host killed': 3,
  'all killed': 2,
  'all stopped': 3,
};

/** When: so long after a stage has begun, at most, in milliseconds. As the stages last on a busy machine. */
const spans: Readonly<Record<StageName, number>> = {
  plan: 300,
  baseline: 1300,
  snapshot: 400,
  inject: 500,
  react: 900,
  measure: 700,
  judge: 1500,
  forensic: 500,
};
/** More often where more is at stake. */
const stages: readonly StageName[] = [
  ...(['plan', 'baseline', 'snapshot', 'snapshot', 'inject', 'inject', 'inject'] as const),
  ...(['react', 'react', 'measure', 'judge', 'judge', 'forensic'] as const),
];

export interface Draw {
  readonly blow: Blow;
  /** Of the first run of the group: the moment of the blow. */
  readonly stage: StageName;
  readonly afterMs: number;
  /** How long what is stopped stands still, where nobody else ends that, in milliseconds. */
  readonly stoppedMs: number;
  readonly runs: readonly { readonly fault: DrawnFault; readonly startsMs: number; readonly seed: number }[];
}

/** `primary` and `standby` are what the stores are at that moment. */
export interface DrawnFault extends FaultRequest {
  readonly isFatal: boolean;
}

type Random = () => number;
const urn = blows.flatMap((blow) => Array.from({ length: weights[blow] }, () => blow));
const pick = <T>(random: Random, from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
const on = (kind: string, vnfc: string, params?: Record<string, unknown>, durationMs = 600) => ({
  ...{ kind, target: { vnfc }, durationMs },
  ...(params === undefined ? {} : { params }),
});
const link = (kind: string, name: string, params: Record<string, unknown>) => ({
  ...{ kind, target: { link: name }, params, durationMs: 600 },
});
const way = { link: 'back', from: 'worker-1', to: 'primary' };

/** Every kind of fault, mild enough that the service recovers by itself. */
const passing: readonly FaultRequest[] = [
  { kind: 'crash', target: { vnfc: 'worker-1' } },
  { kind: 'crash', target: { vnfc: 'standby' } },
  on('shutdown', 'worker-1'),
  on('stall', 'worker-1'),
  on('stall', 'standby', undefined, 300),
  on('cpu-starvation', 'worker-1', { share: 0.3 }),
  on('clock-skew', 'primary', { offsetMs: 5000 }),
  on('memory-pressure', 'lb', { leaveBytes: 65_536 }),
  on('disk-full', 'standby'),
  on('disk-error', 'primary', { on: 'write' }),
  link('delay', 'back', { delayMs: 40 }),
  link('loss', 'front', { ratio: 0.2 }),
  link('duplication', 'front', { ratio: 0.3 }),
  link('reordering', 'front', { ratio: 0.3 }),
  link('corruption', 'front', { ratio: 0.2 }),
  link('rate', 'front', { bytesPerSecond: 20_000 }),
  { kind: 'partition', target: way, durationMs: 400 },
  { kind: 'link-cut', target: way, durationMs: 400 },
];
/** It lasts until the service is judged, and found worse. */
const fatal: FaultRequest = { kind: 'stall', target: { vnfc: 'worker-1' } };

export const faultKinds = [...new Set([...passing, fatal].map((f) => f.kind))];

/** Neighbouring seeds have neighbouring first numbers: FNV-1a drives them apart. */
const mixed = (...parts: readonly number[]): number =>
  [...parts.join('.')].reduce((hash, c) => Math.imul(hash ^ c.charCodeAt(0), 16_777_619), -2_128_831_035);

/** In these rounds of three groups every blow has its turn; in all others chance decides. */
const turns = { from: 2, rounds: 4 };

function turnOf(group: number, round: number): Blow | undefined {
  const turn = round - turns.from;
  return turn >= 0 && turn < turns.rounds ? blows[group * turns.rounds + turn] : undefined;
}

/** The same for the same seed, group and round; any one round can be had alone. */
export function drawRound(seed: number, group: number, round: number, lanes: number): Draw {
  const random = seededRandom(mixed(seed, group, round));
  const drawn = pick(random, urn);
  const blow = turnOf(group, round) ?? drawn;
  const stage = pick(random, stages);
  const isLate = stage === 'forensic' || (stage === 'judge' && random() < 0.7);
  // A run that has not begun when the blow falls is not struck.
  const spread = stage === 'plan' ? 150 : 900;
  const runs = Array.from({ length: lanes }, (_, i) => {
    const isFatal = (i === 0 && isLate) || random() < 0.15;
    const fault = { ...(isFatal ? fatal : pick(random, passing)), isFatal };
    return { fault, startsMs: i === 0 ? 0 : spread * random(), seed: Math.floor(random() * 2 ** 31) };
  });
  const afterMs = spans[stage] * random();
  const stoppedMs = 200 + 2800 * random();
  return { blow, stage, afterMs, stoppedMs, runs };
}
