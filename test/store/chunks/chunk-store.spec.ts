import { once } from 'node:events';
import { mkdtemp, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect, test } from '@playwright/test';
import { ChunkStore } from '../../../harness/store/chunks/chunk-store.js';
import { openState } from '../../../harness/store/state.js';
import { seededRandom } from '../../../harness/util/random.js';
import { temporaryFolder } from '../../temporary-folder.js';
import { dirty, memoryImage } from './images.js';

async function aStore() {
  const folder = await temporaryFolder('chunks');
  const state = await openState(folder);
  const store = await ChunkStore.open(state, { workers: 2 });
  return {
    folder,
    state,
    store,
    packs: async () => {
      const names = await readdir(join(folder, 'chunks', 'packs'));
      return names.map((name) => join(folder, 'chunks', 'packs', name));
    },
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
      await state[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
const parts = (image: Buffer, bytes: number) =>
  Readable.from(
    Array.from({ length: Math.ceil(image.length / bytes) }, (_, i) => image.subarray(i * bytes, (i + 1) * bytes)),
  );
const MiB = 2 ** 20;

async function flip(path: string, at: number): Promise<void> {
  const file = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  byte[0] = (byte[0] ?? 0) ^ 0x40;
  await file.write(byte, 0, 1, at);
  await file.close();
}

test('an image of any size comes out as it went in, from a stream and from a file', async () => {
  await using it = await aStore();
  for (const size of [0, 1, 4095, 4096, MiB, MiB + 1, 9 * MiB + 77]) {
    const image = memoryImage(size, size);
    await it.store.put(`stream/${size}`, parts(image, 70_001));
    const file = join(it.folder, 'image');
    await writeFile(file, image);
    const { sizeBytes, addedBytes } = await it.store.put(`file ${size}`, { file }, { vnfc: 'store-1' });
    expect(sizeBytes).toBe(size);
    expect(addedBytes).toBe(0);
    expect((await buffer(it.store.read(`stream/${size}`))).equals(image), String(size)).toBe(true);
    await it.store.restore(`file ${size}`, file);
    expect((await readFile(file)).equals(image), String(size)).toBe(true);
  }
  expect(await it.store.verify()).toEqual([]);
  expect((await it.store.show('file 4096')).attributes).toEqual({ vnfc: 'store-1' });
});

test('what is in the store already is not stored again, be it from the same image or another', {
  tag: ['@TQ-disk.incremental'],
}, async () => {
  await using it = await aStore();
  const image = memoryImage(8 * MiB, 1);
  const first = await it.store.put('1', parts(image, MiB));
  dirty(image, 0.05, 2);
  const second = await it.store.put('2', parts(image, MiB));
  expect(second.addedBytes).toBeLessThan(first.addedBytes * 0.08);
  await it.store[Symbol.asyncDispose]();
  await using reopened = await ChunkStore.open(it.state, { workers: 1 });
  const shifted = Buffer.concat([memoryImage(4096, 9), image]);
  const third = await reopened.put('3', parts(shifted, MiB));
  expect(third.addedBytes).toBeLessThan(10_000);
  expect((await buffer(reopened.read('3'))).equals(shifted)).toBe(true);
});

test('an index that is full finds less twice, and loses nothing', async () => {
  await using it = await aStore();
  await using small = await ChunkStore.open(it.state, { workers: 1, indexPages: 100 });
  const image = memoryImage(4 * MiB, 1);
  const first = await small.put('1', parts(image, MiB));
  const second = await small.put('2', parts(image, MiB));
  expect(second.addedBytes).toBeGreaterThan(first.addedBytes / 2);
  expect((await buffer(small.read('2'))).equals(image)).toBe(true);
});

test('a restored file is sparse where the image is zero', async () => {
  await using it = await aStore();
  const image = Buffer.alloc(32 * MiB);
  image.writeUInt32LE(7, 20 * MiB);
  await it.store.put('zeros', parts(image, MiB));
  const file = join(it.folder, 'restored');
  await it.store.restore('zeros', file);
  expect((await readFile(file)).equals(image)).toBe(true);
  expect((await stat(file)).blocks * 512).toBeLessThan(4 * MiB);
});

test('a flipped bit anywhere in a pack or a recipe is found, and the file is named', async () => {
  await using it = await aStore();
  const image = memoryImage(2 * MiB, 1);
  await it.store.put('good', parts(image, MiB));
  const [pack = ''] = await it.packs();
  const recipe = join(it.folder, 'chunks', 'recipes', 'good.recipe');
  const random = seededRandom(1);
  for (const path of [pack, recipe]) {
    const { size } = await stat(path);
    for (let n = 0; n < 12; n++) {
      const at = Math.floor(random() * size);
      await flip(path, at);
      const [damage] = await it.store.verify();
      expect(damage, `${path} at ${at}`).toMatchObject({ kind: 'snapshot-corrupt' });
      expect(damage?.message).toContain(path);
      await expect(buffer(it.store.read('good'))).rejects.toMatchObject({ kind: 'snapshot-corrupt' });
      await flip(path, at);
    }
  }
  expect(await it.store.verify()).toEqual([]);
  await truncate(pack, (await stat(pack)).size - 100);
  expect((await it.store.verify())[0]?.message).toContain(pack);
  await rm(pack);
  expect((await it.store.verify())[0]?.message).toContain(pack);
});

test('a restoration that fails leaves the target as it was, and nothing beside it', async () => {
  await using it = await aStore();
  await it.store.put('bad', parts(memoryImage(2 * MiB, 1), MiB));
  const [pack = ''] = await it.packs();
  await flip(pack, 5000);
  const folder = await mkdtemp(join(it.folder, 'target-'));
  const target = join(folder, 'disk');
  await writeFile(target, 'as before');
  await expect(it.store.restore('bad', target)).rejects.toMatchObject({ kind: 'snapshot-corrupt' });
  expect(await readFile(target, 'utf8')).toBe('as before');
  expect(await readdir(folder)).toEqual(['disk']);
});

test('a source that breaks off leaves nothing listed, and the store goes on', async () => {
  await using it = await aStore();
  const image = memoryImage(3 * MiB, 1);
  const broken = async function* () {
    yield image.subarray(0, 2 * MiB);
    throw new Error('the VIM hung up');
  };
  await expect(it.store.put('image', broken())).rejects.toThrow('the VIM hung up');
  expect(await it.store.list()).toEqual([]);
  await it.store.put('image', parts(image, MiB));
  expect(await it.store.verify()).toEqual([]);
  await expect(it.store.put('image', parts(image, MiB))).rejects.toMatchObject({ kind: 'busy' });
  await it.store.collectGarbage();
  expect((await it.packs()).filter((p) => p.endsWith('.writing'))).toEqual([]);
});

test('garbage is collected by plan: unused packs go, little-used ones are rewritten, images stay whole', async () => {
  await using it = await aStore();
  const image = memoryImage(8 * MiB, 1);
  const images = new Map<string, Buffer>();
  for (let n = 0; n < 6; n++) {
    await it.store.put(`${n}`, parts(image, MiB));
    images.set(`${n}`, Buffer.from(image));
    dirty(image, 0.3, n);
  }
  await it.store.put('stranger', parts(memoryImage(2 * MiB, 77), MiB));
  for (const id of ['0', '1', '2', 'stranger']) await it.store.delete(id);
  const plan = await it.store.planGarbageCollection();
  expect(plan.remove.length).toBeGreaterThan(0);
  expect(plan.rewrite.length).toBeGreaterThan(0);
  const before = (await it.packs()).length;
  expect(before).toBe(7);
  await it.store.collectGarbage();
  expect(await it.store.verify()).toEqual([]);
  for (const id of ['3', '4', '5']) expect((await buffer(it.store.read(id))).equals(images.get(id)!)).toBe(true);
  const after = await it.store.planGarbageCollection();
  expect(after.remove).toEqual([]);
  expect(after.rewrite).toEqual([]);
  const { addedBytes } = await it.store.put('again', parts(images.get('4')!, MiB));
  expect(addedBytes).toBe(0);
});

test('what is in use is neither deleted nor collected, and is as soon as it is free', async () => {
  await using it = await aStore();
  await it.store.put('used', parts(memoryImage(16 * MiB, 1), MiB));
  const reading = it.store.read('used');
  await once(reading, 'readable');
  await expect(it.store.delete('used')).rejects.toMatchObject({ kind: 'snapshot-in-use' });
  await expect(it.store.collectGarbage()).rejects.toMatchObject({ kind: 'busy' });
  const [slow, quick] = await Promise.all([buffer(reading), buffer(it.store.read('used'))]);
  expect(slow.equals(quick)).toBe(true);
  await it.store.delete('used');
  await it.store.collectGarbage();
  expect(await it.packs()).toEqual([]);
});

test('a reader who leaves in the middle gives back what it held', async () => {
  await using it = await aStore();
  await it.store.put('image', parts(memoryImage(16 * MiB, 1), MiB));
  const reading = it.store.read('image');
  await once(reading, 'readable');
  reading.destroy();
  await once(reading, 'close');
  await it.store.delete('image');
});

test('the memory that its threads share does not pile up over many small images', async () => {
  await using it = await aStore();
  const image = memoryImage(192 * 1024, 1);
  await it.store.put('first', parts(image, MiB));
  const before = process.memoryUsage().arrayBuffers;
  for (let n = 0; n < 60; n++) {
    await it.store.put(`image-${n}`, parts(image, MiB));
    expect((await buffer(it.store.read('first'))).equals(image)).toBe(true);
  }
  // Of each image 3 MiB to write and 2 MiB to read: what is not used again is collected late, and had come to 500 MiB.
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(60 * MiB);
});
