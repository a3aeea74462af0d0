import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { Group, healWithinMs, type Struck } from './kills/campaign.js';
import { blows, faultKinds } from './kills/draw.js';

/**
 * Runs that are killed or stopped at random points: the harness, its guard, a VNFC's worker, the host, or all of them.
 * ORDEAL_RANDOM_KILLS says how many runs, ORDEAL_RANDOM_KILLS_MS that no round begins later than so many milliseconds after
 * the first, ORDEAL_SEED repeats them; a failure names its round, and
 * ORDEAL_KILL_ROUND=group:round repeats that alone.
 */
const wanted = Number(process.env.ORDEAL_RANDOM_KILLS ?? 12);
const withinMs = Number(process.env.ORDEAL_RANDOM_KILLS_MS ?? Number.POSITIVE_INFINITY);
const seed = Number(process.env.ORDEAL_SEED ?? 20261123);
/** So many that every blow has had its turn, and every stage and fault was drawn. */
const many = 500;
/** While the runs of one group wait, those of the other work. */
const lanes = Number(process.env.ORDEAL_KILL_LANES ?? (wanted >= 100 ? 5 : 4));
const groups = Number(process.env.ORDEAL_KILL_GROUPS ?? (wanted >= 100 ? 3 : 1));
/** Processes are killed here, and not the machine: where there is room in memory, nobody waits for a disk. */
const memory = '/dev/shm';
const roomBytes = 2 * 2 ** 30;
const [onlyGroup, only] = process.env.ORDEAL_KILL_ROUND?.split(':').map(Number) ?? [];

test('whatever is killed or stopped, whenever: nothing is left behind', async () => {
  test.setTimeout(180_000 + wanted * 10_000);
  const folder = await mkdtemp(join(await roomyFolder(), 'ordeal-kills-'));
  const struck: Struck[] = [];
  const fromMs = performance.now();
  const isLate = () => performance.now() - fromMs >= withinMs;
  const isEnough = () => struck.length >= wanted || isLate();
  const strikeAll = async (number: number): Promise<void> => {
    await using group = await Group.open(folder, number, lanes);
    if (only !== undefined) struck.push(...(await group.round(seed, only)));
    else for (let round = 0; !isEnough(); round++) struck.push(...(await group.round(seed, round)));
  };
  await Promise.all(
    onlyGroup === undefined ? Array.from({ length: groups }, (_, i) => strikeAll(i)) : [strikeAll(onlyGroup)],
  );
  console.log(`seed ${seed}: ${tell(struck)}\nin ${Math.round((performance.now() - fromMs) / 1000)} s`);
  const wrong = struck.flatMap((s) => s.wrong.map((w) => `${s.where} (${s.blow}, ${s.stage}, ${s.fault}): ${w}`));
  expect(wrong, `what was left is in ${folder}`).toEqual([]);
  await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  if (only !== undefined) return;
  expect(struck.length).toBeGreaterThanOrEqual(isLate() ? 1 : wanted);
  if (struck.length < many) return;
  const met = (of: (s: Struck) => string) => [...new Set(struck.map(of))];
  expect(met((s) => s.blow)).toEqual(expect.arrayContaining([...blows]));
  expect(met((s) => s.stage)).toEqual(expect.arrayContaining(stages));
  expect(met((s) => s.fault)).toEqual(expect.arrayContaining(faultKinds));
});

async function roomyFolder(): Promise<string> {
  if (process.env.TMPDIR !== undefined) return tmpdir();
  const [found] = await Promise.allSettled([statfs(memory)]);
  return found.status === 'fulfilled' && found.value.bavail * found.value.bsize >= roomBytes ? memory : tmpdir();
}

const stages = ['plan', 'baseline', 'snapshot', 'inject', 'react', 'measure', 'judge', 'forensic'];

/** Blow by blow: how many, in which stages, under how many kinds of fault, and how fast it was healed. */
function tell(struck: readonly Struck[]): string {
  const at = (p: number, ms: readonly number[]) =>
    Math.round(ms[Math.min(ms.length - 1, Math.floor(p * ms.length))] ?? 0);
  const lines = [...new Set(struck.map((s) => s.blow))].sort().map((blow) => {
    const of = struck.filter((s) => s.blow === blow);
    const ms = of.flatMap((s) => s.healedMs ?? []).sort((a, b) => a - b);
    const healed = ms.length === 0 ? '' : `; healed after p50 ${at(0.5, ms)} p99 ${at(0.99, ms)} max ${at(1, ms)} ms`;
    const where = stages.map((stage) => `${stage} ${of.filter((s) => s.stage === stage).length}`).join(', ');
    return `  ${blow}: ${of.length} (${where})${healed}`;
  });
  const kinds = [...new Set(struck.map((s) => s.fault))].sort();
  return `${struck.length} runs, ${kinds.length} kinds of fault (${kinds.join(', ')}), to be healed within ${healWithinMs} ms\n${lines.join('\n')}`;
}
