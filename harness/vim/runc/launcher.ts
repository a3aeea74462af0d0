import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OrdealError } from '../../util/errors.js';
import { allEnded } from '../../util/settled.js';
import type { Attachment, OciContainer } from '../oci/engine.js';
import type { EngineHost } from '../oci/host.js';
import { bundleConfig } from './bundle.js';
import { Monitor, type MonitorTools } from './monitor.js';
import { Plugs } from './plugs.js';
import type { ContainerRecord, RuncFolder } from './runc-folder.js';

/** What a process of a container stands on: mounts, network, bundle; made anew for each, by itself or from a dump. */
export class Launcher {
  readonly #plugs: Plugs;
  readonly #monitor: Monitor;
  /** The images by container: its network is new, and who serves their pages is there. */
  readonly #prepared = new Map<string, string>();

  constructor(
    readonly host: EngineHost,
    readonly folder: RuncFolder,
    readonly tools: MonitorTools,
    readonly runtimeRoot: string,
    readonly cgroupParent: string,
  ) {
    this.#plugs = new Plugs(host);
    this.#monitor = new Monitor(host, tools, runtimeRoot);
  }

  /** All that does not wait for the end of the process of before. A `launch` from these images comes next. */
  async prepare(id: string, name: string, images: string): Promise<void> {
    await this.#prepare(await this.#record(id, name), images);
    this.#prepared.set(id, images);
  }

  /** Created and waiting for its start; from the images of a dump: it runs. Prerequisite: the process of before has ended. */
  async launch({ id, name }: OciContainer, images?: string): Promise<void> {
    const record = await this.#record(id, name);
    const files = this.folder.container(id);
    const isPrepared = images !== undefined && this.#prepared.get(id) === images;
    this.#prepared.delete(id);
    await allEnded([this.#remount(record), ...(isPrepared ? [] : [this.#prepare(record, images)])]);
    const volumes = Object.fromEntries(Object.entries(record.volumes).map(([d, v]) => [d, this.folder.volume(v)]));
    const networkNamespace = this.#plugs.namespace(id);
    const places = { root: files.merged, networkNamespace, cgroup: join('/', this.cgroupParent, id), volumes };
    const config = JSON.stringify(bundleConfig(record, places), undefined, 1);
    await writeFile(join(files.bundle, 'config.json'), config, { mode: 0o600 });
    await this.#monitor.launch(id, name, files, images);
  }

  /** @param all in the order of their cards. @param wanted those of them that are not plugged in yet */
  async plugIn(id: string, all: readonly Attachment[], wanted: readonly Attachment[]): Promise<void> {
    for (const attachment of wanted) {
      const network = await this.folder.network(attachment.network);
      if (network === undefined) {
        throw new OrdealError('unknown-target', `There is no network "${attachment.network}"`, {
          remedy: 'Name it with its subnet in vims.runc.networks.',
        });
      }
      await this.#plugs.bridge(network);
      await this.#plugs.plug(id, attachment, network, all.indexOf(attachment));
    }
  }

  /** What is left of a process that has ended. Idempotent. */
  async clear({ id, networks }: ContainerRecord): Promise<void> {
    for (const { network } of networks) await this.#plugs.unplug(id, network);
    await this.#unmount(id);
  }

  async #prepare(record: ContainerRecord, images: string | undefined): Promise<void> {
    await allEnded([
      this.#replug(record),
      ...(images === undefined ? [] : [this.#monitor.prepare(this.folder.container(record.id), images)]),
    ]);
  }

  async #replug({ id, networks }: ContainerRecord): Promise<void> {
    await this.#plugs.renew(id);
    await this.plugIn(id, networks, networks);
  }

  /** The root file system anew: a layer that was put back must not be known from before. */
  async #remount({ id, spec }: ContainerRecord): Promise<void> {
    await this.#unmount(id);
    const { layer, work, merged } = this.folder.container(id);
    const overlay = `lowerdir=${this.folder.image(spec.image)},upperdir=${layer},workdir=${work}`;
    await this.host.run('mount', ['-t', 'overlay', '-o', overlay, `ordeal-${id}`, merged]);
  }

  async #unmount(id: string): Promise<void> {
    const { merged } = this.folder.container(id);
    const script = `[ ! -e "$2/$3" ] || "$1" --root "$2" delete --force "$3"
while mountpoint -q "$4"; do umount "$4" || exit 1; done`;
    await this.host.run('sh', ['-c', script, 'sh', this.tools.runc, this.runtimeRoot, id, merged]);
  }

  async #record(id: string, name: string): Promise<ContainerRecord> {
    const record = await this.folder.read(id);
    if (record !== undefined) return record;
    throw new OrdealError('unknown-target', `There is no container "${name}"`);
  }
}
