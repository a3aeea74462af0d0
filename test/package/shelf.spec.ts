import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect } from '@playwright/test';
import { showPackage, verifyPackage, writePackage } from '../../harness/package/index.js';
import { Shelf } from '../../harness/package/shelf.js';
import { transfer } from '../../harness/package/transfer.js';
import { openState } from '../../harness/store/state.js';
import { dirty, memoryImage } from '../store/chunks/images.js';
import { image, sampleContent, test } from './fixtures.js';
import { listed, rawZip } from './raw-zip.js';

const MiB = 2 ** 20;

/** A package as the repository makes it, of VNFCs with this memory. */
async function packageOf(folder: string, name: string, memory: Buffer): Promise<string> {
  const file = join(folder, name);
  const content = await sampleContent(folder);
  const images = content.images.map((it) => ({ ...it, images: [image('memory.raw', 'memory', memory)] }));
  await writePackage(file, { ...content, images }, { storeImages: true });
  return file;
}

test('two packages of one VNF hold once what is the same in both, and come out byte for byte', {
  tag: ['@Vnfm.009'],
}, async ({ folder }) => {
  await using state = await openState(join(folder, 'state'));
  const shelf = new Shelf(() => state.chunks());
  const memory = memoryImage(8 * MiB, 1);
  const first = await packageOf(folder, 'first.zip', memory);
  const added = await shelf.put('first', first);
  dirty(memory, 0.05, 2);
  const second = await packageOf(folder, 'second.zip', memory);
  const addedAgain = await shelf.put('second', second);
  // Both VNFCs have the same memory: it is there once.
  expect(added).toBeLessThan(4 * MiB);
  expect(addedAgain).toBeLessThan(added * 0.08);
  test
    .info()
    .annotations.push({ type: 'measured', description: `16 MiB of images: ${added} bytes, then ${addedAgain}` });
  for (const [id, file] of [
    ['first', first],
    ['second', second],
  ] as const) {
    await using source = await shelf.open(id);
    expect((await buffer(Readable.from(source.read(0, source.bytes)))).equals(await readFile(file)), id).toBe(true);
    const report = await verifyPackage({ open: () => shelf.open(id) });
    expect(report).toMatchObject({ sha256: (await verifyPackage(file)).sha256 });
    expect((await showPackage({ open: () => shelf.open(id) })).vnfcs).toHaveLength(2);
  }
});

test('any part of a package on the shelf is what it is in the file, be it made here or elsewhere', async ({
  folder,
}) => {
  await using state = await openState(join(folder, 'state'));
  const shelf = new Shelf(() => state.chunks());
  const file = join(folder, 'foreign.zip');
  const noise = memoryImage(3 * MiB, 7);
  await writeFile(
    file,
    rawZip(
      listed([
        { name: 'a.txt', data: 'a' },
        { name: 'noise', data: noise },
        { name: 'z', data: 'z' },
      ]),
    ),
  );
  await shelf.put('foreign', file);
  const bytes = await readFile(file);
  await using source = await shelf.open('foreign');
  expect(source.bytes).toBe(bytes.length);
  for (const [from, to] of [
    [0, 1],
    [40, 50],
    [MiB - 1, MiB + 1],
    [1000, 2 * MiB + 3],
    [bytes.length - 30, bytes.length],
    [5, 5],
  ] as const) {
    const part = await buffer(Readable.from(source.read(from, to)));
    expect(part.equals(bytes.subarray(from, to)), `${from} to ${to}`).toBe(true);
  }
  // In use it is not removed.
  await expect(shelf.remove('foreign')).rejects.toMatchObject({ kind: 'snapshot-in-use' });
  await source[Symbol.asyncDispose]();
  await shelf.remove('foreign');
  expect(await shelf.packageIds()).toEqual([]);
  await expect(shelf.open('foreign')).rejects.toMatchObject({ kind: 'snapshot-missing' });
});

test('damage on the shelf ends an upload with what is damaged, not with a server that cannot be reached', async ({
  folder,
}) => {
  await using state = await openState(join(folder, 'state'));
  const shelf = new Shelf(() => state.chunks());
  await shelf.put('p', await packageOf(folder, 'p.zip', memoryImage(4 * MiB, 3)));
  const packs = join((await state.chunks()).folder, 'packs');
  const pack = join(packs, (await readdir(packs))[0] ?? '');
  const damaged = await readFile(pack);
  damaged[damaged.length >> 1] = (damaged[damaged.length >> 1] ?? 0) ^ 1;
  await writeFile(pack, damaged);
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(201).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await using source = await shelf.open('p');
    const sent = transfer(source, `http://127.0.0.1:${(server.address() as AddressInfo).port}/p`);
    await expect(sent).rejects.toMatchObject({ kind: 'snapshot-corrupt' });
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
