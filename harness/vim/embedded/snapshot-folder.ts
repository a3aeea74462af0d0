import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { changed, type InstanceSnapshot, instanceSnapshot, type SnapshotChange } from '../../model/snapshot.js';
import type { SnapshotFilter, SnapshotImage } from '../../model/vim.js';
import { isAlive, thisProcess } from '../../store/process-identity.js';
import { syncFolder, writeAtomically } from '../../util/atomic-file.js';
import { classifyIo, errnoOf, OrdealError } from '../../util/errors.js';
import { newId } from '../../util/ids.js';

const image = z.object({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'must be a plain file name'),
  role: z.enum(['memory', 'disk', 'state']),
  sizeBytes: z.number().int().nonnegative(),
  sha256: z.string(),
});
export type StoredImage = z.output<typeof image>;

/** `record.json`, written last: a folder without it is no snapshot. */
export const storedSnapshot = z.object({
  format: z.literal('ordeal.embedded-snapshot/1'),
  record: instanceSnapshot,
  images: z.array(image),
});
export type StoredSnapshot = z.output<typeof storedSnapshot>;

const recordFile = 'record.json';
/** Folders whose names begin so are being written or deleted, by the process that the name tells; nobody lists them. */
const unfinishedPrefix = '.unfinished-';
const owned = /^\.unfinished-(\d+)-(\d*)-/;

/** The snapshots of one service on disk. Any process may read; writing is atomic, one folder for each snapshot. */
export class SnapshotFolder {
  constructor(readonly folder: string) {}

