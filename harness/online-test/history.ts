import { type FigureRule, figureOf, summarise } from '../judge/judge.js';
import { timeToRecover, unitOf } from '../judge/past-runs.js';
import { indicatorName } from '../model/network-service.js';
import { type Figure, type PastRun, RunHistory } from '../store/run-history.js';
import { type RunFolder, windowOf } from './run-windows.js';

/**
 * What of a run is kept for good: every indicator of every probe before and after the fault, named in the descriptor or
 * not. A run that did not come that far has the figures of the phases that it had.
 * @param label of what was tested: a commit or a version
 * @param rules of the series that its probes read, where the descriptor is known
 */
export async function pastRunOf(run: RunFolder, label: string, rules: readonly FigureRule[] = []): Promise<PastRun> {
  const { record } = run;
  const figures: Figure[] = [];
  for (const moment of ['baseline', 'measurement'] as const) {
    if (!record.phases.some((p) => p.name === moment)) continue;
    for (const history of await windowOf(run, moment)) {
      const summary = summarise(history);
      for (const indicator of indicatorName.options) {
        const value = summary[indicator];
        if (value === null) continue;
        figures.push({ probe: history.probe, indicator, moment, unit: unitOf(indicator), value });
      }
      for (const rule of rules.filter((r) => r.probe === history.probe)) {
        const value = figureOf(history, rule);
        if (value === null) continue;
        const { probe, id: indicator, unit, direction } = rule;
        figures.push({ probe, indicator, moment, unit, value, isHighGood: direction === 'higher-is-better' });
      }
    }
  }
  if (record.timeToRecoverMs !== null && record.injections.length > 0) {
    const value = record.timeToRecoverMs;
    figures.push({ probe: 'service', indicator: timeToRecover, moment: 'run', unit: 'ms', value });
  }
  const { id, service, title, startedAt, verdicts } = record;
  return { id, service, title, label, startedAt, verdict: verdicts.service, figures };
}

/** Keeps the run in the history of the state folder. A run that is known already is replaced. */
export async function keepInHistory(
  stateFolder: string,
  run: RunFolder,
  label: string,
  rules: readonly FigureRule[] = [],
): Promise<PastRun> {
  const past = await pastRunOf(run, label, rules);
  using history = new RunHistory(stateFolder);
  history.add(past);
  return past;
}

/** Where pipelines say which commit they test; the first that is set counts. */
const labelVariables = ['ORDEAL_LABEL', 'GITHUB_SHA', 'CI_COMMIT_SHORT_SHA', 'GIT_COMMIT', 'BUILD_SOURCEVERSION'];

export function labelFrom(env: Readonly<Record<string, string | undefined>>): string {
  const found = labelVariables.map((name) => env[name]?.trim()).find((value) => value !== undefined && value !== '');
  return (found ?? '').slice(0, 64);
}
