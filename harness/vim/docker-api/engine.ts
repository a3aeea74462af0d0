import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import type Docker from 'dockerode';
import type { SpecExtras } from '../oci/clocks.js';
import type { DeployedVnfc } from '../oci/deployment.js';
import type { Attachment, CreateOptions, OciContainer, OciEngine } from '../oci/engine.js';
import type { InstantiatingEngine } from '../oci/instantiation.js';
import type { DockerClient } from './client.js';
import { statusOf } from './errors.js';
import { type DockerSpec, fromInspection } from './inspection.js';
import { textOfLog } from './log-stream.js';

/** What every daemon that speaks the Docker Engine API is asked in the same words: dockerd, and Podman's service. */
export abstract class DockerApiEngine implements OciEngine, InstantiatingEngine {
  abstract readonly kind: string;
  abstract readonly runtimeRoot: string;

  constructor(readonly client: DockerClient) {}

  /** Its containers' processes and layers are on this machine; else they are out of reach. */
  protected get isHere(): boolean {
    return true;
  }

  abstract version(): Promise<string>;
  abstract cannotRestore(): Promise<string | undefined>;
  abstract restore(container: OciContainer, images: string): Promise<void>;
  abstract setRestartPolicy(container: OciContainer, policy: string): Promise<void>;

  async list(label: string): Promise<readonly OciContainer[]> {
    const filters = { label: [label] };
    const found = await this.client.call('the containers cannot be listed', () =>
      this.client.api.listContainers({ all: true, filters }),
    );
    const all = await Promise.all(found.map(({ Id }) => this.find(Id)));
    return all.filter((c) => c !== undefined);
  }

