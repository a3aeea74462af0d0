import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { z } from 'zod';
import type { OciContainer } from '../../oci/engine.js';
import type { DockerClient } from '../client.js';

const changes = z
  .array(z.object({ Path: z.string(), Kind: z.number() }))
  .nullable()
  .transform((all) => all ?? []);

/** As GET /containers/{id}/changes has it: 0 modified, 1 added, 2 deleted. Source: Docker API. */
const DELETED = 2;
/** The name of the first entry of a tar. Source: tar(5). */
const NAME_BYTES = 100;

/** What was changed in a layer, over the image. */
export interface Change {
  readonly path: string;
  readonly isDeleted: boolean;
}

/** The files of containers by the archive calls of their daemon. */
export class Archives {
  constructor(readonly client: DockerClient) {}

  async changesOf({ id, name }: OciContainer): Promise<readonly Change[]> {
    const what = `what was changed in "${name}" cannot be listed`;
    const all = changes.parse(await this.client.dial(what, 'GET', `/containers/${id}/changes`));
    return all.map(({ Path, Kind }) => ({ path: Path, isDeleted: Kind === DELETED }));
  }

  /** Everything that something is mounted on, also read-only, also in memory. */
  async mountsOf({ id, name }: OciContainer): Promise<readonly string[]> {
    const { Mounts: mounts, HostConfig: hostConfig } = await this.client.call(`"${name}" cannot be inspected`, () =>
      this.client.api.getContainer(id).inspect(),
    );
    return [...mounts.map((m) => m.Destination), ...Object.keys(hostConfig.Tmpfs ?? {})];
  }

  /** A file or a whole directory. @param archive a tar, written anew */
  async fetch({ id, name }: OciContainer, path: string, archive: string): Promise<void> {
    const what = `${path} of "${name}" cannot be fetched`;
    await this.client.fetch(what, 'GET', `/containers/${id}/archive`, { query: { path } }, archive);
  }

  /** @param path that `archive` was fetched from */
  async put({ id, name }: OciContainer, archive: string, path: string): Promise<void> {
    const folder = (await beginsWith(archive, basename(path))) ? dirname(path) : path;
    await this.client.call(`${path} of "${name}" cannot be put back`, () =>
      this.client.api.getContainer(id).putArchive(createReadStream(archive), { path: folder }),
    );
  }
}

/** Podman leaves the name of a volume out where the container does not run. */
async function beginsWith(archive: string, name: string): Promise<boolean> {
  await using file = await open(archive, 'r');
  const { buffer, bytesRead } = await file.read(Buffer.alloc(NAME_BYTES), 0, NAME_BYTES, 0);
  const first = buffer.subarray(0, bytesRead).toString().split('\0')[0] ?? '';
  return first.split('/')[0] === name;
}
