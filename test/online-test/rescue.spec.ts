import { expect, test } from '@playwright/test';
import type { Judgement } from '../../harness/judge/judge.js';
import type { Window } from '../../harness/online-test/observation.js';
import { lookAndRestore } from '../../harness/online-test/rescue.js';
import type { Covered, Rescue } from '../../harness/online-test/stages.js';

type Outcome = Judgement['outcome'];
const baseline: Window = { histories: [], fromMs: 0, toMs: 300 };

/** A look whose judgements a test gives, one after the other. */
function rescue(outcomes: Outcome[], { measureMs = 800 } = {}) {
  const told: string[] = [];
  const windows: [number, number][] = [];
  let nowMs = 1000;
  const it = {
    plan: { expectedRecoveryMs: 500, measureMs, area: [] },
    session: { journal: {}, vims: new Map() },
    recorder: {
      note: (text: string) => void told.push(text),
      verdict: (change: object) => {
        told.push(JSON.stringify(change));
        Object.assign(it.recorder.record.verdicts, change);
      },
      phase: () => undefined,
      stage: async () => void told.push('evidence'),
      record: { verdicts: { restoration: 'not-needed' } },
    },
    observation: {
      nowMs: () => nowMs,
      histories: () => [],
      watch: async (forMs: number) => {
        const fromMs = nowMs;
        nowMs += forMs;
        told.push(`watch ${forMs}`);
        return { histories: [], fromMs, toMs: nowMs };
      },
      recoveredMs: () => 40,
      compare: (_: Window, { fromMs, toMs }: Window) => {
        windows.push([fromMs, toMs]);
        const outcome = outcomes.shift() ?? 'as-before';
        return { outcome, indicators: [{ indicator: 'errorRatio', probe: 'page', outcome, reason: 'only 3 samples' }] };
      },
    },
  };
  const covered: Covered = { baseline, snapshots: [] };
  return { told, windows, look: () => lookAndRestore(it as unknown as Rescue, covered) };
}

test('a service is given its expected time first, and is then looked at', async () => {
  const { told, windows, look } = rescue(['as-before']);
  expect(await look()).toEqual({ service: 'as-before' });
  expect(told).toEqual(['healed; looking whether the service is as before', 'watch 500', 'watch 800']);
  expect(windows).toEqual([[1500, 2300]]);
});

test('better than before is as before', async () => {
  expect(await rescue(['better']).look()).toEqual({ service: 'as-before' });
});

test('a look takes two seconds at the most', async () => {
  const { told, look } = rescue(['as-before'], { measureMs: 60_000 });
  await look();
  expect(told.at(-1)).toBe('watch 2000');
});

test('a look that says too little grows, and what it says then counts', async () => {
  const { windows, look } = rescue(['inconclusive', 'as-before']);
  expect(await look()).toEqual({ service: 'as-before' });
  expect(windows).toEqual([
    [1500, 2300],
    [1500, 3100],
  ]);
});

test('what cannot be told after three looks is inconclusive, and is told with the reason', async () => {
  const { told, windows, look } = rescue(['inconclusive', 'inconclusive', 'inconclusive', 'worse']);
  expect(await look()).toEqual({ service: 'inconclusive', reason: 'errorRatio of page: only 3 samples' });
  expect(windows.map(([, toMs]) => toMs)).toEqual([2300, 3100, 3900]);
  expect(told.at(-1)).toBe('whether the service is as before cannot be told: errorRatio of page: only 3 samples');
});

test('a service that is worse is restored, with its evidence kept', async () => {
  const { told, look } = rescue(['worse', 'as-before']);
  expect(await look()).toEqual({ service: 'restored' });
  expect(told.filter((t) => !t.startsWith('watch'))).toEqual([
    'healed; looking whether the service is as before',
    'the service is not as before: restoring',
    '{"service":"failed"}',
    '{"restoration":"not-restored","evidence":"incomplete"}',
    'switched over to 0 new VNFCs after 0.0 ms',
    '{"restoration":"restored"}',
    'evidence',
  ]);
});
