import { access, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { syncFolder } from '../../util/atomic-file.js';
import { classifyIo, errnoOf, OrdealError } from '../../util/errors.js';
import type { Database } from '../database.js';
import type { Leases } from '../leases.js';
import { ChunkLock } from './chunk-lock.js';
import { executeGarbagePlan, type GarbagePlan, planGarbage } from './garbage.js';
import { readImage } from './image-reader.js';
import { type ImageSource, ImageWriter } from './image-writer.js';
import { KnownPacks } from './known-packs.js';
import { type PackIndex, readPackIndex } from './pack-file.js';
import { type Recipe, type RecipeHeader, readRecipe, recipePath, writeRecipe } from './recipe.js';
import { restoreImage } from './restoration.js';
import { sharedPool, WorkerPool } from './worker-pool.js';

export type { GarbagePlan } from './garbage.js';
export type { ImageSource } from './image-writer.js';

export interface ChunkStoreOptions {
  /** Threads of its own that hash and read; default: those of all stores of this process, one for each core, at most four. */
  readonly workers?: number;
  /** How many pages the index of what is there already may hold, at 11 to 22 bytes each; default 2^20, 4 GiB of pages. */
  readonly indexPages?: number;
  /** Milliseconds that a garbage collection is waited for; default 30,000. */
  readonly waitMs?: number;
}

export type StoredImage = RecipeHeader;

/** Where it lies, and who says what is in use. */
export interface ChunkStoreState {
  readonly folder: string;
  readonly database: Database;
  readonly leases: Leases;
}

/** An image that stays as it is as long as it is open: it is neither deleted nor moved. */
export interface OpenedImage extends Disposable {
  readonly sizeBytes: number;
  /** Bytes `from` to `to`, the last one not included. They may be read in any order, and several at once. */
  read(from: number, to: number): AsyncGenerator<Buffer>;
}

/**
 * Content-addressed store of images: each distinct page once, over all images, compressed, checked when it is read.
 * Any number of processes may use it. An image is there whole or not at all, whatever happens in between.
 */
export class ChunkStore implements AsyncDisposable {
  readonly folder: string;
  readonly #lock: ChunkLock;
  readonly #pool: WorkerPool;
  #known: KnownPacks | undefined;
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(
    readonly state: ChunkStoreState,
    readonly options: ChunkStoreOptions,
  ) {
    this.folder = join(state.folder, 'chunks');
    this.#lock = new ChunkLock(state.leases, options.waitMs ?? 30_000);
    this.#pool = options.workers === undefined ? sharedPool() : new WorkerPool(options.workers);
  }

  static async open(state: ChunkStoreState, options: ChunkStoreOptions = {}): Promise<ChunkStore> {
    const folder = join(state.folder, 'chunks');
    try {
      for (const part of ['packs', 'recipes']) await mkdir(join(folder, part), { recursive: true, mode: 0o700 });
    } catch (e) {
      throw classifyIo(e, folder);
    }
    return new ChunkStore(state, options);
  }

  /**
   * Durable when it returns; nothing of it is listed when it throws. One image is written at a time.
   * @throws OrdealError of kinds busy (garbage is being collected, or the id is taken), no-space
   */
  put(id: string, source: ImageSource, attributes: Readonly<Record<string, string>> = {}): Promise<StoredImage> {
    const work = this.#writing.then(() => this.#put(id, source, attributes));
    // The next one waits for this one to end, well or not; how it ended is told to who asked for it.
    this.#writing = Promise.allSettled([work]);
    return work;
  }

  async #put(id: string, source: ImageSource, attributes: Readonly<Record<string, string>>): Promise<StoredImage> {
    this.#pool.warmUp(1);
    using _use = await this.#lock.use(`the writing of ${id}`);
    if (await this.#has(id)) {
      throw new OrdealError('busy', `Image "${id}" is in the store already`, { remedy: 'Delete it first.' });
    }
    try {
      const known = await this.#knownPacks();
      const bytes = 'file' in source && source.range !== undefined ? source.range.to - source.range.from : undefined;
      const written = await new ImageWriter(this.folder, this.#pool, known, bytes).write(source);
      const recipe = { ...written, id, createdAt: new Date().toISOString(), attributes: { ...attributes } };
      await writeRecipe(this.folder, recipe);
      return headerOf(recipe);
    } catch (e) {
      // The index may name pages of a pack that has not become whole.
      this.#known = undefined;
      throw e;
    }
  }

  /** Packs of other processes are learnt; when one has gone, everything is learnt anew. */
  async #knownPacks(): Promise<KnownPacks> {
    const there = (await readdir(join(this.folder, 'packs')))
      .filter((file) => file.endsWith('.pack'))
      .map((file) => file.slice(0, -'.pack'.length));
    if (this.#known === undefined || this.#known.names.some((name) => !there.includes(name))) {
      this.#known = new KnownPacks(this.folder, this.options.indexPages ?? 2 ** 20);
    }
    const known = this.#known;
    for (const name of there) {
      if (!known.has(name) && !known.isFull) known.learn(await this.#soundPack(name));
    }
    return known;
  }

  /** A damaged pack is not referred to again; whoever reads from it is told. */
  async #soundPack(name: string): Promise<Pick<PackIndex, 'name' | 'pages' | 'hashes' | 'hashesAt'>> {
    try {
      return await readPackIndex(this.folder, name);
    } catch (e) {
      if (e instanceof OrdealError && e.kind === 'snapshot-corrupt')
        return { name, pages: 0, hashes: new Uint8Array(0), hashesAt: 0 };
      throw e;
    }
  }

  async #has(id: string): Promise<boolean> {
    try {
      await access(recipePath(this.folder, id));
      return true;
    } catch (e) {
      if (errnoOf(e) !== 'ENOENT') throw e;
      return false;
    }
  }

  async #ids(): Promise<string[]> {
    const files = await readdir(join(this.folder, 'recipes'));
    return files.filter((f) => f.endsWith('.recipe')).map((f) => decodeURIComponent(f.slice(0, -'.recipe'.length)));
  }

  /** Sorted. @param prefix of those that are meant */
  async ids(prefix = ''): Promise<string[]> {
    return (await this.#ids()).filter((id) => id.startsWith(prefix)).sort();
  }

  async list(): Promise<StoredImage[]> {
    const images: StoredImage[] = [];
    for (const id of await this.ids()) images.push(headerOf(await readRecipe(this.folder, id)));
    return images;
  }

  /** @throws OrdealError of kinds snapshot-missing, snapshot-corrupt */
  async show(id: string): Promise<StoredImage> {
    return headerOf(await readRecipe(this.folder, id));
  }

  /** A stream of the image, each block checked. It fails with an OrdealError of kind snapshot-corrupt, naming the file. */
  read(id: string): Readable {
    const bytes = async function* (store: ChunkStore) {
      using _use = await store.#use(id, 'the reading');
      const recipe = await readRecipe(store.folder, id);
      for await (const { data } of readImage(store.folder, store.#pool, recipe)) yield Buffer.from(data);
    };
    return Readable.from(bytes(this), { objectMode: false });
  }

  /** To read parts of it. @throws OrdealError of kinds snapshot-missing, snapshot-corrupt, busy */
  async open(id: string): Promise<OpenedImage> {
    const use = await this.#use(id, 'the reading');
    try {
      const recipe = await readRecipe(this.folder, id);
      const read = async function* (this: ChunkStore, from: number, to: number) {
        if (from >= to) return;
        const segments = readImage(this.folder, this.#pool, recipe, { range: { from, to } });
        for await (const { offset, data } of segments) {
          yield Buffer.from(data.subarray(Math.max(0, from - offset), Math.min(data.length, to - offset)));
        }
      };
      return { sizeBytes: recipe.sizeBytes, read: read.bind(this), [Symbol.dispose]: () => use[Symbol.dispose]() };
    } catch (e) {
      use[Symbol.dispose]();
      throw e;
    }
  }

  #use(id: string, purpose: string): Promise<Disposable> {
    return this.#lock.use(`${purpose} of ${id}`, leaseOf(id));
  }

  /**
   * Writes the image into a file, sparse where it is zero; the name shows the whole image or what was there before.
   * @param options `durable`: on the disk when it returns (default). A copy that is used at once, and that the store can
   * make again, need not be.
   */
  async restore(id: string, path: string, { durable = true }: { durable?: boolean } = {}): Promise<void> {
    this.#pool.warmUp(1);
    using _use = await this.#use(id, 'a restoration');
    await restoreImage(this.folder, this.#pool, await readRecipe(this.folder, id), path, durable);
  }

  /** Reads everything of these images, or of all, and hashes every page again. @returns what is damaged; empty when all is well */
  async verify(ids?: readonly string[]): Promise<OrdealError[]> {
    const damaged: OrdealError[] = [];
    for (const id of ids ?? (await this.#ids())) {
      try {
        using _use = await this.#use(id, 'a verification');
        const recipe = await readRecipe(this.folder, id);
        for await (const _segment of readImage(this.folder, this.#pool, recipe, { deep: true }));
      } catch (e) {
        if (!(e instanceof OrdealError)) throw e;
        damaged.push(e);
      }
    }
    return damaged;
  }

  /**
   * What it used alone becomes garbage.
   * @throws OrdealError of kinds snapshot-missing, snapshot-in-use
   */
  async delete(id: string): Promise<void> {
    if (!(await this.#has(id))) {
      throw new OrdealError('snapshot-missing', `Image "${id}" is not in the store`, { where: this.folder });
    }
    using _use = await this.#lock.use(`the deletion of ${id}`);
    this.state.leases.assertFree(leaseOf(id), `Image "${id}"`);
    await rm(recipePath(this.folder, id));
    await syncFolder(join(this.folder, 'recipes'));
  }

  /** What a garbage collection would do; nothing is touched. */
  async planGarbageCollection(): Promise<GarbagePlan> {
    return planGarbage(this.folder, await this.#ids());
  }

  /**
   * Collects what is garbage now.
   * @returns the plan that was executed
   * @throws OrdealError of kind busy while anybody reads or writes
   */
  async collectGarbage(): Promise<GarbagePlan> {
    using _alone = this.#lock.collect();
    const ids = await this.#ids();
    const plan = await planGarbage(this.folder, ids);
    await executeGarbagePlan(this.folder, this.#pool, ids, plan);
    this.#known = undefined;
    await removeTemporaries(join(this.folder, 'recipes'));
    return plan;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing;
    if (this.options.workers !== undefined) await this.#pool[Symbol.asyncDispose]();
  }
}

const leaseOf = (id: string): string => `image ${id}`;

function headerOf({ runs: _runs, ...header }: Recipe): StoredImage {
  return header;
}

/** Left over from a process that died while it wrote a recipe. */
async function removeTemporaries(folder: string): Promise<void> {
  for (const file of await readdir(folder)) if (file.endsWith('.tmp')) await rm(join(folder, file), { force: true });
}
