import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from '@playwright/test';
import { seededRandom } from '../../harness/util/random.js';
import { test } from '../package/fixtures.js';
import { ordeal } from './ordeal.js';

/** Latencies of 20 requests a second, and errors. */
function requests(seed: number, n: number, medianMs: number, errors = 0): string {
  const random = seededRandom(seed);
  const rows = Array.from({ length: n }, (_, i) => {
    const elapsed = medianMs * (0.8 + 0.4 * random());
    return `${i * 50},${elapsed.toFixed(2)},checkout,${random() >= errors}`;
  });
  return `timeStamp,elapsed,label,success\n${rows.join('\n')}\n`;
}

function cpu(seed: number, n: number, level: number): string {
  const random = seededRandom(seed);
  return `time,cpu\n${Array.from({ length: n }, (_, i) => `${i * 1000},${level * (0.9 + 0.2 * random())}`).join('\n')}\n`;
}

test('a service that is as before ends with 0, a slower one with 37', async ({ folder }) => {
  await writeFile(join(folder, 'before.csv'), requests(1, 600, 20));
  await writeFile(join(folder, 'same.csv'), requests(2, 600, 20));
  await writeFile(join(folder, 'slow.csv'), requests(3, 600, 60));
  const same = await ordeal(folder, 'judge', 'before.csv', 'same.csv');
  expect(same.stdout).toMatch(/checkout +latencyP50 +as-before/);
  expect(same.stdout).toMatch(/as-before: 4 of 4 indicators; 600 requests before, 600 requests after/);
  expect(same.code, same.stderr).toBe(0);
  const slow = await ordeal(folder, 'judge', 'before.csv', 'slow.csv', '--json');
  expect(slow.code).toBe(37);
  const told = JSON.parse(slow.stdout);
  expect(told).toMatchObject({ outcome: 'worse', exitCode: 37 });
  const p50 = told.indicators.find((i: { indicator: string }) => i.indicator === 'latencyP50');
  expect(p50.interval[0]).toBeLessThan(40);
  expect(p50.interval[1]).toBeGreaterThan(40);
});

test('a margin of its own makes the slower one as before', async ({ folder }) => {
  await writeFile(join(folder, 'before.csv'), requests(1, 600, 20));
  await writeFile(join(folder, 'slow.csv'), requests(3, 600, 24));
  const margin = (text: string) => ordeal(folder, 'judge', 'before.csv', 'slow.csv', '--margin', text);
  expect((await margin('latencyP50=5%')).code).toBe(37);
  expect((await margin('latencyP50=5%,15')).code).toBe(0);
});

test('errors after none before are worse', async ({ folder }) => {
  await writeFile(join(folder, 'before.csv'), requests(1, 400, 20));
  await writeFile(join(folder, 'after.csv'), requests(2, 400, 20, 0.3));
  const { code, stdout } = await ordeal(folder, 'judge', 'before.csv', 'after.csv');
  expect(stdout).toMatch(/errorRatio +worse/);
  expect(code).toBe(37);
});

test('too little ends with 34 and says how much longer to measure', async ({ folder }) => {
  await writeFile(join(folder, 'before.csv'), cpu(1, 30, 40));
  await writeFile(join(folder, 'after.csv'), cpu(2, 30, 40));
  const args = ['judge', 'before.csv', 'after.csv', '--lower-is-better', 'cpu', '--margin', 'cpu.p99=1%'];
  const { code, stdout } = await ordeal(folder, ...args);
  expect(stdout).toMatch(/cpu +p99 +inconclusive.*measure about .* longer/);
  expect(code).toBe(34);
});

test('a better one ends with 0', async ({ folder }) => {
  await writeFile(join(folder, 'before.csv'), cpu(1, 100, 40));
  await writeFile(join(folder, 'after.csv'), cpu(2, 100, 20));
  const { code, stdout } = await ordeal(folder, 'judge', 'before.csv', 'after.csv', '--lower-is-better', 'all');
  expect(stdout).toMatch(/better: 1 of 1 indicator;/);
  expect(code).toBe(0);
});

test('the plot shows every indicator with its outcome', async ({ folder }) => {
  await writeFile(join(folder, 'before.csv'), cpu(1, 100, 40));
  await writeFile(join(folder, 'after.csv'), cpu(2, 100, 60));
  const args = ['judge', 'before.csv', 'after.csv', '--lower-is-better', 'cpu', '--plot', 'why.svg'];
  expect((await ordeal(folder, ...args)).code).toBe(37);
  const svg = await readFile(join(folder, 'why.svg'), 'utf8');
  expect(svg).toMatch(/^<svg /);
  expect(svg).toContain('>cpu mean<');
  expect(svg).toContain('>worse<');
  expect(svg).not.toMatch(/NaN|Infinity|undefined/);
});

test('bad input is refused with its place, and nothing is written', async ({ folder }) => {
  await writeFile(join(folder, 'good.csv'), cpu(1, 20, 40));
  await writeFile(join(folder, 'bad.csv'), 'time,cpu\n0,1\n1,hot\n');
  const refuses = async (code: number, message: RegExp, ...args: string[]) => {
    const outcome = await ordeal(folder, 'judge', ...args);
    expect(outcome.stderr).toMatch(message);
    expect(outcome.code).toBe(code);
    expect(outcome.stdout).toBe('');
  };
  await refuses(3, /bad\.csv:3: cpu: expected a figure, got "hot"/, 'good.csv', 'bad.csv');
  await refuses(4, /nothing\.csv: No such file/, 'good.csv', 'nothing.csv');
  await refuses(2, /Which way is good for "cpu" is not said/, 'good.csv', 'good.csv');
  await refuses(2, /nothing to compare it with/, 'good.csv');
  await refuses(2, /--confidence: .*between 0.5 and 1, got 2/, 'good.csv', 'good.csv', '--confidence', '2');
  await refuses(2, /--only: .*expected one of cpu, got gpu/, 'good.csv', 'good.csv', '--only', 'gpu');
  await refuses(4, /There is no run in this folder/, '.');
});
