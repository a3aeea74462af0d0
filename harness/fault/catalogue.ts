import type { z } from 'zod';
import { type AnyFaultKind, anyFaultParams, type FaultReading, type FaultTarget } from '../model/fault.js';
import { OrdealError } from '../util/errors.js';
import { validate } from '../util/validate.js';

/** What the field knows of a fault beside its parameters: how it reads, what it strikes, which dose proves it. */
export interface FaultEntry {
  readonly kind: AnyFaultKind;
  readonly strikes: 'vnfc' | 'link' | 'direction';
  /** In a sentence after its target: `store-1 stalls`. */
  readonly verb: string;
  /** Whether it is an event that the service answers (crash), or a condition that lasts until it is healed. */
  readonly nature: 'event' | 'condition';
  readonly judgeDose: (params: Params, reading: FaultReading) => Dose;
}

export type Dose = 'confirmed' | 'wrong-dose' | 'no-effect';
type Params = Readonly<Record<string, unknown>>;

/** Shown at the target is all that can be asked: a crash has no dose. */
const shown = (_: Params, reading: FaultReading): Dose => (reading.effective ? 'confirmed' : 'no-effect');

/**
 * The measured figure must lie near the one that was asked for.
 * @param tolerance the wider of a share of the dose and an absolute figure in its unit
 */
const near =
  (figure: string, tolerance: { relative: number; absolute: number }) =>
  (params: Params, reading: FaultReading): Dose => {
    if (!reading.effective) return 'no-effect';
    const [asked, got] = [Number(params[figure]), Number(reading.measured[figure])];
    const allowed = Math.max(tolerance.absolute, Math.abs(asked) * tolerance.relative);
    return Math.abs(got - asked) <= allowed ? 'confirmed' : 'wrong-dose';
  };

/**
 * A ratio is measured on a number of trials, so its tolerance is that of a binomial proportion: 4 standard errors
 * (wrong in about 1 of 16,000 honest injections), and never under 2 percentage points.
 */
const share = (params: Params, reading: FaultReading): Dose => {
  if (!reading.effective) return 'no-effect';
  const [asked, got, trials] = [Number(params.ratio), Number(reading.measured.ratio), Number(reading.measured.trials)];
  const allowed = Math.max(0.02, 4 * Math.sqrt((asked * (1 - asked)) / Math.max(1, trials)));
  return Math.abs(got - asked) <= allowed ? 'confirmed' : 'wrong-dose';
};

/** A generator that sends much less than was due is no such load, whoever was too slow. */
const sentAsAsked = (_: Params, { effective, measured }: FaultReading): Dose => {
  if (!effective) return 'no-effect';
  return Number(measured.sentHz) >= 0.9 * Number(measured.dueHz) ? 'confirmed' : 'wrong-dose';
};

const entry = (
  kind: AnyFaultKind,
  strikes: FaultEntry['strikes'],
  nature: FaultEntry['nature'],
  verb: string,
  judgeDose: FaultEntry['judgeDose'] = shown,
): FaultEntry => ({ kind, strikes, nature, verb, judgeDose });

