import { createReadStream } from 'node:fs';
import { access, constants, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import Docker from 'dockerode';
import { OrdealError, reasonOf } from '../../util/errors.js';
import { newId } from '../../util/ids.js';
import type { DeployedVnfc } from '../oci/deployment.js';
import type { Attachment, CreateOptions, OciContainer, OciEngine } from '../oci/engine.js';
import type { InstantiatingEngine } from '../oci/instantiation.js';
import { fromDocker, statusOf } from './errors.js';
import { type DockerSpec, fromInspection } from './inspection.js';
import { textOfLog } from './log-stream.js';

/** From the folder of a dump to the root, whichever depth containerd unpacks it at: above the root there is the root. */
const UP = '../'.repeat(16);

/** dockerd through dockerode, with the calls that the container VIMs make of an engine. */
export class DockerEngine implements OciEngine, InstantiatingEngine {
  readonly kind = 'docker';
  readonly #docker: Docker;

  constructor(
    readonly host: string,
    readonly runtimeRoot: string,
  ) {
    this.#docker = clientOf(host);
  }

  async version(): Promise<string> {
    const { Version } = await this.#call('dockerd does not answer', () => this.#docker.version());
    return `Docker ${Version}`;
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

  async list(label: string): Promise<readonly OciContainer[]> {
    const filters = { label: [label] };
    const found = await this.#call('the containers cannot be listed', () =>
      this.#docker.listContainers({ all: true, filters }),
    );
    const all = await Promise.all(found.map(({ Id }) => this.find(Id)));
    return all.filter((c) => c !== undefined);
  }

  async find(idOrName: string): Promise<OciContainer | undefined> {
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(idOrName)) return undefined;
    const info = await this.#unless404(`"${idOrName}" cannot be inspected`, () =>
      this.#docker.getContainer(idOrName).inspect(),
    );
    // A prefix of an id finds a container too: only whole ids and names are meant.
    return info === undefined || (info.Id !== idOrName && info.Name !== `/${idOrName}`)
      ? undefined
      : fromInspection(info);
  }

  async create(spec: OciContainer['spec'], { name, labels, volumes }: CreateOptions): Promise<string> {
    const { config, hostConfig, networks } = spec as DockerSpec;
    const replaced = (binds: readonly string[]) => binds.filter((b) => volumes[b.split(':')[1] ?? ''] === undefined);
    const [first, ...rest] = Object.entries(networks);
    const endpoint = ({ address, aliases }: { address: string; aliases: readonly string[] }) => ({
      IPAMConfig: { IPv4Address: address },
      Aliases: [...aliases],
    });
    const created = await this.#call(`container "${name}" cannot be created`, () =>
      this.#docker.createContainer({
        ...config,
        name,
        Labels: { ...labels },
        HostConfig: {
          ...hostConfig,
          Binds: [
            ...replaced(hostConfig.Binds ?? []),
            ...Object.entries(volumes).map(([destination, volume]) => `${volume}:${destination}`),
          ],
          Mounts: (hostConfig.Mounts ?? []).filter((m) => volumes[m.Target] === undefined),
        },
        ...(first === undefined ? {} : { NetworkingConfig: { EndpointsConfig: { [first[0]]: endpoint(first[1]) } } }),
      }),
    );
    for (const [network, it] of rest) await this.#join(created.id, { network, ...it });
    return created.id;
  }

  async start({ id, name }: OciContainer): Promise<void> {
    await this.#call(`"${name}" cannot be started`, () => this.#docker.getContainer(id).start());
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
      await this.#call(`"${name}" cannot be started from its dump`, () =>
        this.#docker.getContainer(id).start({ _query: { checkpoint }, _body: {} } as Docker.ContainerStartOptions),
      );
    } finally {
      await rm(folder, { recursive: true, force: true });
      await removeCopies(checkpoint);
    }
  }

  async stop({ id, name }: OciContainer, graceMs: number): Promise<boolean> {
    const t = Math.max(1, Math.ceil(graceMs / 1000));
    await this.#unless304(`"${name}" cannot be stopped`, () => this.#docker.getContainer(id).stop({ t }));
    const now = await this.find(id);
    // 128 + SIGKILL
    return now?.exitCode !== 137;
  }

  async kill({ id, name }: OciContainer): Promise<void> {
    const container = this.#docker.getContainer(id);
    try {
      await container.kill({ signal: 'SIGKILL' });
    } catch (e) {
      // It has ended by itself.
      if (statusOf(e) !== 409) throw fromDocker(e, `"${name}" cannot be killed`, this.host);
    }
    await this.#call(`the end of "${name}" cannot be waited for`, () => container.wait());
  }

  async unpause({ id, name }: OciContainer): Promise<void> {
    await this.#call(`"${name}" cannot be unpaused`, () => this.#docker.getContainer(id).unpause());
  }

  async remove({ id, name }: OciContainer): Promise<void> {
    await this.#unless404(`"${name}" cannot be removed`, () => this.#docker.getContainer(id).remove({ force: true }));
  }

  async rename({ id, name: from }: OciContainer, name: string): Promise<void> {
    await this.#call(`"${from}" cannot be renamed`, () => this.#docker.getContainer(id).rename({ name }));
  }

  async setRestartPolicy({ id, name }: OciContainer, policy: string): Promise<void> {
    await this.#call(`the restart policy of "${name}" cannot be set`, () =>
      this.#docker.getContainer(id).update({ RestartPolicy: { Name: policy } }),
    );
  }

  async disconnect({ id, name, networks }: OciContainer): Promise<void> {
    for (const { network } of networks) {
      await this.#unless404(`"${name}" cannot be taken off ${network}`, () =>
        this.#docker.getNetwork(network).disconnect({ Container: id, Force: true }),
      );
    }
  }

  async connect({ id, networks }: OciContainer, wanted: readonly Attachment[]): Promise<void> {
    for (const attachment of wanted) {
      if (networks.some((n) => n.network === attachment.network)) continue;
      await this.#join(id, attachment);
    }
  }

  async #join(id: string, { network, address, aliases }: Attachment): Promise<void> {
    await this.#call(`a container cannot join ${network}`, () =>
      this.#docker.getNetwork(network).connect({
        Container: id,
        EndpointConfig: { IPAMConfig: { IPv4Address: address }, Aliases: [...aliases] },
      }),
    );
  }

  async createVolume(name: string, labels: Readonly<Record<string, string>>): Promise<string> {
    const what = `volume "${name}" cannot be created`;
    await this.#call(what, () => this.#docker.createVolume({ Name: name, Labels: { ...labels } }));
    return (await this.#call(what, () => this.#docker.getVolume(name).inspect())).Mountpoint;
  }

  async removeVolume(name: string): Promise<void> {
    await this.#unless404(`volume "${name}" cannot be removed`, () => this.#docker.getVolume(name).remove());
  }

  async volumesWith(label: string): Promise<readonly string[]> {
    const filters = JSON.stringify({ label: [label] });
    const { Volumes } = await this.#call('the volumes cannot be listed', () => this.#docker.listVolumes({ filters }));
    return (Volumes ?? []).map((v) => v.Name);
  }

  async hasImage(image: string): Promise<boolean> {
    const what = `image "${image}" cannot be inspected`;
    return (await this.#unless404(what, () => this.#docker.getImage(image).inspect())) !== undefined;
  }

  async importImage(archive: string, image: string): Promise<void> {
    const what = `image "${image}" cannot be made from ${archive}`;
    const [repo, tag = 'latest'] = image.split(':');
    const answer = await this.#call(what, () => this.#docker.importImage(createReadStream(archive), { repo, tag }));
    await new Promise<void>((resolve, reject) => {
      this.#docker.modem.followProgress(answer, (e) => (e ? reject(fromDocker(e, what, this.host)) : resolve()));
    });
  }

  async ensureNetwork(name: string, subnet: string, labels: Readonly<Record<string, string>>): Promise<void> {
    const what = `network "${name}" cannot be created`;
    if ((await this.#unless404(what, () => this.#docker.getNetwork(name).inspect())) !== undefined) return;
    await this.#call(what, () =>
      this.#docker.createNetwork({
        Name: name,
        Labels: { ...labels },
        CheckDuplicate: true,
        IPAM: { Driver: 'default', Config: [{ Subnet: subnet }] },
      }),
    );
  }

  async removeNetworks(label: string): Promise<void> {
    const filters = { label: [label] };
    for (const { Id, Name } of await this.#call('the networks cannot be listed', () =>
      this.#docker.listNetworks({ filters }),
    )) {
      await this.#unless404(`network "${Name}" cannot be removed`, () => this.#docker.getNetwork(Id).remove());
    }
  }

  specOf({ deployment, resource }: DeployedVnfc): Readonly<Record<string, unknown>> {
    const { image, command, environment, tmpfs, networks, memoryBytes, cpus } = deployment;
    const spec: DockerSpec = {
      config: {
        Image: image,
        Hostname: resource,
        ...(command.length === 0 ? {} : { Cmd: command }),
        Env: Object.entries(environment).map(([key, value]) => `${key}=${value}`),
      },
      hostConfig: {
        Tmpfs: Object.fromEntries(tmpfs.map((path) => [path, ''])),
        ...(memoryBytes === undefined ? {} : { Memory: memoryBytes }),
        ...(cpus === undefined ? {} : { NanoCpus: Math.round(cpus * 1e9) }),
        ...(Object.keys(networks)[0] === undefined ? {} : { NetworkMode: Object.keys(networks)[0] }),
      },
      networks: Object.fromEntries(
        Object.entries(networks).map(([network, { address }]) => [network, { address, aliases: [resource] }]),
      ),
    };
    return spec;
  }

  async log({ id, name }: OciContainer): Promise<NodeJS.ReadableStream> {
    const options = { stdout: true, stderr: true, timestamps: true, follow: false as const };
    const all = await this.#call(`the log of "${name}" cannot be read`, () =>
      this.#docker.getContainer(id).logs(options),
    );
    return Readable.from([textOfLog(all)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Each call has a connection of its own: nothing is open between them.
  }

  #info(): Promise<{ DockerRootDir: string; ExperimentalBuild?: boolean }> {
    return this.#call('dockerd does not say what it can', () => this.#docker.info());
  }

  async #call<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (e) {
      throw fromDocker(e, what, this.host);
    }
  }

  /** What is not there is undefined. */
  #unless404<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    return this.#unless([404], what, work);
  }

  /** What is so already is well. */
  #unless304<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    return this.#unless([304], what, work);
  }

  async #unless<T>(codes: readonly number[], what: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (e) {
      if (codes.includes(statusOf(e) ?? 0)) return undefined;
      throw fromDocker(e, what, this.host);
    }
  }
}

/** @throws OrdealError of kind file-invalid for what is no address of a dockerd */
function clientOf(host: string): Docker {
  const unix = /^unix:\/\/(\/.*)$/.exec(host)?.[1];
  if (unix !== undefined) return new Docker({ socketPath: unix });
  const [, name, port] = /^tcp:\/\/([^:/]+):(\d+)$/.exec(host) ?? [];
  if (name !== undefined) return new Docker({ protocol: 'http', host: name, port: Number(port) });
  throw new OrdealError('file-invalid', 'This is no address of a dockerd', {
    where: 'vims.docker.host',
    expected: 'unix:///path or tcp://host:port',
    got: host,
    remedy: 'Correct the descriptor.',
  });
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