  folderOf(id: string): string {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(id)) throw missing(id);
    return join(this.folder, id);
  }

  /** A folder to write a new snapshot into, beside its final place. */
  async begin(id: string): Promise<string> {
    const folder = this.#unfinished(id);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return folder;
  }

  /** The snapshot exists from here on. The images are durable already. */
  async commit(id: string, from: string, stored: StoredSnapshot): Promise<void> {
    await writeAtomically(join(from, recordFile), JSON.stringify(stored, null, 2));
    await rename(from, this.folderOf(id));
    await syncFolder(this.folder);
  }

  #unfinished(what: string): string {
    const { pid, processStartedAt } = thisProcess;
    return join(this.folder, `${unfinishedPrefix}${pid}-${processStartedAt}-${what}`);
  }

  /** Removes what processes have left half-written or half-deleted that are no more. */
  async sweep(): Promise<void> {
    for (const name of await this.#names()) {
      if (!name.startsWith(unfinishedPrefix)) continue;
      const [, pid, processStartedAt = ''] = owned.exec(name) ?? [];
      const isOver = pid === undefined || !isAlive({ host: thisProcess.host, pid: Number(pid), processStartedAt });
      if (isOver) await rm(join(this.folder, name), { recursive: true, force: true });
    }
  }

  /** @throws OrdealError of kind snapshot-missing, snapshot-corrupt */
  async read(id: string): Promise<StoredSnapshot> {
    const file = join(this.folderOf(id), recordFile);
    let text: string;
    try {
      text = await readFile(file, 'utf8');
    } catch (e) {
      if (errnoOf(e) === 'ENOENT') throw missing(id);
      throw classifyIo(e, file);
    }
    try {
      return storedSnapshot.parse(JSON.parse(text));
    } catch (e) {
      throw new OrdealError('snapshot-corrupt', `The record of snapshot "${id}" is damaged`, { where: file, cause: e });
    }
  }

  /** Tidies up after processes that are no more. */
  async list(filter: SnapshotFilter = {}): Promise<InstanceSnapshot[]> {
    await this.sweep();
    const records: InstanceSnapshot[] = [];
    for (const name of await this.#names()) {
      if (name.startsWith('.')) continue;
      try {
        const { record } = await this.read(name);
        if (matches(record, filter)) records.push(record);
      } catch (e) {
        // Deleted while we were looking.
        if (!(e instanceof OrdealError) || e.kind !== 'snapshot-missing') throw e;
      }
    }
    return records.sort((a, b) => a.createdAt.localeCompare(b.createdAt) || a.id.localeCompare(b.id));
  }

  async update(id: string, change: SnapshotChange): Promise<InstanceSnapshot> {
    const stored = await this.read(id);
    const record = changed(stored.record, change);
    await writeAtomically(join(this.folderOf(id), recordFile), JSON.stringify({ ...stored, record }, null, 2));
    return record;
  }

  /** It is gone at once; its bytes shortly after. @throws OrdealError of kind snapshot-missing */
  async delete(id: string): Promise<void> {
    const { record } = await this.read(id);
    const grave = this.#unfinished(`deleted-${id}`);
    await rm(grave, { recursive: true, force: true });
    await rename(this.folderOf(id), grave).catch((e) => {
      // Another process was faster.
      throw errnoOf(e) === 'ENOENT' ? missing(id) : classifyIo(e, this.folderOf(id));
    });
    await syncFolder(this.folder);
    if (record.location !== this.folderOf(id)) await rm(record.location, { recursive: true, force: true });
    await rm(grave, { recursive: true, force: true });
  }

  async images(id: string): Promise<SnapshotImage[]> {
    const { record, images } = await this.read(id);
    return images.map(({ name, role, sizeBytes }) => ({
      name,
      role,
      sizeBytes,
      async open() {
        const file = join(record.location, name);
        await stat(file).catch((e) => {
          throw new OrdealError('snapshot-corrupt', `Image "${name}" of snapshot "${id}" is gone`, {
            where: file,
            cause: e,
          });
        });
        return createReadStream(file, { highWaterMark: 1 << 20 });
      },
    }));
  }

  /** Takes images in under a new id. On failure nothing is kept. */
  async import(
    record: InstanceSnapshot,
    images: readonly SnapshotImage[],
    hash: (file: string) => Promise<string>,
  ): Promise<InstanceSnapshot> {
    const id = newId('snap');
    const folder = await this.begin(id);
    try {
      const stored: StoredImage[] = [];
      for (const { name, role, sizeBytes, open } of images) {
        const checked = image.omit({ sha256: true }).parse({ name, role, sizeBytes });
        const file = join(folder, checked.name);
        await pipeline(await open(), createWriteStream(file, { mode: 0o600, flush: true, flags: 'wx' }));
        const got = (await stat(file)).size;
        if (got !== sizeBytes) {
          throw new OrdealError('snapshot-corrupt', `Image "${name}" is not whole`, {
            expected: `${sizeBytes} bytes`,
            got: `${got}`,
          });
        }
        stored.push({ ...checked, sha256: await hash(file) });
      }
      const imported: InstanceSnapshot = { ...record, id, location: this.folderOf(id) };
      await this.commit(id, folder, { format: 'ordeal.embedded-snapshot/1', record: imported, images: stored });
      return imported;
    } catch (e) {
      await rm(folder, { recursive: true, force: true });
      throw e instanceof OrdealError ? e : classifyIo(e, folder);
    }
  }

  async #names(): Promise<string[]> {
    try {
      return await readdir(this.folder);
    } catch (e) {
      if (errnoOf(e) === 'ENOENT') return [];
      throw classifyIo(e, this.folder);
    }
  }
}

const missing = (id: string): OrdealError =>
  new OrdealError('snapshot-missing', `The embedded VIM has no snapshot "${id}"`, {
    remedy: 'See `ordeal snapshot list`.',
  });

function matches(record: InstanceSnapshot, { ids, resource, name, runId, type }: SnapshotFilter): boolean {
  return (
    (ids === undefined || ids.includes(record.id)) &&
    (resource === undefined || record.resource === resource) &&
    (name === undefined || record.name === name) &&
    (runId === undefined || record.metadata.runId === runId) &&
    (type === undefined || record.type === type)
  );
}
