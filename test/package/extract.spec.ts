import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from '@playwright/test';
import { extractPackage, verifyPackage, writePackage } from '../../harness/package/index.js';
import { sampleContent, test } from './fixtures.js';
import { foreignManifest, type RawEntry, rawZip } from './raw-zip.js';

test('an extracted package is what was put in, for the owner only', async ({ folder }) => {
  const file = join(folder, 'x.zip');
  await writePackage(file, await sampleContent(folder));
  const out = join(folder, 'out');
  const { files } = await extractPackage(file, out);
  expect(files.map((f) => f.path)).toContain('images/store-1/memory.raw');
  expect(await readFile(join(out, 'artifacts/run.json'), 'utf8')).toBe('{"schema":"ordeal.run/1"}');
  expect((await stat(join(out, 'images/store-1/memory.raw'))).mode & 0o777).toBe(0o600);
  expect((await stat(join(out, 'images'))).mode & 0o777).toBe(0o700);
  expect((await stat(out)).mode & 0o777).toBe(0o700);
});

test('a part of a package can be extracted', async ({ folder }) => {
  const file = join(folder, 'x.zip');
  await writePackage(file, await sampleContent(folder));
  await extractPackage(file, join(folder, 'out'), { only: (path) => path.startsWith('artifacts/') });
  expect(await readdir(join(folder, 'out'))).toEqual(['artifacts']);
});

test('a tampered package leaves nothing behind when it is extracted', async ({ folder }) => {
  const entries: RawEntry[] = [
    { name: 'a', data: 'a' },
    { name: 'b', data: 'b' },
  ];
  const manifest = { name: 'manifest.mf', data: foreignManifest(entries) };
  const file = join(folder, 'x.zip');
  await writeFile(file, rawZip([entries[0]!, { name: 'b', data: 'B' }, manifest]));
  await expect(extractPackage(file, join(folder, 'out'))).rejects.toMatchObject({ kind: 'package-tampered' });
  expect(await readdir(folder)).toEqual(['x.zip']);
});

test('a package is not extracted over something', async ({ folder }) => {
  const file = join(folder, 'x.zip');
  await writePackage(file, await sampleContent(folder));
  const out = join(folder, 'out');
  await mkdir(out);
  await writeFile(join(out, 'mine'), 'mine');
  await expect(extractPackage(file, out)).rejects.toMatchObject({ kind: 'usage' });
  await expect(extractPackage(file, file)).rejects.toMatchObject({ kind: 'usage' });
  expect(await readdir(out)).toEqual(['mine']);
});

test('an entry that is a file and a folder at once is refused, and leaves nothing', async ({ folder }) => {
  const entries: RawEntry[] = [
    { name: 'a', data: 'a' },
    { name: 'a/b', data: 'b' },
  ];
  const file = join(folder, 'x.zip');
  await writeFile(file, rawZip([...entries, { name: 'manifest.mf', data: foreignManifest(entries) }]));
  await expect(extractPackage(file, join(folder, 'out'))).rejects.toThrow();
  expect(await readdir(folder)).toEqual(['x.zip']);
});

test('a bomb is refused before a byte of it is written', async ({ folder }) => {
  const file = join(folder, 'x.zip');
  await writePackage(file, await sampleContent(folder));
  expect((await verifyPackage(file)).bytesChecked).toBeGreaterThan(100_000);
  await expect(extractPackage(file, join(folder, 'out'), { totalBytes: 100_000 })).rejects.toMatchObject({
    kind: 'package-invalid',
  });
  expect(await readdir(folder)).toEqual(['vnfd.yaml', 'x.zip']);
});
