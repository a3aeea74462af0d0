import type { FaultTarget } from '../harness/model/fault.js';
import type { InjectionRecord, StageName } from '../harness/model/run-record.js';
import type { IndicatorResult } from '../harness/model/verdict.js';

/** How figures and names are put into words, everywhere the same. */

/** @param ms milliseconds. Three figures at most: `0.41 ms`, `412 ms`, `4.21 s`, `2 min 05 s`. */
export function duration(ms: number): string {
  if (ms < 0) return `-${duration(-ms)}`;
  if (ms < 1000 && Math.round(ms) < 1000) return `${figure(ms)} ms`;
  if (ms < 59_950)
    return `${(ms / 1000)
      .toPrecision(3)
      .replace(/(\.\d*?)0+$/, '$1')
      .replace(/\.$/, '')} s`;
  const seconds = Math.round(ms / 1000);
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const two = (n: number) => String(n).padStart(2, '0');
  return hours > 0 ? `${hours} h ${two(minutes)} min` : `${minutes} min ${two(seconds % 60)} s`;
}

/** An interval in one unit and with the same decimals: `8.34 to 8.40 s`; one figure when both ends read the same. */
export function durationBetween(fromMs: number, toMs: number): string {
  const [a, b] = [duration(fromMs), duration(toMs)];
  if (a === b) return a;
  const parts = [a, b].map((t) => /^([\d.]+) (ms|s)$/.exec(t));
  const [from, to] = parts;
  if (!from || !to || from[2] !== to[2]) return `${a} to ${b}`;
  const decimals = Math.max(...parts.map((t) => t?.[1]?.split('.')[1]?.length ?? 0));
  return `${Number(from[1]).toFixed(decimals)} to ${Number(to[1]).toFixed(decimals)} ${to[2]}`;
}

