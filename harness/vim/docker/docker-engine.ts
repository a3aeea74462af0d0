import { access, constants, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { reasonOf } from '../../util/errors.js';
import { newId } from '../../util/ids.js';
import type { DockerClient } from '../docker-api/client.js';
import { DockerApiEngine } from '../docker-api/engine.js';
import type { OciContainer } from '../oci/engine.js';

/** From the folder of a dump to the root, whichever depth containerd unpacks it at: above the root there is the root. */
const UP = '../'.repeat(16);

/** dockerd through dockerode, and through the folders of its host. */
export class DockerEngine extends DockerApiEngine {
  readonly kind = 'docker';

  constructor(
    client: DockerClient,
    readonly runtimeRoot: string,
  ) {
    super(client);
  }

  async version(): Promise<string> {
    const { Version } = await this.client.call('dockerd does not answer', () => this.client.api.version());
    return `Docker ${Version}`;
  }

  /** In its own words: rootless, experimental. */
  async kindOfDaemon(): Promise<{ isRootless: boolean; isExperimental: boolean }> {
    const { SecurityOptions: options = [], ExperimentalBuild } = await this.#info();
    return { isRootless: options.includes('name=rootless'), isExperimental: ExperimentalBuild === true };
  }

  async cannotRestore(): Promise<string | undefined> {
    const info = await this.#info();
    if (info.ExperimentalBuild !== true) {
      return 'dockerd starts from a dump only with "experimental": true in its daemon.json';
    }
    return access(join(info.DockerRootDir, 'containers'), constants.W_OK).then(
      () => undefined,
      (e: unknown) => `the folder of dockerd cannot be written from here: ${reasonOf(e)}`,
    );
  }

  /**
   * dockerd packs a dump, containerd hashes and unpacks it: 30 s for a GiB. So it is given links to the images. They are
   * relative, as CRIU opens them with the container's root for its own.
   */
  async restore({ id, name }: OciContainer, images: string): Promise<void> {
    const { DockerRootDir } = await this.#info();
    const checkpoint = newId('ordeal').replaceAll(/[^A-Za-z0-9]/g, '');
    const folder = join(DockerRootDir, 'containers', id, 'checkpoints', checkpoint);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    try {
      for (const image of await readdir(images)) await symlink(join(UP, images, image), join(folder, image));
      // containerd refuses what it has had before; and this tells its copy from those of others.
      await writeFile(join(folder, checkpoint), checkpoint);
      await this.client.call(`"${name}" cannot be started from its dump`, () =>
        this.client.api.getContainer(id).start({ _query: { checkpoint }, _body: {} } as Docker.ContainerStartOptions),
      );
    } finally {
      await rm(folder, { recursive: true, force: true });
      await removeCopies(checkpoint);
    }
  }

  async setRestartPolicy({ id, name }: OciContainer, policy: string): Promise<void> {
    await this.client.call(`the restart policy of "${name}" cannot be set`, () =>
      this.client.api.getContainer(id).update({ RestartPolicy: { Name: policy } }),
    );
  }

  #info(): Promise<{ DockerRootDir: string; ExperimentalBuild?: boolean; SecurityOptions?: string[] }> {
    return this.client.call('dockerd does not say what it can', () => this.client.api.info());
  }
}

/** containerd leaves the copy of a dump behind in its temporary folder: links only, but one more with every start. */
async function removeCopies(checkpoint: string): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith('ctrd-checkpoint')) continue;
    const isOurs = await access(join(tmpdir(), name, checkpoint)).then(
      () => true,
      () => false,
    );
    if (isOurs) await rm(join(tmpdir(), name), { recursive: true, force: true });
  }
}
