import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect } from '@playwright/test';
import fc from 'fast-check';
import { differences } from '../../harness/package/differences.js';
import { diffPackages, type PackageContent, writePackage } from '../../harness/package/index.js';
import { comparePages } from '../../harness/package/page-diff.js';
import { makeIdentity } from './certificates.js';
import { artifact, generated, image, instanceSnapshot, sampleContent, test, vnfSnapshot } from './fixtures.js';

const chunks = (bytes: Buffer, size: number): Readable => {
  const parts = [];
  for (let at = 0; at < bytes.length; at += size) parts.push(bytes.subarray(at, at + size));
  return Readable.from(parts);
};

test('a package does not differ from itself', async ({ folder }) => {
  const file = join(folder, 'a.zip');
  await writePackage(file, await sampleContent(folder));
  expect(await diffPackages(file, file)).toMatchObject({
    vnfd: { equal: true, files: [] },
    vnfInfo: [],
    record: [],
    vnfcs: [
      { id: 'store-1', change: 'none', record: [] },
      { id: 'store-2', change: 'none', record: [] },
    ],
    artifacts: [],
  });
});

test('two packages differ where their VNFD, VnfInfo, records, memory pages and artifacts do', {
  tag: ['@CO-vnf-snapshot'],
}, async ({ folder }) => {
  const memory = randomBytes(64 * 4096);
  const later = Buffer.from(memory);
  for (const page of [3, 4, 5, 60]) later[page * 4096 + 17] = later[page * 4096 + 17]! ^ 1;
  const vnfd = join(folder, 'vnfd');
  await mkdir(vnfd);
  await writeFile(join(vnfd, 'main.yaml'), 'a: 1');
  await writeFile(join(vnfd, 'same.yaml'), 'same');
  const content = (bytes: Buffer, ids: string[], pausedMs: number): PackageContent => ({
    vnfSnapshot: vnfSnapshot(ids),
    vnfd: { file: vnfd },
    images: ids.map((id) => ({
      vnfcId: id,
      record: instanceSnapshot(id, { pausedMs }),
      images: [image('memory.raw', 'memory', bytes), image('disk.raw', 'disk', Buffer.alloc(4096))],
    })),
    artifacts: [
      artifact('run.json', `${pausedMs}`),
      artifact('same.txt', 'same'),
      ...(pausedMs === 1 ? [artifact('a.txt', '')] : []),
    ],
  });
  const before = content(memory, ['one', 'two'], 1);
  const after = content(later, ['one'], 2);
  after.vnfSnapshot.vnfInstance.instantiatedVnfInfo.vnfState = 'STOPPED';
  const files = [join(folder, 'a.zip'), join(folder, 'b.zip')] as const;
  await writePackage(files[0], before);
  await writeFile(join(vnfd, 'main.yaml'), 'a: 2');
  await writeFile(join(vnfd, 'new.yaml'), 'new');
  await writePackage(files[1], after);

  const diff = await diffPackages(...files);
  expect(diff.vnfd).toEqual({
    equal: false,
    files: [
      { path: 'main.yaml', change: 'changed' },
      { path: 'new.yaml', change: 'only-in-b' },
    ],
  });
  expect(diff.vnfInfo).toContainEqual({ path: 'instantiatedVnfInfo.vnfState', a: 'STARTED', b: 'STOPPED' });
  expect(diff.record.map((d) => d.path)).toEqual(['vnfcSnapshots[snap-two]']);
  expect(diff.vnfcs).toEqual([
    {
      id: 'one',
      change: 'changed',
      record: [{ path: 'pausedMs', a: 1, b: 2 }],
      images: [
        {
          ...{ name: 'memory.raw', role: 'memory', change: 'changed', sizeA: memory.length, sizeB: memory.length },
          pages: {
            pageBytes: 4096,
            total: 64,
            differ: 4,
            runs: [
              [3, 3],
              [60, 1],
            ],
            runsLeftOut: 0,
          },
        },
        { name: 'disk.raw', role: 'disk', change: 'none', sizeA: 4096, sizeB: 4096 },
      ],
    },
    { id: 'two', change: 'only-in-a', record: [], images: [] },
  ]);
  expect(diff.artifacts).toEqual([
    { path: 'artifacts/a.txt', change: 'only-in-a' },
    { path: 'artifacts/run.json', change: 'changed' },
  ]);
  expect(JSON.parse(JSON.stringify(diff))).toEqual(diff);
});

