import { createHash } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from '../../util/atomic-file.js';
import { OrdealError } from '../../util/errors.js';
import { readImage } from './image-reader.js';
import { hashBytes, pageBytes } from './layout.js';
import { type PackIndex, packPath, readPackIndex } from './pack-file.js';
import { batchesOf, PackWriter } from './pack-writer.js';
import { type Recipe, readRecipe, writeRecipe } from './recipe.js';
import { Runs } from './runs.js';
import type { WorkerPool } from './worker-pool.js';

/** A pack of which less than this share is still in use is rewritten. */
const worthKeeping = 0.7;

export interface GarbagePlan {
  /** Packs that no image uses, and files that no process will finish. */
  readonly remove: readonly { readonly path: string; readonly bytes: number }[];
  /** Packs that are used too little: what is in use moves into new ones. */
  readonly rewrite: readonly {
    readonly name: string;
    readonly bytes: number;
    readonly livePages: number;
    readonly pages: number;
  }[];
  readonly keep: { readonly packs: number; readonly bytes: number };
  /** An estimate: what the rewritten packs will be smaller by depends on how well they compress. */
  readonly freesBytes: number;
  /** As a person reads it. */
  readonly lines: readonly string[];
}

/** Which pages of each pack are in use: one bit a page. */
type LivePages = Map<string, { readonly bits: Uint8Array; readonly pack: PackIndex }>;

export async function planGarbage(folder: string, imageIds: readonly string[]): Promise<GarbagePlan> {
  const live = await findLivePages(folder, imageIds);
  const remove: { path: string; bytes: number }[] = [];
  const rewrite: GarbagePlan['rewrite'][number][] = [];
  const keep = { packs: 0, bytes: 0 };
  let freesBytes = 0;
  for (const file of await readdir(join(folder, 'packs'))) {
    const path = join(folder, 'packs', file);
    const { size } = await stat(path);
    const name = file.replace(/\.pack$/, '');
    const used = live.get(name);
    if (used === undefined) {
      remove.push({ path, bytes: size });
      freesBytes += size;
      continue;
    }
    const livePages = count(used.bits);
    const { pages } = used.pack;
    if (livePages / pages >= worthKeeping) {
      keep.packs++;
      keep.bytes += size;
      continue;
    }
    rewrite.push({ name, bytes: size, livePages, pages });
    freesBytes += Math.round(size * (1 - livePages / pages));
  }
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const lines = [
    `${keep.packs} packs stay, ${mib(keep.bytes)}`,
    ...remove.map((r) => `remove ${r.path}: unused, ${mib(r.bytes)}`),
    ...rewrite.map(
      (r) => `rewrite ${packPath(folder, r.name)}: ${r.livePages} of ${r.pages} pages in use, ${mib(r.bytes)}`,
    ),
    `frees about ${mib(freesBytes)}`,
  ];
  return { remove, rewrite, keep, freesBytes, lines };
}

async function findLivePages(folder: string, imageIds: readonly string[]): Promise<LivePages> {
  const live: LivePages = new Map();
  for (const id of imageIds) {
    const recipe = await readRecipe(folder, id);
    const { runs } = recipe;
    for (let run = 0; run < runs.length; run++) {
      const name = recipe.packs[runs.pack(run)];
      if (name === undefined) continue;
      let used = live.get(name);
      if (used === undefined) {
        const pack = await readPackIndex(folder, name);
        used = { bits: new Uint8Array(Math.ceil(pack.pages / 8)), pack };
        live.set(name, used);
      }
      for (let page = runs.start(run); page < runs.start(run) + runs.pages(run); page++) {
        used.bits[page >> 3] = (used.bits[page >> 3] ?? 0) | (1 << (page & 7));
      }
    }
  }
  return live;
}

function count(bits: Uint8Array): number {
  let total = 0;
  for (let byte of bits) for (; byte !== 0; byte &= byte - 1) total++;
  return total;
}

/**
 * New packs are whole before a recipe names them, and recipes are changed one at a time and atomically before an old
 * pack goes: a crash at any point leaves garbage at most.
 */
