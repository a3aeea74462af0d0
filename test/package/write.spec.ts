import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect } from '@playwright/test';
import { removeUnfinished, showPackage, verifyPackage, writePackage } from '../../harness/package/index.js';
import { OrdealError } from '../../harness/util/errors.js';
import { artifact, generated, image, instanceSnapshot, sampleContent, test } from './fixtures.js';

test('a package that was written verifies, and tells its own hash', async ({ folder }) => {
  const file = join(folder, 'out.zip');
  const written = await writePackage(file, await sampleContent(folder));
  expect(await readdir(folder)).toEqual(['out.zip', 'vnfd.yaml']);
  expect(written.sha256).toBe(
    createHash('sha256')
      .update(await readFile(file))
      .digest('hex'),
  );
  expect(written.bytes).toBe((await stat(file)).size);
  const report = await verifyPackage(file, { sha256: written.sha256 });
  expect(report).toMatchObject({ sha256: written.sha256, entries: written.entries, version: 1, signature: 'none' });
});

test('a package can be read by its owner only', async ({ folder }) => {
  const file = join(folder, 'out.zip');
  await writePackage(file, await sampleContent(folder));
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

test('show tells VNFCs, images, artifacts and VNFD from the records', async ({ folder }) => {
  const file = join(folder, 'out.zip');
  await writePackage(file, { ...(await sampleContent(folder)), userDefinedData: { runId: 'run-1' } });
  const summary = await showPackage(file);
  expect(summary.info).toMatchObject({ state: 'AVAILABLE', isFullSnapshot: true, userDefinedData: { runId: 'run-1' } });
  expect(summary.vnfcs.map((v) => v.id)).toEqual(['store-1', 'store-2']);
  expect(summary.vnfcs[0]).toMatchObject({ snapshotId: 'snap-store-1', type: 'warm', powerState: 'on' });
  expect(summary.vnfcs[0]?.images.map((i) => [i.name, i.role, i.sizeBytes])).toEqual([
    ['memory.raw', 'memory', 65536],
    ['disk-data.raw', 'disk', 4096],
    ['state.json', 'state', 17],
  ]);
  expect(summary.artifacts.map((a) => a.path)).toContain('artifacts/logs/store-1.log');
  expect(summary.vnfd?.path).toBe('vnfd.zip');
  expect(JSON.parse(JSON.stringify(summary))).toEqual(summary);
});

test('a package lists with unzip, and its VNFD is a ZIP', async ({ folder }) => {
  const file = join(folder, 'out.zip');
  await writePackage(file, await sampleContent(folder));
  const python =
    'import zipfile,sys,io; z=zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; v=zipfile.ZipFile(io.BytesIO(z.read("vnfd.zip"))); print(v.namelist()[0], z.namelist()[-1])';
  test.skip(!hasPython(), 'python3 is not on this host to read the ZIP independently');
  expect(execFileSync('python3', ['-c', python, file], { encoding: 'utf8' }).trim()).toBe('vnfd.yaml manifest.mf');
});

test('the same VNFD gives the same archive in every package', async ({ folder }) => {
  const content = await sampleContent(folder);
  const hashes = [];
  for (const name of ['a.zip', 'b.zip']) {
    await writePackage(join(folder, name), content);
    hashes.push((await showPackage(join(folder, name))).info.vnfdInfo?.checksum.hash);
  }
  expect(hashes[0]).toBe(hashes[1]);
});

test('a selective snapshot is not called full', async ({ folder }) => {
  const content = await sampleContent(folder);
  const file = join(folder, 'out.zip');
  await writePackage(file, { ...content, images: content.images.slice(0, 1) });
  expect((await showPackage(file)).info.isFullSnapshot).toBe(false);
});

test('memory use does not grow with the image', async ({ folder }) => {
  const content = await sampleContent(folder);
  const bytes = 256 * 1024 * 1024;
  const file = join(folder, 'large.zip');
  let peak = 0;
  const before = process.memoryUsage().rss;
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss);
  }, 5);
  const from = performance.now();
  await writePackage(file, {
    ...content,
    images: [
      {
        vnfcId: 'big',
        record: instanceSnapshot('big'),
        images: [{ name: 'memory.raw', role: 'memory', sizeBytes: bytes, open: async () => generated(bytes) }],
      },
    ],
  });
  const written = performance.now();
  await verifyPackage(file);
  const verified = performance.now();
  clearInterval(watch);
  const grownMiB = (peak - before) / 2 ** 20;
  const rate = (ms: number) => `${(256_000 / ms).toFixed(0)} MiB/s`;
  test.info().annotations.push({
    type: 'measured',
    description: `256 MiB: written ${rate(written - from)}, verified ${rate(verified - written)}, memory +${grownMiB.toFixed(0)} MiB`,
  });
  expect(grownMiB).toBeLessThan(96);
});

