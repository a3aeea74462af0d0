import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { until } from '../../util/deadline.js';
import { errnoOf, OrdealError, reasonOf } from '../../util/errors.js';
import { Undo } from '../../util/undo.js';
import { validate } from '../../util/validate.js';
import { macOf } from '../oci/addresses.js';
import { Cgroup } from '../oci/cgroup.js';
import type { SpecExtras } from '../oci/clocks.js';
import type { DeployedVnfc } from '../oci/deployment.js';
import type { Attachment, CreateOptions, OciContainer, OciEngine } from '../oci/engine.js';
import type { EngineHost } from '../oci/host.js';
import type { InstantiatingEngine } from '../oci/instantiation.js';
import { textOfKubernetesLog } from './kubernetes-log.js';
import { Launcher } from './launcher.js';
import type { MonitorTools } from './monitor.js';
import { Plugs } from './plugs.js';
import { exitWritten, pidOf, readOrNothing, seen } from './runc-container.js';
import { type ContainerRecord, type RuncFolder, type RuncSpec, runcSpec } from './runc-folder.js';

const START_MS = 10_000;
const END_MS = 30_000;

/**
 * runc by itself, with what an engine would add: a root file system of layers, networks, names. Each start writes the bundle
 * anew, as nothing of it outlives the process but the layer and the volumes.
 */
export class RuncEngine implements OciEngine, InstantiatingEngine {
  readonly kind = 'runc';
  readonly #plugs: Plugs;
  readonly #launcher: Launcher;
  /** Tried once: the host does not change under a driver. */
  #cannotRestore: Promise<string | undefined> | undefined;

  constructor(
    readonly host: EngineHost,
    readonly folder: RuncFolder,
    readonly tools: MonitorTools,
    readonly runtimeRoot: string,
    readonly cgroupParent: string,
  ) {
    this.#plugs = new Plugs(host);
    this.#launcher = new Launcher(host, folder, tools, runtimeRoot, cgroupParent);
  }

  async version(): Promise<string> {
    const said = await this.host.run(this.tools.runc, ['--version']);
    return said.split('\n')[0]?.replace(' version', '') ?? 'runc';
  }