export async function executeGarbagePlan(
  folder: string,
  pool: WorkerPool,
  imageIds: readonly string[],
  plan: GarbagePlan,
): Promise<void> {
  if (plan.rewrite.length > 0) await rewritePacks(folder, pool, imageIds, plan);
  for (const { path } of plan.remove) await rm(path, { force: true });
  for (const { name } of plan.rewrite) await rm(packPath(folder, name), { force: true });
  await syncFolder(join(folder, 'packs'));
}

async function rewritePacks(folder: string, pool: WorkerPool, imageIds: readonly string[], plan: GarbagePlan) {
  const live = await findLivePages(folder, imageIds);
  const moved = new Map<string, Map<number, { name: string; page: number }>>();
  using batches = batchesOf(pool);
  let writer: PackWriter | undefined;
  try {
    for (const { name } of plan.rewrite) {
      const used = live.get(name);
      if (used === undefined) continue;
      const pages = pagesOf(used.bits, used.pack.pages);
      const places = new Map<number, { name: string; page: number }>();
      let n = 0;
      // What is moved is hashed once more: damage is not to be carried over under a new checksum.
      for await (const { data } of readImage(folder, pool, asRecipe(name, pages, used.pack), { deep: true })) {
        for (let at = 0; at < data.length; at += pageBytes, n++) {
          if (writer?.isFull) {
            await writer.finish();
            writer = undefined;
          }
          writer ??= await PackWriter.create(folder, batches);
          if (writer.needsRoom) await writer.makeRoom();
          const from = pages[n] ?? 0;
          const hash = used.pack.hashes.subarray(from * hashBytes, (from + 1) * hashBytes);
          places.set(from, { name: writer.name, page: writer.add(data.subarray(at, at + pageBytes), hash) });
        }
      }
      moved.set(name, places);
    }
    await writer?.finish();
  } catch (e) {
    await writer?.abandon();
    throw e;
  }
  for (const id of imageIds) {
    const recipe = await readRecipe(folder, id);
    if (recipe.packs.some((p) => moved.has(p))) await writeRecipe(folder, relocate(recipe, moved));
  }
}

function pagesOf(bits: Uint8Array, pages: number): number[] {
  const found: number[] = [];
  for (let page = 0; page < pages; page++) if (((bits[page >> 3] ?? 0) >> (page & 7)) & 1) found.push(page);
  return found;
}

/** The pages of a pack that are in use, as if they were an image. */
function asRecipe(name: string, pages: readonly number[], pack: PackIndex): Recipe {
  const root = createHash('sha256');
  const runs = new Runs();
  for (const page of pages) {
    root.update(pack.hashes.subarray(page * hashBytes, (page + 1) * hashBytes));
    runs.add(0, page);
  }
  return {
    id: name,
    sizeBytes: pages.length * pageBytes,
    pages: pages.length,
    root: root.digest('hex'),
    createdAt: '',
    addedBytes: 0,
    packs: [name],
    attributes: {},
    runs,
  };
}

function relocate(
  recipe: Recipe,
  moved: ReadonlyMap<string, ReadonlyMap<number, { name: string; page: number }>>,
): Recipe {
  const moving = new Runs();
  const packs: string[] = [];
  const numbers = new Map<string, number>();
  const numberOf = (name: string) => {
    const known = numbers.get(name);
    if (known !== undefined) return known;
    const number = packs.push(name) - 1;
    numbers.set(name, number);
    return number;
  };
  const { runs } = recipe;
  for (let run = 0; run < runs.length; run++) {
    const name = recipe.packs[runs.pack(run)];
    const start = runs.start(run);
    const pages = runs.pages(run);
    const places = name === undefined ? undefined : moved.get(name);
    if (name === undefined) moving.add(-1, 0, pages);
    else if (places === undefined) moving.add(numberOf(name), start, pages);
    else {
      for (let page = start; page < start + pages; page++) {
        const place = places.get(page);
        if (place === undefined) throw new OrdealError('internal', `Page ${page} of pack ${name} was not moved`);
        moving.add(numberOf(place.name), place.page);
      }
    }
  }
  return { ...recipe, packs, runs: moving };
}
