import { z } from 'zod';
import { no } from '../../model/capability.js';
import { sleep } from '../../util/deadline.js';
import { reasonOf } from '../../util/errors.js';
import type { ApiEngine, ApiNature } from '../docker-api/api-only/api-engine.js';
import { Archives } from '../docker-api/api-only/archives.js';
import type { DockerClient } from '../docker-api/client.js';
import type { OciContainer } from '../oci/engine.js';
import { DockerEngine } from './docker-engine.js';

const checkpoints = z
  .array(z.object({ Name: z.string() }))
  .nullable()
  .transform((all) => (all ?? []).map((c) => c.Name));

/** Measured with Docker 20.10: 9 to 10.5 s for 256 MiB, 44 to 46 s for a GiB, and as long again for the way back. */
const COST = 'it stands still for about 40 s per GiB of memory';
const COLLECTED_MS = 30_000;
const COLLECTED_EVERY_MS = 300;
const by = (line: string) => no(`only where /etc/criu/runc.conf there says ${line}; run Ordeal as root on that host`);

/** dockerd with nothing but its API: processes and folders of its host are out of reach. */
export class ApiDockerEngine extends DockerEngine implements ApiEngine {
  readonly daemon = 'dockerd';
  readonly endsAtCheckpoint = false;
  readonly archives: Archives;

  constructor(client: DockerClient, runtimeRoot: string) {
    super(client, runtimeRoot);
    this.archives = new Archives(client);
  }

  protected override get isHere(): boolean {
    return false;
  }

  async nature(): Promise<ApiNature> {
    const { isRootless, isExperimental } = await this.kindOfDaemon();
    return {
      cannotPause: undefined,
      cannotDump: isRootless
        ? 'dockerd is rootless, and CRIU dumps nothing without root'
        : isExperimental
          ? undefined
          : 'dockerd makes checkpoints only with "experimental": true in its daemon.json',
      memory: `dockerd's own checkpoint: ${COST}; shown by the first one that is made`,
      connections: by('tcp-established'),
      fileLocks: by('file-locks'),
      memoryStays: 'no API of dockerd gives a checkpoint away, or takes one',
    };
  }

  /** The container goes on; its memory lies with dockerd under that name. */
  async checkpoint({ id, name }: OciContainer, checkpoint: string): Promise<void> {
    const body = { CheckpointID: checkpoint, Exit: false };
    await this.client.dial(`"${name}" has no checkpoint made`, 'POST', `/containers/${id}/checkpoints`, { body });
  }

  /** None of its checkpoints ends it. */
  goOn(): Promise<void> {
    return Promise.resolve();
  }

  async lacksCheckpoint(container: OciContainer, checkpoint: string): Promise<string | undefined> {
    if ((await this.#checkpointsOf(container)).includes(checkpoint)) return undefined;
    return `dockerd has no checkpoint ${checkpoint} of container ${container.id}: it went with the container that it was made of`;
  }

  async deleteCheckpoint(container: OciContainer, checkpoint: string): Promise<void> {
    if (!(await this.#checkpointsOf(container)).includes(checkpoint)) return;
    const what = `a checkpoint of "${container.name}" cannot be deleted`;
    await this.client.dial(what, 'DELETE', `/containers/${container.id}/checkpoints/${checkpoint}`);
  }

  /** containerd refuses a copy of what it still has of the checkpoint's making, until it has collected that. */
  async startFrom({ id, name }: OciContainer, checkpoint: string): Promise<void> {
    const what = `"${name}" cannot be started from its checkpoint`;
    for (const end = performance.now() + COLLECTED_MS; ; await sleep(COLLECTED_EVERY_MS)) {
      try {
        await this.client.dial(what, 'POST', `/containers/${id}/start`, { query: { checkpoint } });
        return;
      } catch (e) {
        if (!/content sha256:\w+: already exists/.test(reasonOf(e)) || performance.now() >= end) throw e;
      }
    }
  }

  async #checkpointsOf({ id, name }: OciContainer): Promise<readonly string[]> {
    const what = `the checkpoints of "${name}" cannot be listed`;
    return checkpoints.parse(await this.client.dial(what, 'GET', `/containers/${id}/checkpoints`));
  }
}