  cannotRestore(): Promise<string | undefined> {
    this.#cannotRestore ??= this.host.run(this.tools.conmon, ['--version']).then(
      () => undefined,
      (e: unknown) => reasonOf(e),
    );
    return this.#cannotRestore;
  }

  async list(label: string): Promise<readonly OciContainer[]> {
    const found = (await this.folder.all()).filter(({ labels }) => carries(labels, label));
    return Promise.all(found.map((record) => seen(this.folder, record)));
  }

  async find(idOrName: string): Promise<OciContainer | undefined> {
    const record =
      (await this.folder.read(idOrName)) ?? (await this.folder.all()).find(({ name }) => name === idOrName);
    return record === undefined ? undefined : seen(this.folder, record);
  }

  async lacksImage(spec: OciContainer['spec']): Promise<string | undefined> {
    const { image } = validate(spec, 'the spec of a container', runcSpec);
    return (await this.folder.hasImage(image)) ? undefined : image;
  }

  async create(spec: OciContainer['spec'], { name, labels, volumes }: CreateOptions): Promise<string> {
    const its = validate(spec, name, runcSpec);
    await this.#mustBeFree(name);
    if (!(await this.folder.hasImage(its.image))) {
      throw new OrdealError(
        'unknown-target',
        `Container "${name}" cannot be created: the image "${its.image}" is gone`,
        {
          where: this.folder.root,
          remedy: 'Bring the image back: instantiate the service anew, or import it.',
        },
      );
    }
    const id = randomBytes(12).toString('hex');
    const files = this.folder.container(id);
    await using undo = new Undo();
    undo.defer('remove the unfinished container', () => rm(files.folder, { recursive: true, force: true }));
    for (const folder of [files.layer, files.work, files.merged, files.bundle]) {
      // The layer becomes the root directory of the container, for whichever user is in there.
      await mkdir(folder, { recursive: true, mode: folder === files.layer ? 0o755 : 0o700 });
    }
    await this.folder.write({
      id,
      name,
      labels: { ...labels },
      spec: its,
      volumes: { ...volumes },
      networks: Object.entries(its.networks).map(([network, { address, aliases }]) => ({
        network,
        address,
        mac: macOf(address),
        aliases,
      })),
    });
    undo.keep();
    return id;
  }

  async start(container: OciContainer): Promise<void> {
    await this.#launcher.launch(container);
    await this.host.run(this.tools.runc, ['--root', this.runtimeRoot, 'start', container.id]);
    const { exitCode } = this.folder.container(container.id);
    const isOn = async () => (await pidOf(this.folder, container.id)) > 0 || (await readOrNothing(exitCode)) !== '';
    await until(`"${container.name}" is itself`, isOn, { withinMs: START_MS, everyMs: 1 });
  }

  prepareRestore({ id, name }: OciContainer, images: string): Promise<void> {
    return this.#launcher.prepare(id, name, images);
  }

  restore(container: OciContainer, images: string): Promise<void> {
    return this.#launcher.launch(container, images);
  }

  async stop(container: OciContainer, graceMs: number): Promise<boolean> {
    signal(container.pid, 'SIGTERM');
    const isDown = async () => (await pidOf(this.folder, container.id)) === 0;
    const ended = await until('it ends', isDown, { withinMs: graceMs, everyMs: 5 }).catch((e: unknown) => {
      if (e instanceof OrdealError && e.kind === 'timeout') return false;
      throw e;
    });
    if (!ended) await this.kill(container);
    else await exitWritten(this.folder, container.id);
    return ended;
  }

  async kill({ id, name, pid }: OciContainer): Promise<void> {
    if (pid > 0) {
      const cgroup = await Cgroup.of(pid).catch(unlessEnded);
      const isFrozen = (await cgroup?.isFrozen()) === true;
      signal(pid, 'SIGKILL');
      // In version 1 of control groups what is frozen dies when it is thawed.
      if (isFrozen) await cgroup?.thaw();
    }
    const what = `The end of "${name}"`;
    await until(what, async () => (await pidOf(this.folder, id)) === 0, { withinMs: END_MS, everyMs: 2 });
    await exitWritten(this.folder, id);
  }

  async unpause({ id }: OciContainer): Promise<void> {
    await this.host.run(this.tools.runc, ['--root', this.runtimeRoot, 'resume', id]);
  }

  async remove(container: OciContainer): Promise<void> {
    const record = await this.folder.read(container.id);
    if (record === undefined) return;
    if (container.status === 'running') await this.kill(container);
    await this.#launcher.clear(record);
    await this.#plugs.remove(record.id);
    await this.folder.remove(record.id);
  }

  async rename({ id }: OciContainer, name: string): Promise<void> {
    await this.#mustBeFree(name);
    await this.#change(id, (record) => ({ ...record, name }));
  }

  /** Nobody restarts what runc has started: there is no policy. */
  setRestartPolicy(): Promise<void> {
    return Promise.resolve();
  }

  async disconnect({ id, networks }: OciContainer): Promise<void> {
    for (const { network } of networks) await this.#plugs.unplug(id, network);
    await this.#change(id, (record) => ({ ...record, networks: [] }));
  }

  async connect({ id, networks, status }: OciContainer, wanted: readonly Attachment[]): Promise<void> {
    const absent = wanted.filter(({ network }) => !networks.some((n) => n.network === network));
    const all = [...networks, ...absent].map((n) => ({ ...n, aliases: [...n.aliases] }));
    await this.#change(id, (record) => ({ ...record, networks: all }));
    if (status === 'running') await this.#launcher.plugIn(id, all, absent);
  }

  createVolume(name: string, labels: Readonly<Record<string, string>>): Promise<string> {
    return this.folder.createVolume(name, labels);
  }

  removeVolume(name: string): Promise<void> {
    return this.folder.removeVolume(name);
  }

  async volumesWith(label: string): Promise<readonly string[]> {
    return (await this.folder.volumes()).filter(({ labels }) => carries(labels, label)).map(({ name }) => name);
  }

  hasImage(image: string): Promise<boolean> {
    return this.folder.hasImage(image);
  }

  async importImage(archive: string, image: string): Promise<void> {
    const root = this.folder.image(image);
    await rm(root, { recursive: true, force: true });
    await mkdir(root, { recursive: true, mode: 0o755 });
    await this.host.run('tar', ['--numeric-owner', '--xattrs', '--xattrs-include=*', '-p', '-C', root, '-xf', archive]);
    await this.folder.sealImage(image);
  }

  async ensureNetwork(name: string, subnet: string, labels: Readonly<Record<string, string>>): Promise<void> {
    const record = (await this.folder.network(name)) ?? { name, subnet, labels: { ...labels } };
    await this.#plugs.bridge(record);
    await this.folder.writeNetwork(record);
  }

  async removeNetworks(label: string): Promise<void> {
    for (const { name, labels } of await this.folder.networks()) {
      if (!carries(labels, label)) continue;
      await this.#plugs.removeBridge(name);
      await this.folder.removeNetwork(name);
    }
  }

  specOf({ deployment, resource }: DeployedVnfc, { environment: more, binds }: SpecExtras): RuncSpec {
    const { image, command, environment, tmpfs, networks, memoryBytes, cpus } = deployment;
    if (image === undefined || command.length === 0) {
      throw new OrdealError('file-invalid', `"${resource}" has no ${image === undefined ? 'image' : 'command'}`, {
        remedy: 'runc takes no command from an image: name both in its deployment.',
      });
    }
    return {
      image,
      hostname: resource,
      args: command,
      env: Object.entries({ ...environment, ...more }).map(([key, value]) => `${key}=${value}`),
      tmpfs,
      binds: binds.map((b) => ({ ...b })),
      ...(memoryBytes === undefined ? {} : { memoryBytes }),
      ...(cpus === undefined ? {} : { cpus }),
      networks: Object.fromEntries(
        Object.entries(networks).map(([network, { address }]) => [network, { address, aliases: [resource] }]),
      ),
    };
  }

  async log({ id }: OciContainer): Promise<NodeJS.ReadableStream> {
    const text = await readOrNothing(this.folder.container(id).log);
    return Readable.from([textOfKubernetesLog(text)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing is open between two calls.
  }

  async #change(id: string, to: (record: ContainerRecord) => ContainerRecord): Promise<void> {
    const record = await this.folder.read(id);
    if (record !== undefined) await this.folder.write(to(record));
  }

  async #mustBeFree(name: string): Promise<void> {
    if (!(await this.folder.all()).some((r) => r.name === name)) return;
    throw new OrdealError('busy', `The name "${name}" is taken`, { remedy: 'Remove or rename that container.' });
  }
}

const carries = (labels: Readonly<Record<string, string>>, label: string): boolean => {
  const [key = '', value] = label.split('=');
  return labels[key] === value;
};

function unlessEnded(e: unknown): undefined {
  if (e instanceof OrdealError && e.kind === 'vim-failed') return undefined;
  throw e;
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    if (pid > 0) process.kill(pid, name);
  } catch (e) {
    if (errnoOf(e) !== 'ESRCH') throw e;
  }
}
