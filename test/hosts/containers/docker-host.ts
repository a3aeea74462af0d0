import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { shell } from '../libvirt/shell.js';
import { RelayedPorts } from '../relayed-ports.js';
import { ensureCriu } from './criu.js';
import { buildImage } from './image.js';
import { PrivateNamespaces } from './namespaces.js';
import { ensurePackages } from './packages.js';
import { PrivateDockerd } from './private-dockerd.js';

/** Everything that a test needs of a machine with real containers: an engine of its own, an image, a way to their ports. */
export class DockerHost implements AsyncDisposable {
  readonly kind = 'docker';

  private constructor(
    readonly daemon: PrivateDockerd,
    readonly criu: string,
    /** A tar of the sample's root file system. */
    readonly image: string,
    readonly ports: RelayedPorts,
  ) {}

  /** @throws with the reason why there can be no real container here */
  static async start(): Promise<DockerHost> {
    if (process.getuid?.() !== 0) throw new Error('real containers with memory need root, for CRIU and namespaces');
    await shell('unshare', ['--mount', '--net', 'true']);
    await ensurePackages();
    const criuFolder = await ensureCriu();
    const folder = await mkdtemp(join(tmpdir(), 'ordeal-dockerd-'));
    const namespaces = await PrivateNamespaces.open(folder);
    const daemon = await PrivateDockerd.start(namespaces, criuFolder);
    try {
      const image = join(folder, 'image.tar');
      await buildImage(image);
      const ports = await RelayedPorts.start(`/proc/${namespaces.pid}/ns/net`, join(folder, 'relay'));
      return new DockerHost(daemon, join(criuFolder, 'criu'), image, ports);
    } catch (e) {
      await daemon[Symbol.asyncDispose]();
      throw e;
    }
  }

  get folder(): string {
    return this.daemon.namespaces.folder;
  }

  /** `vims.docker` of a descriptor. */
  get options(): Readonly<Record<string, unknown>> {
    const { socket, pidFile, runtimeRoot } = this.daemon;
    return { host: `unix://${socket}`, pidFile, runtimeRoot, criu: this.criu, folder: join(this.folder, 'ordeal') };
  }

  /** Docker's own client, on this engine. */
  docker(...args: readonly string[]): Promise<string> {
    return shell('docker', ['--host', `unix://${this.daemon.socket}`, ...args]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.ports[Symbol.asyncDispose]();
    await this.daemon[Symbol.asyncDispose]();
  }
}
