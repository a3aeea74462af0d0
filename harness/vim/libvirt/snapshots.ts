import { createReadStream, createWriteStream } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { InstanceSnapshot } from '../../model/snapshot.js';
import type {
  CapturedSnapshot,
  ComputeId,
  CreateSnapshotRequest,
  Obstacle,
  RevertOptions,
  SnapshotImage,
  Snapshots,
} from '../../model/vim.js';
import { OrdealError } from '../../util/errors.js';
import { newId } from '../../util/ids.js';
import { Undo } from '../../util/undo.js';
import { validate } from '../../util/validate.js';
import { RecordedSnapshots } from '../snapshot-records.js';
import { Capture } from './capture.js';
import type { Domains } from './domains.js';
import { qemuImg } from './images.js';
import { deleteInternal } from './internal-snapshots.js';
import type { Overlays } from './overlays.js';
import { putTogether, takeApart } from './ram-image.js';
import { Reversion } from './revert.js';
import { type SnapshotFolder, type StoredSnapshot, storedSnapshot } from './snapshot-folder.js';
import { Unfinished } from './unfinished.js';

const MEMORY = 'memory.save';
/** The same taken apart, so that two snapshots share the pages that did not change. */
const PAGES = { ram: 'memory.raw', rest: 'memory.rest' } as const;
const STATE = 'state.json';

/** The snapshots of domains. Calls for one domain wait for each other; libvirt itself keeps other processes apart. */
export class LibvirtSnapshots extends RecordedSnapshots<StoredSnapshot, SnapshotFolder> implements Snapshots {
  readonly #capture: Capture;
  readonly #reversion: Reversion;
  readonly #unfinished: Unfinished;

  constructor(
    readonly domains: Domains,
    folder: SnapshotFolder,
    readonly overlays: Overlays,
    readonly turn: <T>(compute: ComputeId, work: () => Promise<T>) => Promise<T>,
  ) {
    super(folder);
    this.#unfinished = new Unfinished(domains, folder, overlays);
    this.#capture = new Capture(domains, folder, overlays, this.#unfinished);
    this.#reversion = new Reversion(domains, folder, overlays);
  }

