import { defineParameterType } from '@cucumber/cucumber';
import { type LoadGenerator, loadGenerators } from '../harness/model/load.js';
import type { IndicatorName, Tolerance } from '../harness/model/network-service.js';

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  milliseconds: 1,
  second: 1000,
  seconds: 1000,
  s: 1000,
  minute: 60_000,
  minutes: 60_000,
};
const duration = '\\d+(?:\\.\\d+)? (?:ms|milliseconds|seconds?|s|minutes?)';

export function durationMs(text: string): number {
  const [amount = '', unit = ''] = text.trim().split(' ');
  return Math.round(Number(amount) * (unitMs[unit] ?? Number.NaN));
}

defineParameterType({ name: 'duration', regexp: new RegExp(duration), transformer: durationMs });

export interface Span {
  readonly durationMs?: number;
  readonly afterMs?: number;
  readonly repeated?: { readonly times: number; readonly everyMs: number };
}

/** ` for 2 seconds`, ` for 500 ms, 3 seconds later, 5 times every 2 seconds`, or nothing: when it begins and ends. */
defineParameterType({
  name: 'span',
  regexp: new RegExp(`(?: for ${duration})?(?:, ${duration} later)?(?:, \\d+ times every ${duration})?`),
  transformer: (text: string): Span => {
    const length = / for ([^,]+)/.exec(text)?.[1];
    const later = /, ([^,]+) later/.exec(text)?.[1];
    const [, times, every] = /, (\d+) times every (.+)/.exec(text) ?? [];
    return {
      ...(length === undefined ? {} : { durationMs: durationMs(length) }),
      ...(later === undefined ? {} : { afterMs: durationMs(later) }),
      ...(every === undefined ? {} : { repeated: { times: Number(times), everyMs: durationMs(every) } }),
    };
  },
  useForSnippets: false,
});

const indicators: Readonly<Record<string, IndicatorName>> = {
  'p50 latency': 'latencyP50',
  'p95 latency': 'latencyP95',
  'p99 latency': 'latencyP99',
  'error ratio': 'errorRatio',
  availability: 'availability',
  'request rate': 'requestRate',
};

defineParameterType({
  name: 'indicator',
  regexp: /p50 latency|p95 latency|p99 latency|error ratio|availability|request rate/,
  transformer: (text: string) => indicators[text],
});

/** `10 %` of the baseline; `20 ms`; of a ratio, `2 percentage points`. */
defineParameterType({
  name: 'margin',
  regexp: new RegExp(`\\d+(?:\\.\\d+)? ?%|\\d+(?:\\.\\d+)? percentage points?|${duration}`),
  transformer: (text: string): Tolerance => {
    if (text.endsWith('%')) return { relative: Number.parseFloat(text) / 100 };
    return { absolute: text.includes('point') ? Number.parseFloat(text) / 100 : durationMs(text) };
  },
});

/** What an indicator may not exceed; of a multiple, what it was in the baseline counts. */
export interface Limit {
  readonly above: number;
  readonly of?: 'baseline';
}

/** `3 times the baseline`, `20 %` of the requests, `200 ms`. */
defineParameterType({
  name: 'limit',
  regexp: new RegExp(`\\d+(?:\\.\\d+)? times the baseline|\\d+(?:\\.\\d+)? ?%|${duration}`),
  transformer: (text: string): Limit => {
    if (text.includes('times')) return { above: Number.parseFloat(text), of: 'baseline' };
    return { above: text.endsWith('%') ? Number.parseFloat(text) / 100 : durationMs(text) };
  },
});

/** ` for 2 seconds`, or nothing: for so long without a break. In milliseconds. */
defineParameterType({
  name: 'hold',
  regexp: new RegExp(`(?: for ${duration})?`),
  transformer: (text: string): number => (text === '' ? 0 : durationMs(text.replace(/^ for /, ''))),
  useForSnippets: false,
});

/** `, by k6`, or nothing: who sends a load. */
defineParameterType({
  name: 'generator',
  regexp: new RegExp(`(?:, by (?:${loadGenerators.join('|')}))?`),
  transformer: (text: string): LoadGenerator => loadGenerators.find((by) => text.endsWith(` ${by}`)) ?? 'ordeal',
  useForSnippets: false,
});

/** A percentage as a ratio. */
defineParameterType({
  name: 'percent',
  regexp: /\d+(?:\.\d+)? ?%/,
  transformer: (text: string) => Number.parseFloat(text) / 100,
});
