import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from '@playwright/test';
import { ScheduleRecord } from '../../harness/store/schedule-record.js';
import { until } from '../../harness/util/deadline.js';
import { test } from '../package/fixtures.js';
import { bin, ordeal } from './ordeal.js';

const feature = `Feature: f
  Scenario: a worker crashes
    Given the network service "session-gateway" is running
    And a steady baseline of 2 seconds
    When the VNFC "worker-1" crashes
    Then the fault took effect
`;

async function scheduleFile(folder: string, cron: string, more = ''): Promise<void> {
  await writeFile(join(folder, 'a.feature'), feature);
  await writeFile(
    join(folder, 's.yaml'),
    `schema: ordeal.schedule/1\ntests: [{ id: crash, service: session-gateway, cron: "${cron}", features: [a.feature] }]\n${more}`,
  );
}

test('a test that is due is run for real, its end is told, and Ctrl-C ends the schedule', async ({ folder }) => {
  test.setTimeout(180_000);
  const heard: string[] = [];
  const server = createServer((request, response) => {
    request.setEncoding('utf8').on('data', (text) => heard.push(text));
    request.on('end', () => response.end());
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  // Every second: the second one waits for the service, and is skipped when the schedule ends.
  await scheduleFile(
    folder,
    '* * * * * *',
    `notify: [{ on: [passed, failed, inconclusive, error], webhook: "http://127.0.0.1:${port}/" }]\n`,
  );
  const child = spawn(process.execPath, [bin, 'schedule', 's.yaml'], { cwd: folder, stdio: 'pipe' });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (t) => (said += t));
  const exited = once(child, 'exit');
  try {
    await until('the first notice', () => heard.length > 0, { withinMs: 150_000 });
    child.kill('SIGINT');
    const [code] = await exited;
    expect(code, said).toBe(0);
  } finally {
    child.kill('SIGKILL');
    server.close();
  }
  const notice = JSON.parse(heard[0]!);
  expect(notice).toMatchObject({ notificationType: 'OrdealScheduledTest', test: 'crash', service: 'session-gateway' });
  // On a busy machine the run itself may be inconclusive; that it was run, and told as it ended, is what counts here.
  expect(['passed', 'inconclusive']).toContain(notice.outcome);
  expect((await readdir(notice.folder)).some((f) => f.startsWith('run-'))).toBe(true);
  expect(await readFile(join(notice.folder, 'ordeal.log'), 'utf8')).toContain('Scenario: a worker crashes');
  const past = await ordeal(folder, 'schedule', 's.yaml', '--history', '--json');
  const attempts = JSON.parse(past.stdout);
  expect(attempts[0]).toMatchObject({ outcome: notice.outcome, exitCode: notice.exitCode });
  expect(attempts.filter((a: { startedAt: string | null }) => a.startedAt !== null).length).toBeLessThanOrEqual(2);
});

test('a schedule is listed, and a paused test is shown, refused and resumed', async ({ folder }) => {
  await scheduleFile(folder, '0 3 * * *');
  {
    using record = new ScheduleRecord(join(folder, '.ordeal'));
    record.handle('crash', new Date());
    record.pause('crash', 'exit code 32');
  }
  expect((await ordeal(folder, 'schedule', 's.yaml', '--list')).stdout).toMatch(
    /crash +session-gateway .*paused: exit code 32/,
  );
  const once = await ordeal(folder, 'schedule', 's.yaml', '--once');
  expect(once.stdout).toMatch(/crash: skipped, paused: exit code 32/);
  expect(once.code).toBe(18);
  expect((await ordeal(folder, 'schedule', 's.yaml', '--resume', 'crash')).stdout).toMatch(/crash runs again/);
  expect((await ordeal(folder, 'schedule', 's.yaml', '--list')).stdout).toMatch(/T03:00:00/);
});

test('bad input is refused, and nothing runs', async ({ folder }) => {
  await scheduleFile(folder, 'every day');
  const bad = await ordeal(folder, 'schedule', 's.yaml');
  expect(bad.stderr).toMatch(/s\.yaml: tests\[0\]\.cron: must be a cron expression, got "every day"/);
  expect(bad.code).toBe(3);
  await scheduleFile(folder, '@daily');
  expect((await ordeal(folder, 'schedule', 'nothing.yaml')).code).toBe(4);
  const unknown = await ordeal(folder, 'schedule', 's.yaml', '--once', '--test', 'other');
  expect(unknown.stderr).toMatch(/expected one of crash, got other/);
  expect(unknown.code).toBe(2);
  expect((await ordeal(folder, 'schedule', 's.yaml', '--once', '--list')).code).toBe(2);
});