test('encrypted packages are compared with a key, and say so without one', async ({ folder }) => {
  const vendor = makeIdentity({ name: 'Vendor' });
  const content = await sampleContent(folder);
  const files = [join(folder, 'a.zip'), join(folder, 'b.zip')] as const;
  for (const file of files) await writePackage(file, content, { recipients: [vendor.certificate] });
  const closed = await diffPackages(...files);
  expect(closed.vnfcs[0]?.images[0]).toMatchObject({ change: 'changed', reason: expect.stringMatching(/encrypted/) });
  const open = await diffPackages(...files, { identities: [vendor] });
  expect(open.vnfcs.map((v) => v.change)).toEqual(['none', 'none']);
  expect(open.vnfd.equal).toBe(true);
});

test('pages are counted right for any lengths, chunks and changes', async () => {
  const arbitrary = fc.record({
    lengthA: fc.nat(40_000),
    lengthB: fc.nat(40_000),
    chunkA: fc.integer({ min: 1, max: 9000 }),
    chunkB: fc.integer({ min: 1, max: 9000 }),
    changes: fc.array(fc.nat(39_999), { maxLength: 5 }),
  });
  await fc.assert(
    fc.asyncProperty(arbitrary, async ({ lengthA, lengthB, chunkA, chunkB, changes }) => {
      const a = Buffer.alloc(lengthA, 1);
      const b = Buffer.alloc(lengthB, 1);
      for (const at of changes) if (at < b.length) b[at] = 2;
      const pages = Math.ceil(Math.max(lengthA, lengthB) / 4096);
      const wrong = Array.from({ length: pages }, (_, i) => i).filter(
        (i) => !a.subarray(i * 4096, i * 4096 + 4096).equals(b.subarray(i * 4096, i * 4096 + 4096)),
      );
      const found = await comparePages(chunks(a, chunkA), chunks(b, chunkB));
      expect(found).toMatchObject({ total: pages, differ: wrong.length, runsLeftOut: 0 });
      expect(found.runs.flatMap(([first, count]) => Array.from({ length: count }, (_, i) => first + i))).toEqual(wrong);
    }),
    { numRuns: 100, seed: 20261122 },
  );
});

test('too many runs are counted, and left out of the list', async () => {
  const a = Buffer.alloc(4096 * 20);
  const b = Buffer.from(a);
  for (let page = 0; page < 20; page += 2) b[page * 4096] = 1;
  expect(await comparePages(chunks(a, 5000), chunks(b, 5000), 3)).toEqual({
    pageBytes: 4096,
    total: 20,
    differ: 10,
    runs: [
      [0, 1],
      [2, 1],
      [4, 1],
    ],
    runsLeftOut: 7,
  });
});

test('memory use does not grow with the images that are compared', async ({ folder }) => {
  const bytes = 96 * 1024 * 1024;
  const files = [join(folder, 'a.zip'), join(folder, 'b.zip')] as const;
  for (const file of files) {
    const memory = {
      name: 'memory.raw',
      role: 'memory' as const,
      sizeBytes: bytes,
      open: async () => generated(bytes),
    };
    const images = [{ vnfcId: 'big', record: instanceSnapshot('big'), images: [memory] }];
    await writePackage(file, { ...(await sampleContent(folder)), images });
  }
  let peak = 0;
  const before = process.memoryUsage().rss;
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss);
  }, 5);
  const from = performance.now();
  const diff = await diffPackages(...files);
  clearInterval(watch);
  const ms = performance.now() - from;
  const grownMiB = (peak - before) / 2 ** 20;
  test.info().annotations.push({
    type: 'measured',
    description: `2 images of 96 MiB compared at ${(96_000 / ms).toFixed(0)} MiB/s each, memory +${grownMiB.toFixed(0)} MiB`,
  });
  expect(diff.vnfcs[0]?.images[0]?.pages?.total).toBe(bytes / 4096);
  expect(grownMiB).toBeLessThan(96);
});

test('records are compared by path, lists with ids by their ids', () => {
  expect(differences({ a: [{ id: 'x', n: 1 }, { id: 'y' }] }, { a: [{ id: 'y' }, { id: 'x', n: 2 }] })).toEqual([
    { path: 'a[x].n', a: 1, b: 2 },
  ]);
  expect(differences({ a: [1, 2], b: null }, { a: [1], c: {} })).toEqual([
    { path: 'a[1]', a: 2 },
    { path: 'b', a: null },
    { path: 'c', b: {} },
  ]);
});
