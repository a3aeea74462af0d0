import { basename } from 'node:path';
import { exitCodes } from '../harness/model/exit-codes.js';
import type { Outage } from '../harness/model/probe.js';
import type { RunRecord } from '../harness/model/run-record.js';
import { capital, count, duration, durationBetween, faultNames, indicatorName, list, type Tone } from './words.js';

/** What is said first, and by the terminal, the page, JUnit and Allure alike. */

/** Everything that has to do with time, read off the record once. */
export interface Recovery {
  /** Milliseconds of the run's clock at which the first fault was injected; absent when none was. */
  readonly injectedMs?: number;
  /** How long after that the service was back for good: later than the first figure, not later than the second. */
  readonly backAfterMs?: readonly [number, number];
  /** True when it came back only after the restoration had begun. */
  readonly backByRestoration: boolean;
  /** Still failing when the run ended. */
  readonly stillOut: readonly Outage[];
  readonly restorationMs?: number;
}

export function recoveryOf(record: RunRecord): Recovery {
  const injected = record.injections.flatMap((i) => (i.injectedMs === undefined ? [] : [i.injectedMs]));
  const restoration = record.phases.find((p) => p.name === 'restoration');
  const outages = record.outages as readonly Outage[];
  const base = {
    stillOut: outages.filter((o) => o.firstGoodMs === undefined),
    ...(restoration === undefined ? {} : { restorationMs: restoration.toMs - restoration.fromMs }),
  };
  if (injected.length === 0) return { ...base, backByRestoration: false };
  const injectedMs = Math.min(...injected);
  const own = record.timeToRecoverMs;
  // A relapse after the service was back is another outage: it does not make the recovery later.
  const after = outages.filter(
    (o) =>
      o.lastBadMs >= injectedMs && o.firstGoodMs !== undefined && (own === null || o.lastBadMs - injectedMs <= own),
  );
  const last = after.toSorted((a, b) => (b.firstGoodMs ?? 0) - (a.firstGoodMs ?? 0))[0];
  if (last?.firstGoodMs === undefined || base.stillOut.length > 0) {
    return {
      ...base,
      injectedMs,
      backByRestoration: false,
      ...(own === null || base.stillOut.length > 0 ? {} : { backAfterMs: [own, own] as const }),
    };
  }
  return {
    ...base,
    injectedMs,
    backAfterMs: [Math.max(0, last.lastBadMs - injectedMs), last.firstGoodMs - injectedMs],
    backByRestoration: own === null && restoration !== undefined,
  };
}

export interface Headline {
  /** Two or three words: FAILED, RESTORED. */
  readonly badge: string;
  readonly tone: Tone;
  /** Is the service all right now? The first thing that a person on call must know. */
  readonly now: string;
  /** What happened, in one or two sentences. */
  readonly story: string;
  /** What cannot wait until the morning, a line each; empty when all can. */
  readonly todo: readonly string[];
}

export function headlineOf(record: RunRecord): Headline {
  const { service, restoration } = record.verdicts;
  const recovery = recoveryOf(record);
  const words = { now: nowOf(record, recovery), story: storyOf(record, recovery), todo: todoOf(record, recovery) };
  if (restoration === 'not-restored') return { badge: 'FAILED, NOT RESTORED', tone: 'bad', ...words };
  if (service === 'failed') {
    return { badge: restoration === 'restored' ? 'FAILED, RESTORED' : 'FAILED', tone: 'bad', ...words };
  }
  if (service === 'degraded') {
    return { badge: restoration === 'restored' ? 'DEGRADED, RESTORED' : 'DEGRADED', tone: 'warn', ...words };
  }
  if (service === 'inconclusive' || record.verdicts.injection !== 'confirmed') {
    return { badge: 'INCONCLUSIVE', tone: 'warn', ...words };
  }
  return { badge: 'RECOVERED', tone: 'good', ...words };
}

function nowOf({ service, verdicts }: RunRecord, { stillOut }: Recovery): string {
  if (verdicts.restoration === 'not-restored') return `${service} was NOT restored. Act now.`;
  // The outages were recorded at the judgement; that the restored service works was proven after that.
  if (verdicts.restoration === 'restored') return `${service} works now, as it did before the test.`;
  if (stillOut.length > 0) return `${service} was still failing when the test ended. Act now.`;
  switch (verdicts.service) {
    case 'recovered':
      return `${service} works now, as it did before the test.`;
    case 'degraded':
      return `${service} works now, but not as well as before the test.`;
    case 'failed':
      return `${service} did not come back as it was, and nothing was restored. Look at it now.`;
    case 'inconclusive':
      return `${service} answered its probes when the test ended.`;
  }
}

