import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { type Recipe, readRecipe, writeRecipe } from '../../../harness/store/chunks/recipe.js';
import { Runs } from '../../../harness/store/chunks/runs.js';

const runs = new Runs();
runs.add(0, 0, 2);
const recipe: Recipe = {
  id: 'image',
  sizeBytes: 8192,
  pages: 2,
  root: 'ab'.repeat(32),
  createdAt: '2026-11-23T00:00:00.000Z',
  addedBytes: 100,
  packs: ['0123456789abcdef01234567'],
  attributes: { vnfc: 'store-1' },
  runs,
};

let folder: string;
test.beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ordeal-recipe-'));
  await mkdir(join(folder, 'recipes'));
});
test.afterEach(() => rm(folder, { recursive: true, force: true }));

test('a recipe is read as it was written', async () => {
  await writeRecipe(folder, recipe);
  const { runs: read, ...header } = await readRecipe(folder, 'image');
  const { runs: _, ...written } = recipe;
  expect(header).toEqual(written);
  expect([read.length, read.pack(0), read.start(0), read.pages(0)]).toEqual([1, 0, 0, 2]);
});

const wrong: Record<string, unknown> = {
  id: 7,
  sizeBytes: -1,
  pages: 1.5,
  root: null,
  createdAt: undefined,
  addedBytes: Number.NaN,
  packs: ['../../etc/passwd'],
  attributes: { vnfc: 1 },
};
for (const [field, value] of Object.entries(wrong)) {
  test(`a recipe whose header has no sound "${field}" is not written, and the field is named`, async () => {
    await expect(writeRecipe(folder, { ...recipe, [field]: value })).rejects.toThrow(`no sound "${field}"`);
    await expect(readRecipe(folder, 'image')).rejects.toMatchObject({ kind: 'snapshot-missing' });
  });
}
