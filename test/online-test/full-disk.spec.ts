import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@playwright/test';
import { temporaryFolder } from '../temporary-folder.js';

const main = fileURLToPath(new URL('./full-disk-main.js', import.meta.url));

test('a disk that becomes full under journal, snapshots and record: the run ends healed, and is recovered on that disk', async () => {
  test.setTimeout(150_000);
  const folder = await temporaryFolder('cramped');
  const mounted = (then: string) => ['-m', 'sh', '-c', `mount -t tmpfs -o size=64m none "${folder}" && ${then}`];
  const allowed = spawnSync('unshare', mounted('true')).status === 0;
  test.skip(!allowed, 'this host does not let this user mount a small file system');
  const run = `exec "${process.execPath}" "${main}" "${folder}"`;
  const { status, stdout, stderr } = spawnSync('unshare', mounted(run), { encoding: 'utf8', timeout: 140_000 });
  expect([status, stderr]).toEqual([0, '']);
  const told = JSON.parse(stdout.trim()) as Record<string, unknown>;
  expect(told.freeWhenFull).toBe(0);
  expect(told).toMatchObject({ healed: [true], active: [], again: expect.stringMatching(/No space is left/) });
  // Either the samples are lost, and the run says so; or the room that was kept is enough to restore what the fault broke.
  expect([10, 30, 31]).toContain(told.exitCode);
  if (told.exitCode === 10) expect(String(told.errors)).toMatch(/No space is left/);
  // Refused before it was begun: what could not be ended is not started.
  expect(told.runs).toBe(1);
});