function storyOf(record: RunRecord, recovery: Recovery): string {
  const { verdicts, service } = record;
  const fault = faultNames(record.injections);
  const expected = duration(record.expectedRecoveryMs);
  const parts: string[] = [];
  switch (verdicts.service) {
    case 'recovered':
      parts.push(recoveredStory(record, recovery, fault, expected));
      break;
    case 'degraded':
      parts.push(`${service} came back from ${fault}, but not as it was: ${worseOf(record)}.`);
      break;
    case 'failed': {
      const beyond = record.timeToRecoverMs === null ? '' : `; it took ${duration(record.timeToRecoverMs)}`;
      parts.push(`${service} did not recover from ${fault} within ${expected}${beyond}.`);
      break;
    }
    case 'inconclusive':
      parts.push(inconclusiveStory(record, recovery, fault));
      break;
  }
  if (verdicts.restoration === 'restored') parts.push(restoredStory(recovery));
  if (verdicts.restoration === 'not-restored') parts.push('The restoration from the snapshots failed.');
  if (verdicts.evidence === 'exported') parts.push(evidenceStory(record));
  if (verdicts.evidence === 'incomplete') parts.push('The evidence could not be kept in full.');
  return parts.join(' ');
}

function recoveredStory(record: RunRecord, { backAfterMs }: Recovery, fault: string, expected: string): string {
  if (record.outages.length === 0 || record.timeToRecoverMs === 0)
    return `${record.service} stayed in service through ${fault}.`;
  const took =
    backAfterMs === undefined ? '' : `, ${durationBetween(...backAfterMs)} after it (expected: within ${expected})`;
  return `${record.service} recovered by itself from ${fault}${took}.`;
}

function inconclusiveStory(record: RunRecord, { backAfterMs }: Recovery, fault: string): string {
  const { service, stages, verdicts, indicators, errors } = record;
  const failed = stages.find((s) => s.state === 'failed');
  if (verdicts.injection === 'no-effect') return `Nothing was proven: ${fault} had no effect that could be measured.`;
  if (verdicts.injection === 'wrong-dose') return `Nothing was proven: ${fault} did not have the strength asked for.`;
  if (failed?.name === 'baseline') return `Nothing was injected: the baseline was not steady (${failed.note}).`;
  if (verdicts.injection === 'not-injected') {
    const why = failed?.note || errors[0];
    return `Nothing was injected${why ? `: ${why}` : '.'}`;
  }
  const unclear = indicators.filter((i) => i.outcome === 'inconclusive');
  const more = Math.max(0, ...unclear.map((i) => i.needMoreMs ?? 0));
  const names = list([...new Set(unclear.map((i) => indicatorName(i.indicator)))]);
  const back = backAfterMs === undefined ? '' : ` It answered again ${durationBetween(...backAfterMs)} after ${fault}.`;
  return `It cannot be told whether ${service} is as before${names && `: too few samples for ${names}`}.${
    more > 0 ? ` Measure ${duration(more)} longer.` : ''
  }${back}`;
}

function restoredStory({ restorationMs, backAfterMs, backByRestoration }: Recovery): string {
  const took =
    restorationMs === undefined ? '' : ` within ${duration(restorationMs)}, the proof that it works again included`;
  const back =
    backByRestoration && backAfterMs ? `; it was back ${durationBetween(...backAfterMs)} after the fault` : '';
  return `It was restored from the snapshots${took}${back}.`;
}

function evidenceStory({ packages }: RunRecord): string {
  if (packages.length === 0) return 'The evidence was exported.';
  return `The evidence is in ${list(packages.map((p) => basename(p.file)))}.`;
}

/** The indicators that got worse, in words. */
export function worseOf({ indicators }: RunRecord): string {
  const worse = indicators.filter((i) => i.outcome === 'worse');
  if (worse.length === 0) return 'it is not what it was';
  return `${list(worse.map((i) => `${indicatorName(i.indicator)} of ${i.probe}`))} ${worse.length === 1 ? 'is' : 'are'} worse`;
}

function todoOf(record: RunRecord, { stillOut }: Recovery): string[] {
  const { verdicts } = record;
  const todo: string[] = [];
  const unhealed = record.injections.filter((i) => i.injectedMs !== undefined && i.healedMs === undefined);
  if (verdicts.restoration === 'not-restored' || (stillOut.length > 0 && verdicts.restoration !== 'restored')) {
    todo.push('Run `ordeal recover`: it heals the fault, ends every freeze and finishes the switch-over.');
  } else if (unhealed.length > 0 && verdicts.restoration !== 'restored') {
    todo.push(`${count(unhealed.length, 'fault')} may still be on. Run \`ordeal recover\`.`);
  }
  return todo;
}

/** Whether what was asked of the run held: its scenario's own word where there is one. */
export const asExpected = ({ scenario, exitCode }: RunRecord): boolean =>
  scenario === undefined ? exitCode === 0 : scenario === 'passed';

/** What the number means, from the one table, and whether the scenario wanted it so. */
export function exitMeaning(record: RunRecord): string {
  const { exitCode } = record;
  const meaning = new Map<string, string>(Object.entries(exitCodes)).get(String(exitCode));
  if (exitCode === 0) return 'Exit code 0: the service passed the test.';
  const told = `exit code ${exitCode}${meaning === undefined ? '' : `: ${meaning}`}`;
  return asExpected(record)
    ? `The scenario expects this outcome, so it passes (as a gate: ${told}).`
    : `${capital(told)}.`;
}
