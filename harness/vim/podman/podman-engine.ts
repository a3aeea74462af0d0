import { access, constants, readdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { z } from 'zod';
import { until } from '../../util/deadline.js';
import { errnoOf, reasonOf } from '../../util/errors.js';
import { validate } from '../../util/validate.js';
import type { DockerClient } from '../docker-api/client.js';
import { DockerApiEngine } from '../docker-api/engine.js';
import { statusOf } from '../docker-api/errors.js';
import type { DockerSpec } from '../docker-api/inspection.js';
import { macOf } from '../oci/addresses.js';
import type { SpecExtras } from '../oci/clocks.js';
import type { DeployedVnfc } from '../oci/deployment.js';
import type { Attachment, CreateOptions, OciContainer } from '../oci/engine.js';

/** The first release whose libpod API Ordeal was tried with. */
export const LIBPOD = '/v4.0.0/libpod';
const END_MS = 30_000;
const SHARED_MEMORY = '/dev/shm';

const addressesLabel = 'org.ordeal.addresses';
const addresses = z.record(
  z.string(),
  z.object({ address: z.string(), mac: z.string().optional(), aliases: z.array(z.string()) }),
);

const info = z.object({
  host: z.object({ cgroupVersion: z.string(), security: z.object({ rootless: z.boolean() }) }),
  store: z.object({ graphRoot: z.string() }),
  version: z.object({ Version: z.string() }),
});
const state = z.object({ State: z.object({ Status: z.string() }) });

/**
 * Podman's service: over its Docker-compatible endpoints as far as they go, and over libpod's own for what Docker has not.
 * A dump is given to Podman where it keeps its own checkpoints; packed as an archive it would be copied twice.
 */
export class PodmanEngine extends DockerApiEngine {
  readonly kind = 'podman';

  constructor(
    client: DockerClient,
    readonly runtimeRoot: string,
  ) {
    super(client);
  }

  async version(): Promise<string> {
    return `Podman ${(await this.#info()).version.Version}`;
  }

  /** In its own words. @returns the version of the control groups of its host: v1 or v2 */
  async kindOfService(): Promise<{ isRootless: boolean; cgroups: string }> {
    const { cgroupVersion, security } = (await this.#info()).host;
    return { isRootless: security.rootless, cgroups: cgroupVersion };
  }

  async cannotRestore(): Promise<string | undefined> {
    const folder = join((await this.#info()).store.graphRoot, 'overlay-containers');
    return access(folder, constants.W_OK).then(
      () => undefined,
      (e: unknown) => `the folder of Podman cannot be written from here: ${reasonOf(e)}`,
    );
  }

  async restore({ id, name, status }: OciContainer, images: string): Promise<void> {
    const { graphRoot } = (await this.#info()).store;
    if (status === 'created') await this.#prepare(id, name);
    const checkpoint = join(graphRoot, 'overlay-containers', id, 'userdata', 'checkpoint');
    await rm(checkpoint, { recursive: true, force: true });
    await symlink(images, checkpoint);
    try {
      // Without keep Podman would remove what the link leads to.
      const query = { keep: true, tcpEstablished: true, fileLocks: true };
      await this.#post(`"${name}" cannot be started from its dump`, `/containers/${id}/restore`, query);
    } finally {
      await rm(checkpoint, { recursive: true, force: true });
    }
  }

  override async find(idOrName: string): Promise<OciContainer | undefined> {
    const found = await super.find(idOrName);
    if (found === undefined || found.pid === 0) return found;
    const { Tmpfs: tmpfs } = (found.spec as DockerSpec).hostConfig;
    // Podman's own lies on the host: CRIU would dump those who have files of it open, and not the files.
    const isOwn = Object.hasOwn(tmpfs ?? {}, SHARED_MEMORY);
    const files = isOwn ? [] : await readdir(join(`/proc/${found.pid}/root`, SHARED_MEMORY)).catch(gone);
    if (files.length === 0) return found;
    const blocker = `its ${SHARED_MEMORY} lies on the host and is not empty; create it with --tmpfs ${SHARED_MEMORY}, or go cold`;
    return { ...found, blockers: [...found.blockers, blocker] };
  }

  /** With a /dev/shm that is in the dump, and MACs that peers who remember them find again at the next start. */
  override specOf(deployed: DeployedVnfc, extras: SpecExtras): DockerSpec {
    const spec = super.specOf(deployed, extras);
    const tmpfs = { [SHARED_MEMORY]: 'mode=1777,size=64m', ...spec.hostConfig.Tmpfs };
    const networks = Object.entries(spec.networks).map(([name, it]) => [name, { ...it, mac: macOf(it.address) }]);
    return { ...spec, hostConfig: { ...spec.hostConfig, Tmpfs: tmpfs }, networks: Object.fromEntries(networks) };
  }

  override create(spec: OciContainer['spec'], options: CreateOptions): Promise<string> {
    const { hostConfig, networks, ...rest } = spec as DockerSpec;
    // What it says of a container and what it takes for one are not the same words.
    const limits = (hostConfig.Ulimits ?? []).map((l) => ({
      ...l,
      Name: l.Name?.replace('RLIMIT_', '').toLowerCase(),
    }));
    const its = { ...rest, networks, hostConfig: { ...hostConfig, Ulimits: limits } };
    const labels = { ...options.labels, [addressesLabel]: JSON.stringify(networks) };
    return super.create(its, { ...options, labels });
  }

  /** Of a container that does not run Podman tells no addresses: they are on a label then. */
  protected override seen(info: Docker.ContainerInspectInfo): OciContainer {
    const container = super.seen(info);
    const kept = addressesOf(container.labels[addressesLabel]);
    const networks = container.networks.map((n) => (n.address === '' ? { ...n, ...kept[n.network] } : n));
    const { spec } = container;
    const its = Object.fromEntries(networks.map(({ network, ...rest }) => [network, rest]));
    return { ...container, networks, spec: { ...spec, networks: its } };
  }

  /** As the Docker-compatible endpoints complete it when they are asked for it; Podman 4.3 does not hear of the tag. */
  protected override importName(image: string): { repo: string } {
    const [first = '', ...rest] = image.split('/');
    const isQualified = rest.length > 0 && /[.:]|^localhost$/.test(first);
    return { repo: isQualified ? image : `docker.io/${rest.length === 0 ? 'library/' : ''}${image}` };
  }

  /** Podman says that it was killed before it has put away mounts and networks. */
  override async kill({ id, name }: OciContainer): Promise<void> {
    try {
      await this.client.api.getContainer(id).kill({ signal: 'SIGKILL' });
    } catch (e) {
      // It has ended by itself.
      if (statusOf(e) !== 409 && statusOf(e) !== 500) throw this.client.failure(e, `"${name}" cannot be killed`);
    }
    await this.exited(id, name);
  }

  override async stop(container: OciContainer, graceMs: number): Promise<boolean> {
    const isGraceful = await super.stop(container, graceMs);
    await this.exited(container.id, container.name);
    return isGraceful;
  }

  /**
   * Podman 4 cannot change it. It restarts nothing that stands still, and nothing that was ended by it: both hold for what
   * is in quarantine.
   */
  setRestartPolicy(): Promise<void> {
    return Promise.resolve();
  }

  /** Podman gives each start a MAC of its own unless it is told one. */
  protected override endpoint(attachment: Omit<Attachment, 'network'>): object {
    const { mac } = attachment;
    return { ...super.endpoint(attachment), ...(mac === undefined ? {} : { MacAddress: mac }) };
  }

  /** One that never ran has no bundle yet: Podman makes it when it makes the process, which waits to be started. */
  async #prepare(id: string, name: string): Promise<void> {
    const what = `"${name}" cannot be prepared for its memory`;
    await this.#post(what, `/containers/${id}/init`, {});
    await this.#post(what, `/containers/${id}/stop`, { timeout: 0 });
    await this.exited(id, name);
  }

  protected async exited(id: string, name: string): Promise<void> {
    const isExited = async () => {
      const path = `${LIBPOD}/containers/${id}/json`;
      const found = await this.client.dialUnless404(`"${name}" cannot be inspected`, 'GET', path);
      // Deleted by somebody else, it has ended too.
      return found === undefined || state.parse(found).State.Status === 'exited';
    };
    await until(`The end of "${name}"`, isExited, { withinMs: END_MS, everyMs: 10 });
  }

  async #info(): Promise<z.output<typeof info>> {
    return info.parse(await this.#dial('Podman does not answer', 'GET', '/info', {}));
  }

  #post(what: string, path: string, query: object): Promise<unknown> {
    return this.#dial(what, 'POST', path, query);
  }

  #dial(what: string, method: string, path: string, query: object): Promise<unknown> {
    return this.client.dial(what, method, `${LIBPOD}${path}`, { query });
  }
}

function addressesOf(label: string | undefined): z.output<typeof addresses> {
  return label === undefined ? {} : validate(JSON.parse(label), addressesLabel, addresses, 'vim-failed');
}

function gone(e: unknown): string[] {
  if (errnoOf(e) === 'ENOENT' || errnoOf(e) === 'ESRCH') return [];
  throw e;
}
