import { z } from 'zod';
import { type AnyFaultKind, type FaultKind, faultKinds, faultParams, faultTarget } from '../model/fault.js';
import { OrdealError } from '../util/errors.js';
import { seededRandom } from '../util/random.js';
import { validate } from '../util/validate.js';
import { catalogue, type FaultRequest } from './catalogue.js';

/** One fault of a test, at its place in time. */
export interface TimedFault extends FaultRequest {
  /** Milliseconds after the first injection; default 0. */
  readonly afterMs?: number;
}

/** The same faults again and again: `times` in all, one beginning every `everyMs`. */
export interface Repeated {
  readonly repeat: readonly Composed[];
  readonly everyMs: number;
  readonly times: number;
}

/** One fault whose dose goes from one figure to another in equal steps, without a gap between them. */
export interface Ramped {
  readonly ramp: TimedFault;
  /** The parameter that changes: `delayMs`. */
  readonly parameter: string;
  readonly from: number;
  readonly to: number;
  /** At least 2: the first has the dose `from`, the last `to`. */
  readonly steps: number;
  readonly stepMs: number;
}

/** One after the other: each begins when the one before it has been healed. */
export interface Sequential {
  readonly sequence: readonly Composed[];
  /** Between a heal and the next injection, in milliseconds; default 0. */
  readonly pauseMs?: number;
}

/** All at their own times, which may overlap. */
export interface Parallel {
  readonly parallel: readonly Composed[];
}

/** Faults compose from parts; a part may be a composition itself. Plain data. */
export type Composed = TimedFault | Repeated | Ramped | Sequential | Parallel | Drawn;

/** Drawn at random; the seed is that of the test unless it is named. */
export interface Drawn {
  readonly random: Omit<RandomFaults, 'seed'> & { readonly seed?: number };
}

export interface ExpandOptions {
  /** For messages. */
  readonly where?: string;
  /** Of the test. */
  readonly seed?: number;
}

const invalid = (what: string, expected: string, where: string) =>
  new OrdealError('scenario-invalid', what, { where, expected, remedy: 'Nothing was touched.' });

/** The longest composition: more than this is a mistake in a number. */
const most = 1000;

/**
 * What a composition comes to: faults at their times, ordered by them. Pure; the same for the same composition.
 * @throws OrdealError of kind scenario-invalid: a figure out of range, or no end where the next part needs one
 */
export function expand(
  parts: readonly Composed[],
  { where = 'the faults', seed = 1 }: ExpandOptions = {},
): TimedFault[] {
  const context = { where, seed };
  const all = parts.flatMap((p) => expandOne(p, context));
  if (all.length > most) throw invalid(`The composition comes to ${all.length} faults`, `at most ${most}`, where);
  return all.sort((a, b) => startOf(a) - startOf(b));
}

type Context = Required<ExpandOptions>;

function expandOne(part: Composed, context: Context): TimedFault[] {
  if ('repeat' in part) return repeat(part, context);
  if ('ramp' in part) return ramp(part, context);
  if ('sequence' in part) return sequence(part, context);
  if ('random' in part) return randomFaults({ seed: context.seed, ...part.random }, context.where);
  return 'parallel' in part ? expand(part.parallel, context) : [part];
}

const startOf = ({ afterMs = 0 }: TimedFault): number => afterMs;
/** Milliseconds that it is on; undefined for one that lasts until the service is judged. An event is over by itself. */
const lengthOf = ({ kind, durationMs }: TimedFault): number | undefined =>
  durationMs ?? (catalogue.get(kind as AnyFaultKind)?.nature === 'event' ? 0 : undefined);
const later = (fault: TimedFault, byMs: number): TimedFault => ({ ...fault, afterMs: startOf(fault) + byMs });
const isCount = (n: number, least: number): boolean => Number.isInteger(n) && n >= least && n <= most;

function repeat({ repeat: parts, everyMs, times }: Repeated, context: Context): TimedFault[] {
  const { where } = context;
  if (!isCount(times, 1)) throw invalid(`A fault is repeated ${times} times`, `1 to ${most} times`, where);
  if (!(everyMs > 0)) throw invalid(`A fault is repeated every ${everyMs} ms`, 'more than 0 ms', where);
  const once = expand(parts, context);
  for (const fault of once) {
    const lasts = lengthOf(fault);
    if (times > 1 && (lasts === undefined || lasts > everyMs)) {
      const got = lasts === undefined ? 'has no duration' : `lasts ${lasts} ms`;
      throw invalid(`The repeated fault "${fault.kind}" ${got}`, `at most ${everyMs} ms, when it begins anew`, where);
    }
  }
  return Array.from({ length: times }, (_, i) => once.map((f) => later(f, i * everyMs))).flat();
}

function ramp({ ramp: fault, parameter, from, to, steps, stepMs }: Ramped, { where }: Context): TimedFault[] {
  if (!isCount(steps, 2)) throw invalid(`A ramp has ${steps} steps`, `2 to ${most} steps`, where);
  if (!(stepMs > 0)) throw invalid(`A step of a ramp lasts ${stepMs} ms`, 'more than 0 ms', where);
  if (!Number.isFinite(from) || !Number.isFinite(to)) throw invalid('A ramp has no ends', 'from and to', where);
  const whole = parameter in (fault.params ?? {}) ? Number.isInteger(fault.params?.[parameter]) : false;
  const isWhole = whole || parameter === 'bytesPerSecond' || parameter === 'leaveBytes';
  return Array.from({ length: steps }, (_, i) => {
    const dose = from + ((to - from) * i) / (steps - 1);
    const rounded = isWhole ? Math.round(dose) : Number(dose.toPrecision(6));
    const params = { ...fault.params, [parameter]: rounded };
    return { ...later(fault, i * stepMs), params, durationMs: stepMs };
  });
}