  async find(idOrName: string): Promise<OciContainer | undefined> {
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(idOrName)) return undefined;
    const info = await this.client.unless404(`"${idOrName}" cannot be inspected`, () =>
      this.client.api.getContainer(idOrName).inspect(),
    );
    // A prefix of an id finds a container too: only whole ids and names are meant.
    return info === undefined || (info.Id !== idOrName && info.Name !== `/${idOrName}`) ? undefined : this.seen(info);
  }

  protected seen(info: Docker.ContainerInspectInfo): OciContainer {
    return fromInspection(info, this.isHere);
  }

  async lacksImage(spec: OciContainer['spec']): Promise<string | undefined> {
    const { config, imageId } = spec as DockerSpec;
    const image: unknown = Reflect.get(config, 'Image');
    if (imageId !== undefined && (await this.hasImage(imageId))) return undefined;
    return typeof image === 'string' && !(await this.hasImage(image)) ? image : undefined;
  }

  async create(spec: OciContainer['spec'], { name, labels, volumes }: CreateOptions): Promise<string> {
    const { config, imageId, hostConfig, networks } = spec as DockerSpec;
    const isThere = imageId !== undefined && (await this.hasImage(imageId));
    const replaced = (binds: readonly string[]) => binds.filter((b) => volumes[b.split(':')[1] ?? ''] === undefined);
    const [first, ...rest] = Object.entries(networks);
    const created = await this.client.call(`container "${name}" cannot be created`, () =>
      this.client.api.createContainer({
        ...config,
        ...(isThere ? { Image: imageId } : {}),
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
        ...(first === undefined
          ? {}
          : { NetworkingConfig: { EndpointsConfig: { [first[0]]: this.endpoint(first[1]) } } }),
      }),
    );
    for (const [network, it] of rest) await this.#join(created.id, { network, ...it });
    return created.id;
  }

  async start({ id, name }: OciContainer): Promise<void> {
    await this.client.call(`"${name}" cannot be started`, () => this.client.api.getContainer(id).start());
  }

  async stop({ id, name }: OciContainer, graceMs: number): Promise<boolean> {
    const t = Math.max(1, Math.ceil(graceMs / 1000));
    await this.client.unless304(`"${name}" cannot be stopped`, () => this.client.api.getContainer(id).stop({ t }));
    const now = await this.find(id);
    // 128 + SIGKILL
    return now?.exitCode !== 137;
  }

  async kill({ id, name }: OciContainer): Promise<void> {
    const container = this.client.api.getContainer(id);
    try {
      await container.kill({ signal: 'SIGKILL' });
    } catch (e) {
      // It has ended by itself.
      if (statusOf(e) !== 409) throw this.client.failure(e, `"${name}" cannot be killed`);
    }
    await this.client.call(`the end of "${name}" cannot be waited for`, () => container.wait());
  }

  async pause({ id, name }: OciContainer): Promise<void> {
    await this.client.call(`"${name}" cannot be paused`, () => this.client.api.getContainer(id).pause());
  }

  async unpause({ id, name }: OciContainer): Promise<void> {
    await this.client.call(`"${name}" cannot be unpaused`, () => this.client.api.getContainer(id).unpause());
  }

  async remove({ id, name }: OciContainer): Promise<void> {
    await this.client.unless404(`"${name}" cannot be removed`, () =>
      this.client.api.getContainer(id).remove({ force: true }),
    );
  }

  async rename({ id, name: from }: OciContainer, name: string): Promise<void> {
    await this.client.call(`"${from}" cannot be renamed`, () => this.client.api.getContainer(id).rename({ name }));
  }

  async disconnect({ id, name, networks }: OciContainer): Promise<void> {
    for (const { network } of networks) {
      await this.client.unless404(`"${name}" cannot be taken off ${network}`, () =>
        this.client.api.getNetwork(network).disconnect({ Container: id, Force: true }),
      );
    }
  }

  async connect({ id, networks }: OciContainer, wanted: readonly Attachment[]): Promise<void> {
    for (const attachment of wanted) {
      if (networks.some((n) => n.network === attachment.network)) continue;
      await this.#join(id, attachment);
    }
  }

  async #join(id: string, attachment: Attachment): Promise<void> {
    const { network } = attachment;
    await this.client.call(`a container cannot join ${network}`, () =>
      this.client.api.getNetwork(network).connect({ Container: id, EndpointConfig: this.endpoint(attachment) }),
    );
  }

  /** How it is on one network: the same address as before. */
  protected endpoint({ address, aliases }: Omit<Attachment, 'network'>): object {
    return { IPAMConfig: { IPv4Address: address }, Aliases: [...aliases] };
  }

  async createVolume(name: string, labels: Readonly<Record<string, string>>): Promise<string> {
    const what = `volume "${name}" cannot be created`;
    await this.client.call(what, () => this.client.api.createVolume({ Name: name, Labels: { ...labels } }));
    return (await this.client.call(what, () => this.client.api.getVolume(name).inspect())).Mountpoint;
  }

  async removeVolume(name: string): Promise<void> {
    await this.client.unless404(`volume "${name}" cannot be removed`, () => this.client.api.getVolume(name).remove());
  }

  async volumesWith(label: string): Promise<readonly string[]> {
    const filters = JSON.stringify({ label: [label] });
    const { Volumes } = await this.client.call('the volumes cannot be listed', () =>
      this.client.api.listVolumes({ filters }),
    );
    return (Volumes ?? []).map((v) => v.Name);
  }

  async hasImage(image: string): Promise<boolean> {
    const what = `image "${image}" cannot be inspected`;
    return (await this.client.unless404(what, () => this.client.api.getImage(image).inspect())) !== undefined;
  }

  async importImage(archive: string, image: string): Promise<void> {
    const what = `image "${image}" cannot be made from ${archive}`;
    const answer = await this.client.call(what, () =>
      this.client.api.importImage(createReadStream(archive), this.importName(image)),
    );
    await new Promise<void>((resolve, reject) => {
      this.client.api.modem.followProgress(answer, (e) => (e ? reject(this.client.failure(e, what)) : resolve()));
    });
  }

  protected importName(image: string): { repo: string | undefined; tag?: string } {
    const [repo, tag = 'latest'] = image.split(':');
    return { repo, tag };
  }

  async ensureNetwork(name: string, subnet: string, labels: Readonly<Record<string, string>>): Promise<void> {
    const what = `network "${name}" cannot be created`;
    if ((await this.client.unless404(what, () => this.client.api.getNetwork(name).inspect())) !== undefined) return;
    await this.client.call(what, () =>
      this.client.api.createNetwork({
        Name: name,
        Labels: { ...labels },
        CheckDuplicate: true,
        IPAM: { Driver: 'default', Config: [{ Subnet: subnet }] },
      }),
    );
  }

  async removeNetworks(label: string): Promise<void> {
    const filters = { label: [label] };
    for (const { Id, Name } of await this.client.call('the networks cannot be listed', () =>
      this.client.api.listNetworks({ filters }),
    )) {
      await this.client.unless404(`network "${Name}" cannot be removed`, () => this.client.api.getNetwork(Id).remove());
    }
  }

  specOf({ deployment, resource }: DeployedVnfc, { environment: more, binds }: SpecExtras): DockerSpec {
    const { image, command, environment, tmpfs, networks, memoryBytes, cpus } = deployment;
    const spec: DockerSpec = {
      config: {
        Image: image,
        Hostname: resource,
        ...(command.length === 0 ? {} : { Cmd: command }),
        Env: Object.entries({ ...environment, ...more }).map(([key, value]) => `${key}=${value}`),
      },
      hostConfig: {
        ...(binds.length === 0 ? {} : { Binds: binds.map((b) => `${b.source}:${b.destination}:ro`) }),
        Tmpfs: Object.fromEntries(tmpfs.map((entry) => [entry.split(':')[0], entry.split(':')[1] ?? ''])),
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
    const all = await this.client.call(`the log of "${name}" cannot be read`, () =>
      this.client.api.getContainer(id).logs(options),
    );
    return Readable.from([textOfLog(all)]);
  }

  /** Each call has a connection of its own: nothing is open between them but what they pass through. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]();
  }
}