test('an image that ends early makes no package', async ({ folder }) => {
  const file = join(folder, 'out.zip');
  const content = await sampleContent(folder);
  const short = { ...image('memory.raw', 'memory', Buffer.alloc(100)), sizeBytes: 200 };
  const images = [{ vnfcId: 'store-1', record: instanceSnapshot('store-1'), images: [short] }];
  await expect(writePackage(file, { ...content, images })).rejects.toMatchObject({
    kind: 'snapshot-corrupt',
    parts: { expected: '200 bytes', got: '100 bytes' },
  });
  expect(await readdir(folder)).toEqual(['vnfd.yaml']);
});

test('a failing source leaves the previous package, and is named by its entry', async ({ folder }) => {
  const file = join(folder, 'out.zip');
  await writeFile(file, 'previous');
  const broken = {
    path: 'logs/broken.log',
    open: () =>
      new Readable({
        read() {
          this.destroy(new Error('device lost'));
        },
      }),
  };
  const content = await sampleContent(folder);
  const failure = await writePackage(file, { ...content, artifacts: [broken] }).catch((e: unknown) => e);
  expect(failure).toBeInstanceOf(OrdealError);
  expect(String(failure)).toContain('artifacts/logs/broken.log');
  expect(String(failure)).toContain('device lost');
  expect(await readFile(file, 'utf8')).toBe('previous');
  expect(await readdir(folder)).toEqual(['out.zip', 'vnfd.yaml']);
});

test('a missing VNFD makes no package', async ({ folder }) => {
  const content = await sampleContent(folder);
  const vnfd = { file: join(folder, 'none.yaml') };
  await expect(writePackage(join(folder, 'out.zip'), { ...content, vnfd })).rejects.toMatchObject({
    kind: 'file-missing',
    parts: { where: vnfd.file },
  });
  expect(await readdir(folder)).toEqual(['vnfd.yaml']);
});

test('stopping on request leaves nothing', async ({ folder }) => {
  const content = await sampleContent(folder);
  const stop = new AbortController();
  const endless = {
    path: 'endless.log',
    open: () => {
      setTimeout(() => stop.abort(), 50);
      return generated(2 ** 40);
    },
  };
  const writing = writePackage(join(folder, 'out.zip'), { ...content, artifacts: [endless] }, { signal: stop.signal });
  await expect(writing).rejects.toMatchObject({ kind: 'interrupted' });
  expect(await readdir(folder)).toEqual(['vnfd.yaml']);
});

for (const path of ['../evil', '/etc/passwd', 'a/../../b', './a', 'a//b', 'C:/x', 'a\\b', 'a\nHash: 0', '']) {
  test(`an artifact named ${JSON.stringify(path)} is refused before anything is written`, async ({ folder }) => {
    const content = await sampleContent(folder);
    const writing = writePackage(join(folder, 'out.zip'), { ...content, artifacts: [artifact(path, 'x')] });
    await expect(writing).rejects.toMatchObject({ kind: 'package-invalid' });
    expect(await readdir(folder)).toEqual(['vnfd.yaml']);
  });
}

test('what a dead writer left beside a package is removed, and nothing else', async ({ folder }) => {
  const left = '.out.zip.0a1b2c3d.tmp';
  for (const name of ['out.zip', left, '.other.zip.0a1b2c3d.tmp']) await writeFile(join(folder, name), 'x');
  expect(await removeUnfinished(join(folder, 'out.zip'))).toEqual([left]);
  expect((await readdir(folder)).sort()).toEqual(['.other.zip.0a1b2c3d.tmp', 'out.zip']);
  expect(await removeUnfinished(join(folder, 'none', 'out.zip'))).toEqual([]);
});

test('two artifacts of one name are refused', async ({ folder }) => {
  const content = await sampleContent(folder);
  const artifacts = [artifact('a.log', 'x'), artifact('a.log', 'y')];
  await expect(writePackage(join(folder, 'out.zip'), { ...content, artifacts })).rejects.toMatchObject({
    kind: 'package-invalid',
  });
  expect(await readdir(folder)).toEqual(['vnfd.yaml']);
});

function hasPython(): boolean {
  try {
    execFileSync('python3', ['--version']);
    return true;
  } catch {
    return false;
  }
}
