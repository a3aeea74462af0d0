import { access, readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { LocatedService } from '../../model/network-service.js';
import type { Instantiation } from '../../model/vim.js';
import { until } from '../../util/deadline.js';
import { classifyIo, OrdealError } from '../../util/errors.js';
import type { Clocks, SpecExtras } from './clocks.js';
import type { Containers } from './containers.js';
import type { DeployedVnfc } from './deployment.js';
import { type OciContainer, type OciEngine, resourceLabel, serviceLabel } from './engine.js';
import type { OciFolder } from './folder.js';
import type { ImageKeeper, Images } from './images.js';
import type { Power } from './power.js';

const LISTEN_MS = 60_000;
const LISTEN = '0A';

/** What an engine needs to bring up a service by itself. */
export interface InstantiatingEngine extends ImageKeeper {
  /** Idempotent. */
  ensureNetwork(name: string, subnet: string, labels: Readonly<Record<string, string>>): Promise<void>;
  removeNetworks(label: string): Promise<void>;
  /** @returns the spec of a container, as `create` takes it */
  specOf(deployed: DeployedVnfc, extras: SpecExtras): OciContainer['spec'];
}

/**
 * Creates and starts the containers of a service that have an image, and removes them again; all others must be there,
 * and stay.
 */
export class OciInstantiation implements Instantiation {
  constructor(
    readonly containers: Containers,
    readonly engine: OciEngine & InstantiatingEngine,
    readonly folder: OciFolder,
    readonly power: Power,
    readonly networks: Readonly<Record<string, { readonly subnet: string }>>,
    readonly clocks: Clocks,
    readonly images: Images,
  ) {}

  async check(service: LocatedService): Promise<void> {
    for (const { resource, deployment } of this.containers.deployed) {
      const { image, archive } = deployment;
      if (image === undefined) {
        await this.containers.locate(resource);
        continue;
      }
      const found = await this.engine.find(resource);
      if (found !== undefined) await this.containers.see(found.id);
      if (await this.engine.hasImage(image)) continue;
      if (archive === undefined) {
        throw new OrdealError('file-missing', `The image "${image}" is not there`, {
          where: `${service.file}: ${resource}`,
          remedy: 'Pull or build it first, or name the tar of its root file system as archive.',
        });
      }
      const file = resolve(service.folder, archive);
      await access(file).catch((e: unknown) => {
        throw classifyIo(e, file);
      });
    }
  }

  async instantiate(_: LocatedService, signal?: AbortSignal): Promise<void> {
    await this.folder.prepare();
    const labels = { [serviceLabel]: this.containers.serviceId };
    for (const [name, { subnet }] of Object.entries(this.networks)) {
      await this.engine.ensureNetwork(name, subnet, labels);
    }
    for (const deployed of this.containers.deployed) {
      signal?.throwIfAborted();
      await this.images.provide(deployed);
      if (
        deployed.deployment.image !== undefined &&
        (await this.containers.findInPlace(deployed.resource)) === undefined
      ) {
        await this.#create(deployed, labels);
      }
      await this.power.start(await this.containers.locate(deployed.resource));
      await this.#listens(deployed, signal);
    }
  }

  async #create(deployed: DeployedVnfc, labels: Record<string, string>): Promise<void> {
    const { resource, deployment } = deployed;
    const volumes: Record<string, string> = {};
    for (const [disk, destination] of Object.entries(deployment.volumes)) {
      const name = `${resource}.${disk}`;
      await this.engine.createVolume(name, labels);
      volumes[destination] = name;
    }
    await this.folder.setPlace(resource, undefined);
    await this.engine.create(this.engine.specOf(deployed, await this.clocks.equip(resource)), {
      name: resource,
      labels: { ...labels, [resourceLabel]: resource },
      volumes,
    });
  }

  async #listens({ resource, deployment }: DeployedVnfc, signal?: AbortSignal): Promise<void> {
    const isUp = async () => {
      const { container, powerState } = await this.containers.see(await this.containers.locate(resource));
      if (powerState === 'crashed' || powerState === 'off') {
        throw new OrdealError('vim-failed', `"${resource}" has ended instead of starting`, {
          got: `exit code ${container.exitCode}`,
          remedy: 'Look into its log.',
        });
      }
      const ports = await listeningPorts(container.pid);
      return deployment.listens.every((port) => ports.has(port));
    };
    const options = { withinMs: LISTEN_MS, everyMs: 20, ...(signal === undefined ? {} : { signal }) };
    if (deployment.listens.length > 0) await until(`"${resource}" listens`, isUp, options);
  }

  /** Only what has an image in the descriptor, or was made from a snapshot of it. */
  async terminate(): Promise<void> {
    const ours = new Set(
      this.containers.deployed.filter((d) => d.deployment.image !== undefined).map((d) => d.resource),
    );
    for (const { container, resource } of await this.containers.all()) {
      if (!ours.has(resource)) continue;
      await this.engine.remove(container);
      await this.power.forget(container.id);
      await this.folder.setPlace(resource, undefined);
    }
    if (ours.size < this.containers.deployed.length) return;
    for (const name of await this.engine.volumesWith(this.containers.label)) await this.engine.removeVolume(name);
    await this.engine.removeNetworks(this.containers.label);
  }

  async isGone(): Promise<boolean> {
    for (const { resource } of this.containers.deployed) {
      const seen = await this.containers.findInPlace(resource);
      if (seen !== undefined && seen.powerState !== 'off') return false;
    }
    return true;
  }
}

/** TCP ports that are listened on in the network namespace of a process; nothing is sent to find out. */
async function listeningPorts(pid: number): Promise<ReadonlySet<number>> {
  const tables = await Promise.all(['tcp', 'tcp6'].map((name) => readFile(`/proc/${pid}/net/${name}`, 'utf8')));
  const found = new Set<number>();
  for (const line of tables.join('\n').split('\n')) {
    const [, local = '', , state] = line.trim().split(/\s+/);
    if (state === LISTEN) found.add(Number.parseInt(local.split(':')[1] ?? '', 16));
  }
  return found;
}
