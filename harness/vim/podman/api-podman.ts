import { createReadStream } from 'node:fs';
import { access } from 'node:fs/promises';
import { yes } from '../../model/capability.js';
import { OrdealError } from '../../util/errors.js';
import type { ApiEngine, ApiNature } from '../docker-api/api-only/api-engine.js';
import { Archives } from '../docker-api/api-only/archives.js';
import type { DockerClient } from '../docker-api/client.js';
import type { OciContainer } from '../oci/engine.js';
import { LIBPOD, PodmanEngine } from './podman-engine.js';

/** Measured with Podman 4.3: 0.8 s for 16 MiB; hosts with other disks differ. */
const COST = 'it stands still for 1 s, and 10 s per GiB of memory, which go over the network';
const ESTABLISHED = { tcpEstablished: true, fileLocks: true };

/**
 * Podman's service with nothing but its API. Of a container that goes on Podman copies the files later than the memory: so each
 * checkpoint ends it, and it goes on from that. Source: podman-container-checkpoint(1), --export, --keep.
 */
export class ApiPodmanEngine extends PodmanEngine implements ApiEngine {
  readonly daemon = 'Podman';
  readonly endsAtCheckpoint = true;
  readonly archives: Archives;

  constructor(client: DockerClient, runtimeRoot: string) {
    super(client, runtimeRoot);
    this.archives = new Archives(client);
  }

  protected override get isHere(): boolean {
    return false;
  }

  async nature(): Promise<ApiNature> {
    const { isRootless, cgroups } = await this.kindOfService();
    return {
      cannotPause:
        isRootless && cgroups === 'v1'
          ? 'Podman is rootless, and pauses nothing under control groups of version 1'
          : undefined,
      cannotDump: isRootless ? 'Podman is rootless, and checkpoints nothing without root' : undefined,
      memory: `Podman's own checkpoint, whose archive is fetched: ${COST}; shown by the first one that is made`,
      connections: yes('connections are dumped with their state; what the peer sends meanwhile it sends again'),
      fileLocks: yes('CRIU restores them'),
      memoryStays: undefined,
    };
  }

  /** An archive of memory and layer; what it goes on from stays with Podman. */
  async checkpoint({ id, name }: OciContainer, _: string, file: string): Promise<void> {
    const query = { export: true, keep: true, leaveRunning: false, ...ESTABLISHED };
    const what = `"${name}" has no checkpoint made`;
    await this.client.fetch(what, 'POST', `${LIBPOD}/containers/${id}/checkpoint`, { query }, file);
  }

  async goOn({ id, name }: OciContainer): Promise<void> {
    const what = `"${name}" does not go on after its checkpoint`;
    await this.client.dial(what, 'POST', `${LIBPOD}/containers/${id}/restore`, {
      query: { keep: true, ...ESTABLISHED },
    });
  }

  lacksCheckpoint(_: OciContainer, __: string, file: string): Promise<string | undefined> {
    return access(file).then(
      () => undefined,
      () => `there is no ${file}`,
    );
  }

  /** It lies in the snapshot, and goes with that. */
  deleteCheckpoint(): Promise<void> {
    return Promise.resolve();
  }

  /** Podman makes one of the archive, with the same id, name and addresses, when the old one is gone. */
  async startFrom(container: OciContainer, _: string, file: string): Promise<void> {
    const { id, name } = container;
    await this.remove(container);
    // The volumes were put back before.
    const query = { import: true, ignoreVolumes: true, ...ESTABLISHED };
    try {
      const sent = { query, file: createReadStream(file) };
      await this.client.dial(
        `"${name}" is not made of its checkpoint`,
        'POST',
        `${LIBPOD}/containers/${id}/restore`,
        sent,
      );
    } catch (e) {
      throw new OrdealError('vim-failed', `"${name}" is gone, and does not come back from its checkpoint`, {
        cause: e,
        remedy: `Mend what stands in the way there, then \`podman container restore --import\` with ${file}: all of it is in there.`,
      });
    }
  }
}
