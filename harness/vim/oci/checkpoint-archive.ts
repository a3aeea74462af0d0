import { lstat, mkdir, readdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { z } from 'zod';
import { errnoOf, OrdealError } from '../../util/errors.js';
import { validate } from '../../util/validate.js';
import type { StoredSnapshot } from './folder.js';
import type { EngineHost } from './host.js';
import type { Trees } from './trees.js';

/** Files of a snapshot, as the archive calls them, beside its trees. */
export const SPEC = 'spec.dump';
export const SAID_BY_CRIU: readonly string[] = ['dump.log', 'stats-dump'];

const CONFIG = 'config.dump';
const CHANGED = 'rootfs-diff.tar';
const DELETED = 'deleted.files';
const IMAGES = 'checkpoint';
const paths = z.array(z.string());
const ociSpec = z.looseObject({ annotations: z.record(z.string(), z.string()).optional() });

/**
 * Memory and writable layer of a container in the archive that Podman and Kubernetes' runtimes write for a checkpoint, and
 * checkpointctl reads: config.dump, spec.dump, CRIU's images in checkpoint/, what was changed in rootfs-diff.tar, what was
 * deleted in deleted.files. Source: checkpoint-restore/checkpointctl, lib/metadata.go.
 */
export class CheckpointArchives {
  constructor(
    readonly trees: Trees,
    readonly host: EngineHost,
  ) {}

  /** Prerequisite: the snapshot has memory. @param file is written anew */
  async pack(stored: StoredSnapshot, file: string): Promise<void> {
    const { location } = stored.record;
    const work = join(location, 'export');
    await rm(work, { recursive: true, force: true });
    await mkdir(work, { mode: 0o700 });
    try {
      const deleted = await whiteoutsIn(join(location, 'layer'));
      const texts = {
        [CONFIG]: JSON.stringify(configOf(stored)),
        [SPEC]: JSON.stringify(await specIn(location)),
        [DELETED]: JSON.stringify(deleted.map((path) => `/${path}`)),
      };
      for (const [name, text] of Object.entries(texts)) await writeFile(join(work, name), text, { mode: 0o600 });
      await this.trees.pack(join(location, 'layer'), join(work, CHANGED), deleted);
      const said = (await readdir(location)).filter((name) => SAID_BY_CRIU.includes(name));
      await this.trees.packFiles(file, [
        { folder: work, names: [...Object.keys(texts), CHANGED] },
        { folder: location, names: [...said, 'memory'] },
      ]);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }

  /** @param location gets the trees `memory` and `layer`. @throws OrdealError of kind package-invalid */
  async unpack(file: string, location: string): Promise<void> {
    const work = join(location, 'import');
    await this.trees.unpack(file, work);
    await rename(join(work, IMAGES), join(location, 'memory')).catch(lacks(file, IMAGES));
    await rename(join(work, SPEC), join(location, SPEC)).catch(lacks(file, SPEC));
    const layer = join(location, 'layer');
    await this.trees.unpack(join(work, CHANGED), layer);
    const text = await readFile(join(work, DELETED), 'utf8').catch(lacks(file, DELETED));
    const deleted = validate(JSON.parse(text), DELETED, paths, 'package-invalid');
    for (const path of deleted) await this.#whiteOut(layer, path, file);
    await rm(work, { recursive: true });
  }

  /** As overlay file systems mark what is deleted: a character device 0/0. Source: Linux, filesystems/overlayfs.rst. */
  async #whiteOut(layer: string, path: string, where: string): Promise<void> {
    const place = join(layer, path);
    await mkdir(dirname(place), { recursive: true });
    const inside = relative(await realpath(layer), await realpath(dirname(place)));
    if (inside === '..' || inside.startsWith(`..${sep}`) || place === layer) {
      throw new OrdealError('package-invalid', `${DELETED} leads out of the container`, { where, got: path });
    }
    await this.host.run('mknod', [place, 'c', '0', '0']);
  }
}

function configOf({ record, image = '' }: StoredSnapshot): object {
  return {
    id: record.computeId,
    name: record.resource,
    rootfsImageName: image,
    runtime: 'runc',
    createdTime: record.createdAt,
    checkpointedTime: record.createdAt,
    restoredTime: '0001-01-01T00:00:00Z',
    restored: false,
  };
}

/** Readers take the form that they do not know for containerd's, and look for a pod: this one is libpod's. */
async function specIn(location: string): Promise<object> {
  const { annotations, ...spec } = ociSpec.parse(JSON.parse(await readFile(join(location, SPEC), 'utf8')));
  return { ...spec, annotations: { 'io.container.manager': 'libpod', ...annotations } };
}

/** @returns their paths within the layer */
async function whiteoutsIn(layer: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(layer, { withFileTypes: true, recursive: true })) {
    if (!entry.isCharacterDevice()) continue;
    const path = join(entry.parentPath, entry.name);
    if ((await lstat(path)).rdev === 0) found.push(relative(layer, path));
  }
  return found;
}

const lacks =
  (where: string, name: string) =>
  (e: unknown): never => {
    if (errnoOf(e) !== 'ENOENT') throw e;
    throw new OrdealError('package-invalid', `The archive of the checkpoint lacks ${name}`, { where, cause: e });
  };
