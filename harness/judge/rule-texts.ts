import { type IndicatorName, indicatorName, type Tolerance } from '../model/network-service.js';
import { OrdealError } from '../util/errors.js';
import type { Direction } from './compare.js';
import type { Quantity } from './estimate.js';
import type { SeriesRule } from './series-judgement.js';

/** What a person says of the indicators on a command line. */
export interface RuleTexts {
  /** `latencyP99=10%`, `cpu=5`, `cpu.p95=10%,2`: the wider of several counts. */
  readonly margins: readonly string[];
  readonly lowerIsBetter: readonly string[];
  readonly higherIsBetter: readonly string[];
}

/** When nothing else is said. */
const usualMargin: Tolerance = { relative: 0.1 };

const quantities: readonly Quantity[] = ['mean', 'p50', 'p90', 'p95', 'p99', 'spread'];

interface Named {
  readonly name: string;
  readonly tolerance: Tolerance;
}

/** @throws OrdealError of kind usage */
function marginIn(text: string): Named {
  const [, name, amounts] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  const parts = (amounts ?? '').split(',').map((a) => /^(\d+(?:\.\d+)?)\s*(%?)$/.exec(a.trim()));
  if (name === undefined || parts.some((p) => p === null)) {
    throw new OrdealError('usage', 'The margin cannot be read', {
      where: '--margin',
      expected: 'such as latencyP99=10%, or cpu.p95=5 in its own unit, or both: cpu=10%,5',
      got: text,
    });
  }
  const tolerance: { relative?: number; absolute?: number } = {};
  for (const part of parts) {
    if (part?.[2] === '%') tolerance.relative = Number(part[1]) / 100;
    else if (part) tolerance.absolute = Number(part[1]);
  }
  return { name: name.trim(), tolerance };
}

const isIndicator = (name: string): name is IndicatorName => (indicatorName.options as string[]).includes(name);

/** The margins of indicators of requests. @throws OrdealError of kind usage for what is no indicator */
export function indicatorTolerances({ margins }: RuleTexts): Partial<Record<IndicatorName, Tolerance>> {
  const found: Partial<Record<IndicatorName, Tolerance>> = {};
  for (const { name, tolerance } of margins.map(marginIn)) {
    if (!isIndicator(name)) throw unknown('--margin', name, indicatorName.options);
    found[name] = tolerance;
  }
  return found;
}

/**
 * One rule for each quantity of each series: the mean where none is named. Which way is good is never guessed.
 * @throws OrdealError of kind usage: a name that is no series, or a series whose direction is not named
 */
export function seriesRules(present: readonly string[], texts: RuleTexts): SeriesRule[] {
  const { lowerIsBetter, higherIsBetter } = texts;
  const margins = texts.margins.map(marginIn).map(({ name, tolerance }) => ({ ...split(name, present), tolerance }));
  for (const [flag, names] of [
    ['--lower-is-better', lowerIsBetter],
    ['--higher-is-better', higherIsBetter],
  ] as const) {
    for (const name of names) if (name !== 'all' && !present.includes(name)) throw unknown(flag, name, present);
  }
  return present.flatMap((series) => {
    const named = margins.filter((m) => m.series === series);
    const direction = directionOf(series, texts);
    const wanted = named.length > 0 ? named : [{ quantity: 'mean' as const, tolerance: usualMargin }];
    return wanted.map(({ quantity, tolerance }) => ({ series, quantity, direction, margin: tolerance }));
  });

  function directionOf(series: string, { lowerIsBetter: low, higherIsBetter: high }: RuleTexts): Direction {
    const both = [low, high].map((names) => names.includes(series));
    const isLower = both[0] === true || (both[1] !== true && low.includes('all'));
    const isHigher = both[1] === true || (both[0] !== true && high.includes('all'));
    if (isLower !== isHigher) return isLower ? 'lower-is-better' : 'higher-is-better';
    throw new OrdealError('usage', `Which way is good for "${series}" is ${isLower ? 'said both ways' : 'not said'}`, {
      expected: '--lower-is-better or --higher-is-better with its name, or with "all"',
      remedy: `Leave a series out with --only: ${present.join(', ')}.`,
    });
  }
}

/** `cpu.p95` is the p95 of the series cpu, unless there is a series of that whole name. */
function split(name: string, present: readonly string[]): { series: string; quantity: Quantity } {
  if (present.includes(name)) return { series: name, quantity: 'mean' };
  const [, series, quantity] = /^(.+)\.([^.]+)$/.exec(name) ?? [];
  const known = quantities.find((q) => q === quantity);
  if (series !== undefined && known !== undefined && present.includes(series)) return { series, quantity: known };
  throw unknown('--margin', name, [...present, `${present[0] ?? 'name'}.${quantities.join('|')}`]);
}

const unknown = (where: string, got: string, present: readonly string[]) =>
  new OrdealError('usage', 'There is nothing of this name in the files', {
    where,
    expected: `one of ${present.join(', ')}`,
    got,
  });