  async capture(compute: ComputeId, request: CreateSnapshotRequest): Promise<CapturedSnapshot> {
    const captured = await this.turn(compute, () => this.#capture.take(compute, request));
    return {
      ...captured,
      store: () => this.turn(compute, () => captured.store()),
      discard: () => this.turn(compute, () => captured.discard()),
    };
  }

  preflight(compute: ComputeId, request: CreateSnapshotRequest): Promise<readonly Obstacle[]> {
    return this.#capture.preflight(compute, request);
  }

  revert(compute: ComputeId, snapshotId: string, options: RevertOptions = {}): Promise<void> {
    return this.turn(compute, () => this.#reversion.revert(compute, snapshotId, options));
  }

  /** All are looked for before any is deleted. */
  async delete(snapshotIds: readonly string[], { consolidate = false } = {}): Promise<void> {
    const found = await Promise.all(snapshotIds.map((id) => this.folder.read(id)));
    for (const stored of found) await this.#deleteOne(stored, consolidate);
  }

  async #deleteOne(stored: StoredSnapshot, consolidate: boolean): Promise<void> {
    const { record, technique } = stored;
    if (technique === 'internal') await deleteInternal(this.domains.hypervisor, record.computeId, record.id);
    await this.folder.remove(stored);
    if (technique === 'internal') return;
    await this.overlays.dropUnused(stored.disks.map((d) => d.file));
    if (!consolidate) return;
    const inPlace = await this.domains.findInPlace(record.resource);
    if (inPlace === undefined) return;
    await this.turn(inPlace.xml.uuid, async () => {
      await this.overlays.consolidate(await this.domains.see(inPlace.xml.uuid));
    });
  }

  /** Disks as one qcow2 each, memory page by page and what else is in libvirt's save image, and what the driver needs to know to take them back. */
  async exportImages(snapshotId: string): Promise<readonly SnapshotImage[]> {
    const stored = await this.folder.read(snapshotId);
    if (stored.technique === 'internal') {
      throw new OrdealError(
        'capability-missing',
        `Snapshot "${snapshotId}" lies inside its disk image: nothing to export`,
        {
          remedy: 'Take an external snapshot, which is the default.',
        },
      );
    }
    const folder = this.folder.folderOf(snapshotId);
    const images: SnapshotImage[] = [];
    const file = async (name: string, role: SnapshotImage['role'], path: string) => {
      images.push({ name, role, sizeBytes: (await stat(path)).size, open: async () => createReadStream(path) });
    };
    if (stored.memoryFile !== undefined) {
      const apart = { ram: join(folder, `export-${PAGES.ram}`), rest: join(folder, `export-${PAGES.rest}`) };
      if (await takeApart(stored.memoryFile, apart)) {
        await file(PAGES.ram, 'memory', apart.ram);
        await file(PAGES.rest, 'state', apart.rest);
      } else await file(MEMORY, 'memory', stored.memoryFile);
    }
    for (const disk of stored.disks) {
      const name = `disk-${disk.id}.qcow2`;
      const flat = join(folder, `export-${name}`);
      await rm(flat, { force: true });
      await qemuImg.flatten(disk.file, flat);
      await file(name, 'disk', flat);
    }
    const state = Buffer.from(JSON.stringify(stored));
    images.push({ name: STATE, role: 'state', sizeBytes: state.length, open: async () => Readable.from([state]) });
    return images;
  }

  async sweep(): Promise<readonly string[]> {
    const snapshots = await this.#unfinished.sweep(this.turn);
    const files = await this.overlays.sweep();
    return [...snapshots, ...files.map((file) => `${basename(file)}, which nobody uses,`)];
  }

  async importImages(record: InstanceSnapshot, images: readonly SnapshotImage[]): Promise<InstanceSnapshot> {
    const id = newId('snap');
    const folder = this.folder.folderOf(id);
    await using undo = new Undo();
    undo.defer('remove the unfinished import', () => rm(folder, { recursive: true, force: true }));
    await this.#unfinished.beginImport(id);
    for (const image of images) {
      if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(image.name)) {
        throw new OrdealError('package-invalid', `"${image.name}" cannot be the name of an image`);
      }
      await pipeline(await image.open(), createWriteStream(join(folder, image.name), { flags: 'wx', mode: 0o600 }));
    }
    const has = (name: string) => images.some((i) => i.name === name);
    const hasPages = has(PAGES.ram) && has(PAGES.rest);
    if (hasPages) await mergePages(folder);
    const stateFile = join(folder, STATE);
    const text = await readFile(stateFile, 'utf8').catch((e: unknown) => {
      throw new OrdealError('package-invalid', 'The images lack state.json', { cause: e, where: record.id });
    });
    const stored = validate(JSON.parse(text), `${record.id}: ${STATE}`, storedSnapshot, 'package-invalid');
    const disks = stored.disks.map((d) => ({ ...d, file: join(folder, `disk-${d.id}.qcow2`), format: 'qcow2' }));
    for (const disk of disks) {
      if (has(`disk-${disk.id}.qcow2`)) continue;
      throw new OrdealError('package-invalid', `The image of disk "${disk.id}" is missing`, { where: record.id });
    }
    const sizes = images.reduce((sum, i) => sum + i.sizeBytes, 0);
    const imported: InstanceSnapshot = { ...record, id, location: folder, bytesStored: sizes };
    await this.folder.write({
      ...stored,
      record: imported,
      technique: 'external',
      ...(has(MEMORY) || hasPages ? { memoryFile: join(folder, MEMORY) } : {}),
      disks,
    });
    undo.keep();
    return imported;
  }
}

async function mergePages(folder: string): Promise<void> {
  const apart = { ram: join(folder, PAGES.ram), rest: join(folder, PAGES.rest) };
  await putTogether(apart, join(folder, MEMORY));
  await Promise.all(Object.values(apart).map((path) => rm(path)));
}
