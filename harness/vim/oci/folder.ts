import { access, mkdir, readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { instanceSnapshot } from '../../model/snapshot.js';
import type { ComputeId } from '../../model/vim.js';
import { isAlive, thisProcess } from '../../store/process-identity.js';
import { writeAtomically } from '../../util/atomic-file.js';
import { errnoOf, OrdealError } from '../../util/errors.js';
import { readValidated } from '../../util/validate.js';
import { RECORD, SnapshotRecords } from '../snapshot-records.js';
import { connection } from './connections.js';

const attachment = z.object({
  network: z.string(),
  address: z.string(),
  mac: z.string().optional(),
  aliases: z.array(z.string()),
});

export const storedSnapshot = z.object({
  format: z.literal('ordeal.oci-snapshot/1'),
  record: instanceSnapshot,
  runId: z.string().optional(),
  /** Enough to create the container anew. */
  spec: z.record(z.string(), z.unknown()),
  restartPolicy: z.string(),
  /** The name of its image. */
  image: z.string().optional(),
  labels: z.record(z.string(), z.string()),
  /** Volumes that are in it: their trees lie in `disk-<id>`; the writable layer in `layer`, the memory in `memory`. */
  volumes: z.array(z.object({ id: z.string(), destination: z.string(), name: z.string().optional() })),
  hasMemory: z.boolean(),
  /** The engine's own name for a dump that lies with the engine, out of our reach. */
  checkpoint: z.string().optional(),
  /** When the process was started that had these connections. */
  boot: z.string().optional(),
  connections: z.array(connection).default([]),
});
export type StoredSnapshot = z.output<typeof storedSnapshot>;

/** What Ordeal keeps about a container beside its engine: labels cannot be changed, and engines forget the frozen. */
export const marks = z.object({
  resource: z.string().optional(),
  runId: z.string().optional(),
  quarantined: z.boolean().default(false),
  /** It ran, and was not frozen, when it was quarantined. */
  wasRunning: z.boolean().default(false),
  networks: z.array(attachment).default([]),
  restartPolicy: z.string().optional(),
  /** Its memory is in this snapshot, and comes back when it is resumed. */
  pending: z
    .object({
      snapshot: z.string(),
      cut: z.string().optional(),
      /** On the monotonic clock of this machine. */
      atMs: z.number(),
      /** Connections that may go on: nothing has passed through them since the snapshot. */
      unmoved: z.array(z.string()).default([]),
    })
    .optional(),
  /** The memory that it runs with came from this snapshot. */
  restored: z.object({ from: z.string(), cut: z.string().optional(), atMs: z.number() }).optional(),
  /** We ended it: whatever its exit code is, that is no crash. */
  stopped: z.boolean().default(false),
});
export type Marks = z.output<typeof marks>;
export const noMarks: Marks = marks.parse({});

const place = z.object({ id: z.string() });
const owner = z.object({
  host: z.string(),
  pid: z.number(),
  processStartedAt: z.string(),
  location: z.string(),
  /** Of which container, where something has to be undone at it; absent: it goes on by itself. */
  compute: z.string().optional(),
});
const OWNER = 'owner.json';

/** A snapshot that nobody finishes. */
export interface Abandoned {
  readonly id: string;
  readonly location: string;
  readonly compute: ComputeId | undefined;
}

/** What the driver keeps on the host of the containers; any process may take over from it. */
export class OciFolder extends SnapshotRecords<StoredSnapshot> {
  readonly root: string;

  constructor(folder: string) {
    super(join(resolve(folder), 'snapshots'), storedSnapshot);
    this.root = resolve(folder);
  }

  get injections(): string {
    return join(this.root, 'injections');
  }

  async prepare(): Promise<void> {
    for (const name of ['snapshots', 'injections', 'marks', 'places']) {
      await mkdir(join(this.root, name), { recursive: true, mode: 0o700 });
    }
  }

  async marks(compute: ComputeId): Promise<Marks | undefined> {
    return readIfThere(this.#marksFile(compute), marks);
  }

  async setMarks(compute: ComputeId, now: Marks): Promise<void> {
    await writeAtomically(this.#marksFile(compute), JSON.stringify(now));
  }

  async dropMarks(compute: ComputeId): Promise<void> {
    await rm(this.#marksFile(compute), { force: true });
  }

  /**
   * A snapshot in the making: should this process die, the next one that makes a snapshot removes it.
   * @param compute where a death leaves something to be undone at the container: written down before it is touched
   */
  async begin(id: string, location: string, compute?: ComputeId): Promise<void> {
    await this.prepare();
    for (const each of await this.abandoned()) {
      // Of one that has to be let go on this is the only trace.
      if (each.compute === undefined) await this.removeAbandoned(each);
    }
    const maker = { ...thisProcess, location, ...(compute === undefined ? {} : { compute }) };
    await mkdir(this.folderOf(id), { mode: 0o700 });
    await writeAtomically(join(this.folderOf(id), OWNER), JSON.stringify(maker));
    await mkdir(location, { recursive: true, mode: 0o700 });
  }

  /** Snapshots whose makers died over them. */
  async abandoned(): Promise<readonly Abandoned[]> {
    const found = await Promise.all(
      (await namesIn(this.snapshots)).map(async (id) => {
        const folder = this.folderOf(id);
        const isStored = await access(join(folder, RECORD)).then(
          () => true,
          () => false,
        );
        const made = isStored ? undefined : await readIfThere(join(folder, OWNER), owner);
        return made === undefined || isAlive(made) ? [] : [{ id, location: made.location, compute: made.compute }];
      }),
    );
    return found.flat();
  }

  async removeAbandoned({ id, location }: Abandoned): Promise<void> {
    await rm(location, { recursive: true, force: true });
    await rm(this.folderOf(id), { recursive: true, force: true });
  }

  /** The container that was given the place of a resource; undefined: its name decides. */
  async placed(resource: string): Promise<ComputeId | undefined> {
    return (await readIfThere(this.#placeFile(resource), place))?.id;
  }

  async setPlace(resource: string, id: ComputeId | undefined): Promise<void> {
    if (id === undefined) await rm(this.#placeFile(resource), { force: true });
    else await writeAtomically(this.#placeFile(resource), JSON.stringify({ id }));
  }

  async remove({ record }: StoredSnapshot): Promise<void> {
    const folder = this.folderOf(record.id);
    // The record goes first: what is removed in part is no snapshot any more.
    await rm(join(folder, RECORD), { force: true });
    await rm(record.location, { recursive: true, force: true });
    await rm(folder, { recursive: true, force: true });
  }

  #marksFile(compute: ComputeId): string {
    return join(this.root, 'marks', `${encodeURIComponent(compute)}.json`);
  }

  #placeFile(resource: string): string {
    return join(this.root, 'places', `${encodeURIComponent(resource)}.json`);
  }
}

const namesIn = (folder: string): Promise<string[]> =>
  readdir(folder).catch((e: unknown) => {
    if (errnoOf(e) === 'ENOENT') return [];
    throw e;
  });

/** @throws OrdealError of kind snapshot-corrupt when the file is not what we wrote */
async function readIfThere<S extends z.ZodType>(file: string, schema: S): Promise<z.output<S> | undefined> {
  return readValidated(file, schema, 'snapshot-corrupt').catch((e: unknown) => {
    if (e instanceof OrdealError && e.kind === 'file-missing') return undefined;
    throw e;
  });
}