export function bytes(n: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let value = n;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : figure(value)} ${units[unit]}`;
}

/** Three significant figures, thousands in groups: `0.0123`, `49.8`, `1 240`. */
export function figure(n: number): string {
  if (!Number.isFinite(n)) return '–';
  const size = Math.abs(n);
  if (size >= 1000) return grouped(Math.round(n));
  if (size >= 100) return String(Math.round(n));
  return String(Number(n.toPrecision(3)));
}

const grouped = (n: number): string => String(n).replace(/\B(?=(\d{3})+$)/g, ' ');

export const count = (n: number, one: string, many = `${one}s`): string => `${grouped(n)} ${n === 1 ? one : many}`;

export const list = (items: readonly string[]): string =>
  items.length < 2 ? (items[0] ?? '') : `${items.slice(0, -1).join(', ')} and ${items[items.length - 1]}`;

export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** A value of an indicator with its unit; ratios are told in percent. */
export function quantity(value: number | null, unit: string): string {
  if (value === null || !Number.isFinite(value)) return '–';
  if (unit === 'ms') return duration(value);
  if (unit === 'ratio') return `${figure(value * 100)} %`;
  return `${figure(value)} ${unit === '1/s' ? '/s' : unit}`.trimEnd();
}

/** The same with its sign, for differences: `+1.2 ms`. */
export function difference(value: number | null, unit: string): string {
  if (value === null || !Number.isFinite(value)) return '–';
  if (value === 0) return quantity(0, unit);
  const size = Math.abs(value);
  const told = unit === 'ratio' ? points(size) : quantity(size, unit);
  return `${value < 0 ? '−' : '+'}${told}`;
}

/** A difference of two ratios, in percentage points. */
function points(ratio: number): string {
  const told = figure(ratio * 100);
  return `${told} ${told === '1' ? 'point' : 'points'}`;
}

/** How much worse an indicator may be and still count as before. */
export const tolerated = (margin: number, unit: string): string =>
  unit === 'ratio' ? points(margin) : quantity(margin, unit);

const indicatorWords: Readonly<Record<string, string>> = {
  requestRate: 'request rate',
  errorRatio: 'error ratio',
  latencyP50: 'latency, median',
  latencyP95: 'latency, 95th percentile',
  latencyP99: 'latency, 99th percentile',
  availability: 'availability',
};
export const indicatorName = (indicator: string): string => indicatorWords[indicator] ?? indicator;

export const outcomeWords: Readonly<Record<IndicatorResult['outcome'], string>> = {
  'as-before': 'as before',
  worse: 'worse',
  better: 'better',
  inconclusive: 'cannot tell',
};

export const verdictWords: Readonly<Record<string, string>> = {
  recovered: 'recovered',
  degraded: 'degraded',
  failed: 'failed',
  inconclusive: 'inconclusive',
  confirmed: 'confirmed',
  'wrong-dose': 'wrong dose',
  'no-effect': 'no effect',
  'not-injected': 'not injected',
  'not-needed': 'not needed',
  restored: 'restored',
  'not-restored': 'NOT restored',
  exported: 'exported',
  incomplete: 'incomplete',
};

/** good: nothing to do. warn: look at it by day. bad: the test failed. neutral: it was not needed. */
export type Tone = 'good' | 'warn' | 'bad' | 'neutral';
export const verdictTone: Readonly<Record<string, Tone>> = {
  recovered: 'good',
  degraded: 'warn',
  failed: 'bad',
  inconclusive: 'warn',
  confirmed: 'good',
  'wrong-dose': 'warn',
  'no-effect': 'warn',
  'not-injected': 'warn',
  'not-needed': 'neutral',
  restored: 'good',
  'not-restored': 'bad',
  exported: 'good',
  incomplete: 'warn',
};

export interface StepWords {
  /** The number that clause 4.1.1.4 gives the step. */
  readonly step: number;
  readonly name: string;
  readonly does: string;
}

export const steps: Readonly<Record<StageName, StepWords>> = {
  plan: { step: 1, name: 'Plan', does: 'determine the place to be tested and the test scenario' },
  baseline: { step: 2, name: 'Baseline', does: 'get the criteria for the judgement around the tested area' },
  snapshot: { step: 3, name: 'VNF Snapshots', does: 'create and store the VNF Snapshots to restore from' },
  inject: { step: 4, name: 'Inject', does: 'execute the test scenario, and prove that it took effect' },
  react: { step: 5, name: 'Service reacts', does: 'the network service recovers by its own means, or does not' },
  measure: { step: 6, name: 'Measure again', does: 'get the same information after the expected recovery time' },
  judge: { step: 7, name: 'Judge, restore', does: 'compare; if not as before, switch to new VNFCs from the snapshots' },
  forensic: { step: 8, name: 'Forensic snapshot', does: 'create and store the snapshots of the failed VNFCs' },
};

export function targetName(target: FaultTarget): string {
  if ('vnfc' in target) return target.vnfc;
  if (target.from === undefined && target.to === undefined) return target.link;
  return `${target.link} from ${target.from ?? 'anywhere'} to ${target.to ?? 'anywhere'}`;
}

/** The fault as a noun with its dose: `the stall of store-1`, `the delay of 80 ms on backplane`. */
export function faultName({ kind, target, params }: Pick<InjectionRecord, 'kind' | 'target' | 'params'>): string {
  const on = targetName(target);
  const number = (key: string): number | undefined => {
    const value = params[key];
    return typeof value === 'number' ? value : undefined;
  };
  const share = (key: string) => `${figure((number(key) ?? 1) * 100)} %`;
  switch (kind) {
    case 'shutdown':
    case 'crash':
    case 'stall':
      return `the ${kind} of ${on}`;
    case 'load':
      return `the load on ${on}`;
    case 'link-cut':
      return `the cut of ${on}`;
    case 'partition':
      return `the partition of ${on}`;
    case 'delay': {
      const jitter = number('jitterMs') ?? 0;
      return `the delay of ${duration(number('delayMs') ?? 0)}${jitter > 0 ? ` ± ${duration(jitter)}` : ''} on ${on}`;
    }
    case 'loss':
    case 'duplication':
    case 'reordering':
    case 'corruption':
      return `the ${kind} of ${share('ratio')} on ${on}`;
    case 'rate':
      return `the limit of ${bytes(number('bytesPerSecond') ?? 0)}/s on ${on}`;
    case 'cpu-starvation':
      return `the CPU starvation of ${on} (${share('share')} left)`;
    case 'memory-pressure':
      return `the memory pressure on ${on} (${bytes(number('leaveBytes') ?? 0)} left)`;
    case 'disk-full':
      return `the full disk of ${on}`;
    case 'disk-error':
      return `the disk errors of ${on}`;
    case 'clock-skew':
      return `the clock skew of ${duration(number('offsetMs') ?? 0)} on ${on}`;
    default:
      return `the fault ${kind} on ${on}`;
  }
}

export const faultNames = (injections: readonly InjectionRecord[]): string =>
  injections.length === 0 ? 'the fault' : list(injections.map(faultName));

/** Without control characters: what a file or a service says must not steer the reader's terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that are taken out
export const printable = (text: string): string => text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '');

/** `23:03:01`, of the run's wall clock in UTC. */
export const clock = (startedAt: string, ms: number): string =>
  new Date(Date.parse(startedAt) + ms).toISOString().slice(11, 19);
