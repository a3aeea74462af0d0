import { createHash } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { writeAtomically } from '../../util/atomic-file.js';
import { errnoOf, OrdealError } from '../../util/errors.js';
import { readValidated } from '../../util/validate.js';

const labels = z.record(z.string(), z.string());

/** What a container is made from; the bundle is written from it whenever it is started. */
export const runcSpec = z.object({
  image: z.string(),
  hostname: z.string(),
  args: z.array(z.string()),
  env: z.array(z.string()),
  tmpfs: z.array(z.string()),
  /** Directories of the host that it may read. */
  binds: z.array(z.object({ source: z.string(), destination: z.string() })).default([]),
  memoryBytes: z.number().optional(),
  cpus: z.number().optional(),
  networks: z.record(z.string(), z.object({ address: z.string(), aliases: z.array(z.string()) })),
});
export type RuncSpec = z.output<typeof runcSpec>;

const attachment = z.object({
  network: z.string(),
  address: z.string(),
  mac: z.string().optional(),
  aliases: z.array(z.string()),
});

export const containerRecord = z.object({
  id: z.string(),
  name: z.string(),
  labels,
  spec: runcSpec,
  /** Name of the volume by destination. */
  volumes: z.record(z.string(), z.string()),
  /** What it is plugged into; less than its spec says while it is in quarantine. */
  networks: z.array(attachment),
});
export type ContainerRecord = z.output<typeof containerRecord>;

const networkRecord = z.object({ name: z.string(), subnet: z.string(), labels });
export type NetworkRecord = z.output<typeof networkRecord>;
const volumeRecord = z.object({ name: z.string(), labels });
const imageRecord = z.object({ image: z.string() });

/** runc knows bundles and processes; names, labels, images, volumes and networks are kept here. */
export class RuncFolder {
  readonly root: string;

  constructor(folder: string) {
    this.root = resolve(folder);
  }

  /** The files of one container. */
  container(id: string) {
    const folder = join(this.root, 'containers', id);
    return {
      folder,
      record: join(folder, 'container.json'),
      bundle: join(folder, 'bundle'),
      layer: join(folder, 'upper'),
      work: join(folder, 'work'),
      merged: join(folder, 'merged'),
      pid: join(folder, 'pid'),
      monitorPid: join(folder, 'conmon.pid'),
      exits: join(folder, 'exits'),
      exitCode: join(folder, 'exits', id),
      log: join(folder, 'log'),
    };
  }

  async write(record: ContainerRecord): Promise<void> {
    await writeAtomically(
      this.container(record.id).record,
      JSON.stringify(containerRecord.parse(record), undefined, 2),
    );
  }

  async read(id: string): Promise<ContainerRecord | undefined> {
    return /^[0-9a-f]+$/.test(id) ? readIfThere(this.container(id).record, containerRecord) : undefined;
  }

  async all(): Promise<ContainerRecord[]> {
    const ids = await namesIn(join(this.root, 'containers'));
    return (await Promise.all(ids.map((id) => this.read(id)))).filter((r) => r !== undefined);
  }

  /** The record goes first: what is removed in part is no container any more. */
  async remove(id: string): Promise<void> {
    const { record, folder } = this.container(id);
    await rm(record, { force: true });
    await rm(folder, { recursive: true, force: true });
  }

  network(name: string): Promise<NetworkRecord | undefined> {
    return readIfThere(this.#file('networks', name), networkRecord);
  }

  async networks(): Promise<NetworkRecord[]> {
    const names = await namesIn(join(this.root, 'networks'));
    const all = await Promise.all(names.map((n) => readIfThere(join(this.root, 'networks', n), networkRecord)));
    return all.filter((n) => n !== undefined);
  }

  async writeNetwork(record: NetworkRecord): Promise<void> {
    await writeAtomically(this.#file('networks', record.name), JSON.stringify(record));
  }

  async removeNetwork(name: string): Promise<void> {
    await rm(this.#file('networks', name), { force: true });
  }

  /** @returns its directory */
  volume(name: string): string {
    return join(this.root, 'volumes', encodeURIComponent(name), 'data');
  }

  async createVolume(name: string, its: Readonly<Record<string, string>>): Promise<string> {
    const folder = this.volume(name);
    await mkdir(folder, { recursive: true, mode: 0o755 });
    await writeAtomically(join(folder, '..', 'volume.json'), JSON.stringify({ name, labels: its }));
    return folder;
  }

  async removeVolume(name: string): Promise<void> {
    await rm(join(this.volume(name), '..'), { recursive: true, force: true });
  }

  async volumes(): Promise<z.output<typeof volumeRecord>[]> {
    const names = await namesIn(join(this.root, 'volumes'));
    const all = await Promise.all(
      names.map((n) => readIfThere(join(this.root, 'volumes', n, 'volume.json'), volumeRecord)),
    );
    return all.filter((v) => v !== undefined);
  }

  /** Its root file system, whether it is there or not. The path goes into mount options: no commas, no colons. */
  image(image: string): string {
    const short = createHash('sha256').update(image).digest('hex').slice(0, 16);
    return join(this.root, 'images', short, 'rootfs');
  }

  async hasImage(image: string): Promise<boolean> {
    return (await readIfThere(join(this.image(image), '..', 'image.json'), imageRecord)) !== undefined;
  }

  /** Written last: an image without it is not there. */
  async sealImage(image: string): Promise<void> {
    await writeAtomically(join(this.image(image), '..', 'image.json'), JSON.stringify({ image }));
  }

  #file(kind: string, name: string): string {
    return join(this.root, kind, `${encodeURIComponent(name)}.json`);
  }
}

async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((e: unknown) => {
    if (errnoOf(e) === 'ENOENT') return [];
    throw e;
  });
  return names.filter((name) => !name.startsWith('.'));
}

async function readIfThere<S extends z.ZodType>(file: string, schema: S): Promise<z.output<S> | undefined> {
  return readValidated(file, schema).catch((e: unknown) => {
    if (e instanceof OrdealError && e.kind === 'file-missing') return undefined;
    throw e;
  });
}
