import { spawnSync } from 'node:child_process';
import { readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from '@playwright/test';
import { writePackage } from '../../harness/package/index.js';
import { sampleContent, test } from '../package/fixtures.js';
import { bin, ordeal } from './ordeal.js';

test('a sound package verifies, and shows what is in it', async ({ folder }) => {
  await writePackage(join(folder, 'p.zip'), await sampleContent(folder));
  const verified = await ordeal(folder, 'package', 'verify', 'p.zip');
  expect(verified.code, verified.stderr).toBe(0);
  expect(verified.stdout).toMatch(/p\.zip: sound, \d+ entries/);
  const shown = await ordeal(folder, 'package', 'show', 'p.zip', '--json');
  expect(JSON.parse(shown.stdout)).toMatchObject({ format: 'ordeal.vnf-snapshot-package', version: 1 });
});

test('a tampered package is refused with the entry, and is not exported', async ({ folder }) => {
  const file = join(folder, 'p.zip');
  await writePackage(file, await sampleContent(folder));
  const bytes = await readFile(file);
  bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
  await writeFile(file, bytes);
  const { code, stderr } = await ordeal(folder, 'package', 'export', 'p.zip', 'copy.zip');
  expect(stderr).toMatch(/p\.zip: .*expected .*, got /);
  expect(code).toBe(11);
  expect(await readdir(folder)).not.toContain('copy.zip');
});

test('a truncated package is refused as truncated', async ({ folder }) => {
  const file = join(folder, 'p.zip');
  const { bytes } = await writePackage(file, await sampleContent(folder));
  await truncate(file, Math.floor(bytes / 2));
  const { code, stderr } = await ordeal(folder, 'package', 'verify', 'p.zip');
  expect(stderr).toMatch(/p\.zip: The package was cut short/);
  expect(code).toBe(12);
});

test('a package that is not there is refused as missing', async ({ folder }) => {
  expect((await ordeal(folder, 'package', 'show', 'p.zip')).code).toBe(4);
});

test('a full disk leaves no copy and says so', async ({ folder }) => {
  await writePackage(join(folder, 'p.zip'), await sampleContent(folder));
  // The smallest limit on a file that the kernel knows; the signal that comes with it would end the process.
  const limited = `trap '' XFSZ; ulimit -f 1 && exec "${process.execPath}" "${bin}" package export p.zip copy.zip`;
  test.skip(spawnSync('sh', ['-c', 'ulimit -f 1']).status !== 0, 'this shell cannot limit the size of files');
  const { status, stderr } = spawnSync('sh', ['-c', limited], { cwd: folder, encoding: 'utf8' });
  expect(stderr).toMatch(/copy\.zip: No space is left to write/);
  expect(status).toBe(10);
  expect((await readdir(folder)).filter((f) => f.includes('copy'))).toEqual([]);
});