function sequence({ sequence: parts, pauseMs = 0 }: Sequential, context: Context): TimedFault[] {
  const { where } = context;
  const all: TimedFault[] = [];
  let nowMs = 0;
  for (const [i, part] of parts.entries()) {
    const faults = expandOne(part, context).map((f) => later(f, nowMs));
    all.push(...faults);
    if (i === parts.length - 1) break;
    for (const fault of faults) {
      const lasts = lengthOf(fault);
      if (lasts === undefined) {
        throw invalid(`"${fault.kind}" has no duration, and another fault comes after it`, 'a duration', where);
      }
      nowMs = Math.max(nowMs, startOf(fault) + lasts);
    }
    nowMs += pauseMs;
  }
  return all;
}

/** What random faults are drawn from. */
export interface RandomFaults {
  readonly seed: number;
  /** Default: every kind that can strike one of the targets, but for those that need a disk. */
  readonly kinds?: readonly string[];
  readonly targets: readonly FaultRequest['target'][];
  readonly count: number;
  /** All begin within this, in milliseconds; one waits for the fault before it on the same target, so maybe later. */
  readonly overMs: number;
  /** Default 500 to 2000. */
  readonly durationMs?: readonly [least: number, most: number];
}

/** The ranges that doses are drawn from: felt, not absurd. */
const doses: Readonly<Record<FaultKind, (random: () => number) => Record<string, unknown>>> = {
  shutdown: () => ({}),
  crash: () => ({}),
  stall: () => ({}),
  'link-cut': () => ({}),
  partition: () => ({}),
  delay: (r) => ({ delayMs: whole(r, 20, 300) }),
  loss: (r) => ({ ratio: hundredth(r, 0.05, 0.5) }),
  duplication: (r) => ({ ratio: hundredth(r, 0.05, 0.5) }),
  reordering: (r) => ({ ratio: hundredth(r, 0.05, 0.5) }),
  corruption: (r) => ({ ratio: hundredth(r, 0.05, 0.5) }),
  rate: (r) => ({ bytesPerSecond: whole(r, 2000, 50_000) }),
  'cpu-starvation': (r) => ({ share: hundredth(r, 0.05, 0.5) }),
  'memory-pressure': (r) => ({ leaveBytes: whole(r, 0, 4) * 65_536 }),
  'disk-full': () => ({}),
  'disk-error': (r) => ({ ratio: hundredth(r, 0.2, 1) }),
  'clock-skew': (r) => ({ offsetMs: whole(r, 1000, 60_000) * (r() < 0.5 ? -1 : 1) }),
};

const whole = (r: () => number, least: number, upTo: number): number => least + Math.floor(r() * (upTo - least + 1));
const hundredth = (r: () => number, least: number, upTo: number): number =>
  Math.round(100 * (least + r() * (upTo - least))) / 100;

/**
 * A fault sequence drawn from a seed: plain data, the same for the same seed. Each has a duration, and the first begins
 * at once.
 * @throws OrdealError of kind scenario-invalid
 */
export function randomFaults(options: RandomFaults, where = 'the random faults'): TimedFault[] {
  const { seed, targets, count, overMs, durationMs: [least, upTo] = [500, 2000] } = options;
  if (!isCount(count, 1)) throw invalid(`${count} random faults are asked for`, `1 to ${most}`, where);
  if (!(overMs >= 0) || !(least > 0) || !(upTo >= least)) {
    throw invalid('The times of the random faults are out of range', 'overMs >= 0, 0 < least <= most', where);
  }
  validate(targets, where, z.array(faultTarget).min(1, 'must name at least one target'), 'scenario-invalid');
  const choices = choicesOf(options, where);
  const random = seededRandom(seed);
  const starts = Array.from({ length: count }, () => whole(random, 0, Math.max(0, overMs - 1))).sort((a, b) => a - b);
  const [firstMs = 0] = starts;
  const freeFromMs = new Map<string, number>();
  return starts.map((startMs) => {
    const { kind, target } = choices[Math.floor(random() * choices.length)] as (typeof choices)[number];
    const params = doses[kind](random);
    const durationMs = whole(random, least, upTo);
    // Two faults of one target do not overlap: under the first, the second could not be measured.
    const name = JSON.stringify(target);
    const afterMs = Math.max(startMs - firstMs, freeFromMs.get(name) ?? 0);
    freeFromMs.set(name, afterMs + durationMs + 1);
    return { kind, target, params, durationMs, afterMs };
  });
}

function choicesOf(
  { kinds, targets }: RandomFaults,
  where: string,
): { kind: FaultKind; target: FaultRequest['target'] }[] {
  const wanted = kinds ?? Object.keys(faultParams).filter((k) => !k.startsWith('disk-'));
  const choices = wanted.flatMap((name) => {
    const kind = faultKinds.find((k) => k === name);
    const entry = kind === undefined ? undefined : catalogue.get(kind);
    if (kind === undefined || entry === undefined) {
      throw invalid(`There is no fault "${name}" that could be drawn`, faultKinds.join(', '), where);
    }
    return targets
      .filter((t) => {
        if ('vnfc' in t) return entry.strikes === 'vnfc';
        const directed = t.from !== undefined && t.to !== undefined;
        return entry.strikes === 'direction' ? directed : entry.strikes === 'link';
      })
      .map((target) => ({ kind, target }));
  });
  if (choices.length === 0) throw invalid('None of the faults can strike any of the targets', 'one that can', where);
  return choices;
}
