import { figureRules, type Judgement, judge, overall } from '../judge/judge.js';
import { indicatorName, type ProbeSpec, type Tolerance } from '../model/network-service.js';
import { type Recovery, timeToRecover, withinExpected } from '../monitor/outage-clock.js';
import type { SweepResult } from '../monitor/sweep.js';
import { OrdealError } from '../util/errors.js';
import { phaseOf, type RunFolder, samplesBetween, windowOf } from './run-windows.js';
import type { ServiceSession } from './session.js';
import { sweepPopulation } from './sweep.js';

/** Questions that a scenario asks about a run that has ended, beyond the verdicts: pure figures from its samples. */

export interface EndedRun extends RunFolder {
  readonly session: ServiceSession;
}

export interface Kept {
  /** One of every probe, or the id of a figure that a probe reads. */
  readonly indicator: string;
  readonly tolerance: Tolerance;
  /** Default: every probe must keep it. */
  readonly probe?: string;
}

/**
 * One indicator in the measurement after the fault, against the baseline of the same run.
 * @throws OrdealError of kind unknown-target, or inconclusive when the run was not measured again
 */
export async function compareWithBaseline(run: EndedRun, { indicator, tolerance, probe }: Kept): Promise<Judgement> {
  const rates = ratesOf(run, probe);
  const asked = async (phase: 'baseline' | 'measurement') =>
    (await windowOf(run, phase, rates)).filter((h) => rates.has(h.probe));
  const [before, after] = [await asked('baseline'), await asked('measurement')];
  const seed = Number(run.record.environment.seed ?? 1);
  const { data: name } = indicatorName.safeParse(indicator);
  const figures = figureRules(run.session.service.descriptor.probes)
    .filter((f) => f.id === indicator && rates.has(f.probe))
    .map((f) => ({ ...f, margin: tolerance }));
  if (name === undefined && figures.length === 0) throw noIndicator(run, indicator);
  const tolerances = name === undefined ? {} : { [name]: tolerance };
  const { indicators } = judge(before, after, { tolerances, figures, seed });
  const own = indicators.filter((i) => i.indicator === indicator);
  return { outcome: overall(own.map((i) => i.outcome)), indicators: own };
}

function noIndicator({ session }: EndedRun, got: string): OrdealError {
  const { file, descriptor } = session.service;
  const figures = figureRules(descriptor.probes).map((f) => f.id);
  return new OrdealError('unknown-target', 'No probe has this indicator', {
    where: file,
    expected: `one of ${[...indicatorName.options, ...figures].join(', ')}`,
    got,
  });
}

export interface Return {
  readonly outcome: ReturnType<typeof withinExpected>;
  /** Of the probe that came back last: at least and at most so many milliseconds after the injection; null: never. */
  readonly tookMs: { readonly atLeast: number; readonly atMost: number } | null;
  readonly probe: string;
}

/**
 * Whether every probe was answered well again, without a break, within `withinMs` of the first injection, and without
 * Ordeal's help: what came after the judgement does not count.
 */
export async function backWithin(run: EndedRun, withinMs: number): Promise<Return> {
  const [sinceMs] = run.record.injections.flatMap((i) => i.injectedMs ?? []).sort((a, b) => a - b);
  if (sinceMs === undefined) throw new OrdealError('inconclusive', 'No fault was injected in this run');
  const untilMs = phaseOf(run, 'measurement').toMs;
  const all = await samplesBetween(run, sinceMs, untilMs, ratesOf(run));
  const returns = all.map((h): Return => {
    const recovery = timeToRecover(h, sinceMs);
    return { probe: h.probe, outcome: withinExpected(recovery, sinceMs, withinMs), tookMs: spanOf(recovery, sinceMs) };
  });
  const latest = (r: Return) => r.tookMs?.atMost ?? Number.POSITIVE_INFINITY;
  const rank = { beyond: 2, 'cannot-tell': 1, within: 0 } as const;
  const [worst] = returns.sort((a, b) => rank[b.outcome] - rank[a.outcome] || latest(b) - latest(a));
  if (worst === undefined) throw new OrdealError('inconclusive', 'The run has no probe');
  return worst;
}

function spanOf(recovery: Recovery | null, sinceMs: number): Return['tookMs'] {
  if (recovery === null) return null;
  const { earliestMs, latestMs, recoveredMs } = recovery;
  // Never bad at all: it took no time.
  if (recoveredMs === sinceMs) return { atLeast: 0, atMost: 0 };
  return { atLeast: Math.max(0, earliestMs - sinceMs), atMost: latestMs - sinceMs };
}

/**
 * Asks the service, as it is now, for every member of its population once.
 * @throws OrdealError of kind scenario-invalid when no probe can tell whether a member is there
 */
export async function lostMembers(session: ServiceSession): Promise<SweepResult & { readonly probe: string }> {
  const { population, probes } = session.service.descriptor;
  const covers = (p: ProbeSpec): boolean =>
    population !== undefined &&
    p.kind === 'http' &&
    p.method === 'GET' &&
    p.keys?.prefix === population.keys.prefix &&
    p.keys.from <= population.keys.from &&
    p.keys.to >= population.keys.to;
  // One that knows what the state should be says more than one that looks at the status alone.
  const fitting = probes.filter(covers);
  const probe = fitting.find((p) => p.kind === 'http' && p.expect.body !== undefined) ?? fitting[0];
  if (probe === undefined) {
    throw new OrdealError('scenario-invalid', 'No probe asks for every member of the population', {
      where: session.service.file,
      expected: 'a population, and a probe of kind http with the method GET and the same keys',
      remedy: 'Or name a probe: every member of the population answers the probe "…".',
    });
  }
  return { ...(await sweepPopulation(session, probe.id)), probe: probe.id };
}

/** Of every probe, or of the one that is named. */
function ratesOf({ session }: EndedRun, only?: string): ReadonlyMap<string, number> {
  const { probes } = session.service.descriptor;
  const found = only === undefined ? probes : probes.filter((p) => p.id === only);
  if (found.length > 0) return new Map(found.map((p) => [p.id, p.rateHz]));
  throw new OrdealError('unknown-target', `There is no probe "${only}"`, {
    where: session.service.file,
    expected: `one of ${probes.map((p) => p.id).join(', ')}`,
  });
}