export const catalogue: ReadonlyMap<AnyFaultKind, FaultEntry> = new Map(
  [
    entry('shutdown', 'vnfc', 'condition', 'is shut down'),
    entry('crash', 'vnfc', 'event', 'crashes'),
    entry('stall', 'vnfc', 'condition', 'stalls'),
    entry('link-cut', 'link', 'condition', 'is cut'),
    entry('partition', 'direction', 'condition', 'lets nothing through'),
    entry('delay', 'link', 'condition', 'is slow', near('delayMs', { relative: 0.2, absolute: 10 })),
    entry('loss', 'link', 'condition', 'loses messages', share),
    entry('duplication', 'link', 'condition', 'duplicates messages', share),
    entry('reordering', 'link', 'condition', 'reorders messages', share),
    entry('corruption', 'link', 'condition', 'corrupts messages', share),
    entry('rate', 'link', 'condition', 'is narrow', near('bytesPerSecond', { relative: 0.3, absolute: 1000 })),
    entry('cpu-starvation', 'vnfc', 'condition', 'is starved', near('share', { relative: 0.35, absolute: 0.05 })),
    entry('memory-pressure', 'vnfc', 'condition', 'is short of memory'),
    entry('disk-full', 'vnfc', 'condition', 'has a full disk'),
    entry('disk-error', 'vnfc', 'condition', 'has a failing disk'),
    entry('restart', 'vnfc', 'event', 'is restarted'),
    entry('evict', 'vnfc', 'event', 'is evicted'),
    entry('cordon', 'vnfc', 'condition', 'is on a node that takes nothing new'),
    entry('drain', 'vnfc', 'condition', 'is on a node that is drained'),
    entry('scale', 'vnfc', 'condition', 'is scaled away'),
    entry('dns-error', 'vnfc', 'condition', 'finds no names'),
    entry('http-abort', 'vnfc', 'condition', 'breaks off requests'),
    entry('http-delay', 'vnfc', 'condition', 'answers late', near('delayMs', { relative: 0.2, absolute: 10 })),
    entry('disk-delay', 'vnfc', 'condition', 'has a slow disk', near('delayMs', { relative: 0.3, absolute: 20 })),
    entry('block-delay', 'vnfc', 'condition', 'has a slow block device'),
    entry('kernel-error', 'vnfc', 'condition', 'has a failing kernel'),
    entry('machine', 'vnfc', 'condition', 'is on a failing machine'),
    entry(
      'disk-slow',
      'vnfc',
      'condition',
      'has a slow disk',
      near('bytesPerSecond', { relative: 0.3, absolute: 1000 }),
    ),
    entry('disk-stall', 'vnfc', 'condition', 'has a disk that answers no more'),
    entry('process-starvation', 'vnfc', 'condition', 'can start no more processes'),
    entry('process-kill', 'vnfc', 'event', 'loses a process'),
    entry('load', 'vnfc', 'condition', 'is under load', sentAsAsked),
    entry('kernel-panic', 'vnfc', 'event', 'panics'),
    entry('nic-unplug', 'vnfc', 'condition', 'has lost its NICs'),
    entry('stress', 'vnfc', 'condition', 'is busy with something else'),
    entry('clock-skew', 'vnfc', 'condition', 'has a wrong clock', near('offsetMs', { relative: 0.02, absolute: 50 })),
  ].map((e) => [e.kind, e]),
);

/** A fault as a test asks for it. */
export interface FaultRequest {
  readonly kind: string;
  readonly target: FaultTarget;
  readonly params?: Readonly<Record<string, unknown>>;
  /** From injection to heal, in milliseconds; absent: until the service is judged. */
  readonly durationMs?: number;
}

export interface CheckedFault extends FaultRequest {
  readonly kind: AnyFaultKind;
  readonly entry: FaultEntry;
  readonly params: z.output<(typeof anyFaultParams)[AnyFaultKind]>;
}

/** @throws OrdealError of kind scenario-invalid: an unknown kind, a wrong target or a wrong parameter */
export function checkFault(request: FaultRequest, where: string): CheckedFault {
  const found = catalogue.get(request.kind as AnyFaultKind);
  if (found === undefined) {
    throw new OrdealError('scenario-invalid', `There is no fault "${request.kind}"`, {
      where,
      expected: [...catalogue.keys()].join(', '),
      remedy: 'See `ordeal capabilities`.',
    });
  }
  const strikesLink = 'link' in request.target;
  const directed = strikesLink && 'from' in request.target && 'to' in request.target;
  if (strikesLink !== (found.strikes !== 'vnfc') || (found.strikes === 'direction' && !directed)) {
    throw new OrdealError('scenario-invalid', `The fault "${found.kind}" has the wrong target`, {
      where,
      expected: { vnfc: 'a VNFC', link: 'a virtual link', direction: 'a link with from and to' }[found.strikes],
      got: JSON.stringify(request.target),
    });
  }
  const params = validate(request.params ?? {}, where, anyFaultParams[found.kind], 'scenario-invalid');
  return { ...request, kind: found.kind, entry: found, params };
}

/** A trace may be long. */
const told = (value: unknown): string => JSON.stringify(value).slice(0, 80);

/** `store-1 stalls for 2000 ms`, `link "back" is slow (delayMs 80, jitterMs 0)`: as plans and reports say it. */
export function describeFault({ kind, target, params, durationMs }: FaultRequest): string {
  const subject =
    'vnfc' in target
      ? target.vnfc
      : `link "${target.link}"${target.from ? ` from ${target.from}` : ''}${target.to ? ` to ${target.to}` : ''}`;
  const dose = Object.entries(params ?? {}).map(([k, v]) => `${k} ${typeof v === 'object' ? told(v) : String(v)}`);
  const length = durationMs === undefined ? '' : ` for ${durationMs} ms`;
  return `${subject} ${catalogue.get(kind as AnyFaultKind)?.verb ?? kind}${dose.length ? ` (${dose.join(', ')})` : ''}${length}`;
}
