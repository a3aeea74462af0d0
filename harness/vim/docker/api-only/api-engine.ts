import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type Docker from 'dockerode';
import { z } from 'zod';
import { fromInspection } from '../../docker-api/inspection.js';
import type { OciContainer } from '../../oci/engine.js';
import { DockerEngine } from '../docker-engine.js';

const checkpoints = z
  .array(z.object({ Name: z.string() }))
  .nullable()
  .transform((all) => (all ?? []).map((c) => c.Name));
const changes = z
  .array(z.object({ Path: z.string(), Kind: z.number() }))
  .nullable()
  .transform((all) => all ?? []);

/** As GET /containers/{id}/changes has it: 0 modified, 1 added, 2 deleted. Source: Docker API. */
const DELETED = 2;

/** What was changed in a layer, over the image. */
export interface Change {
  readonly path: string;
  readonly isDeleted: boolean;
}

/** dockerd with nothing but its API: processes and folders of its host are out of reach. */
export class ApiDockerEngine extends DockerEngine {
  protected override seen(info: Docker.ContainerInspectInfo): OciContainer {
    return fromInspection(info, false);
  }

  /** The container goes on; its memory lies with dockerd under that name. */
  async checkpoint({ id, name }: OciContainer, checkpoint: string): Promise<void> {
    const body = { CheckpointID: checkpoint, Exit: false };
    await this.client.dial(`"${name}" has no checkpoint made`, 'POST', `/containers/${id}/checkpoints`, { body });
  }

  async checkpointsOf({ id, name }: OciContainer): Promise<readonly string[]> {
    const what = `the checkpoints of "${name}" cannot be listed`;
    return checkpoints.parse(await this.client.dial(what, 'GET', `/containers/${id}/checkpoints`));
  }

  async deleteCheckpoint({ id, name }: OciContainer, checkpoint: string): Promise<void> {
    const what = `a checkpoint of "${name}" cannot be deleted`;
    await this.client.dial(what, 'DELETE', `/containers/${id}/checkpoints/${checkpoint}`);
  }

  async startFrom({ id, name }: OciContainer, checkpoint: string): Promise<void> {
    const query = { checkpoint };
    await this.client.dial(`"${name}" cannot be started from its checkpoint`, 'POST', `/containers/${id}/start`, {
      query,
    });
  }

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

  /** A file or a whole directory. @param archive a tar, written anew: its paths begin with the last part of `path` */
  async fetch({ id, name }: OciContainer, path: string, archive: string): Promise<void> {
    const what = `${path} of "${name}" cannot be fetched`;
    const files = await this.client.call(what, () => this.client.api.getContainer(id).getArchive({ path }));
    await pipeline(files, createWriteStream(archive, { mode: 0o600 }));
  }

  /** @param folder of the container, into which the tar is unpacked */
  async put({ id, name }: OciContainer, archive: string, folder: string): Promise<void> {
    await this.client.call(`${folder} of "${name}" cannot be put back`, () =>
      this.client.api.getContainer(id).putArchive(createReadStream(archive), { path: folder }),
    );
  }
}
