import { copyFile, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { packageRoot } from '../../harness/util/package-root.js';
import { type Outcome, ordeal } from '../cli/ordeal.js';

const sample = join(packageRoot, 'scenarios', 'session-gateway');

let folder: string;
test.beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ordeal-quality-'));
  for (const part of ['build', 'vnfd']) await symlink(join(sample, part), join(folder, part));
  await copyFile(join(packageRoot, 'test', 'steps', 'quality.feature'), join(folder, 'quality.feature'));
  // What the descriptor calls as before is next to anything: only the steps find fault, also on a busy machine.
  const yaml = (await readFile(join(sample, 'service.yaml'), 'utf8'))
    .replaceAll('rateHz: 20', 'rateHz: 50')
    .replace(/errorRatio: .*/, 'errorRatio: { absolute: 1 }')
    .replace(/availability: .*/, 'availability: { absolute: 1 }')
    .replace(/requestRate: .*/, 'requestRate: { relative: 1 }')
    .replace(/latencyP50: .*/, 'latencyP50: { absolute: 2000 }');
  await writeFile(join(folder, 'service.yaml'), yaml);
});
test.afterAll(() => rm(folder, { recursive: true, force: true }));

const run = (name: string): Promise<Outcome> =>
  ordeal(folder, 'run', 'quality.feature', '--name', `^${name}$`, '--no-allure', '--json');
const messageOf = ({ stdout }: Outcome): string => JSON.parse(stdout).scenarios[0].message ?? '';

test('every question of a service that recovers is answered with yes', async () => {
  const outcome = await ordeal(folder, 'run', join(sample, 'quality.feature'), '--no-allure');
  expect(outcome.stdout).toMatch(/1 scenarios: 1 passed/);
  expect(outcome.code, outcome.stdout).toBe(0);
});

test('a service that does not come back by itself is not as before, whatever its pipeline hopes', async () => {
  const outcome = await ordeal(folder, 'run', join(sample, 'gate.feature'), '--no-allure', '--json');
  expect(messageOf(outcome)).toMatch(/expected: the service quality is as before; got: service failed/);
  expect(outcome.code, outcome.stderr).toBe(30);
});

test('a tail that is longer than the margin of its step fails it, though the run ends well', async () => {
  const outcome = await run('p99');
  expect(messageOf(outcome)).toMatch(/latencyP99 is within 10 % of the baseline\s+sessions latencyP99: worse/);
  expect(outcome.code, messageOf(outcome)).toBe(37);
});

test('a tail that was measured too briefly fails as inconclusive, with how much longer to measure', async () => {
  const outcome = await run('cannot tell');
  expect(messageOf(outcome)).toMatch(/hits latencyP99: inconclusive, .*measure about .* s longer/);
  expect(outcome.code).toBe(34);
});

test('a service that comes back later than its step says fails it, with the interval', async () => {
  const outcome = await run('back');
  expect(messageOf(outcome)).toMatch(/back within 100 ms \(by probe "\w+" it took \d+ to \d+ ms\)/);
  expect(outcome.code, messageOf(outcome)).toBe(37);
});

test('sessions that are lost fail the step, though the margins of the descriptor let the run end well', async () => {
  const outcome = await run('lost');
  expect(messageOf(outcome)).toMatch(/nothing is lost\s+\d+ of 5000 do not answer the probe "sessions": user-\d+: 404/);
  expect(outcome.code, messageOf(outcome)).toBe(37);
});
