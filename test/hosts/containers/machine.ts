import { mkdir, mkdtemp, rename, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { shell } from '../libvirt/shell.js';
import { RelayedPorts } from '../relayed-ports.js';
import { ensureCriu } from './criu.js';
import { buildImage } from './image.js';
import { PrivateNamespaces } from './namespaces.js';
import { type Engine, ensurePackages } from './packages.js';

/** Of Debian's package libfaketime. */
export const faketime = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1';

/** What the tests of every container engine need of a machine: namespaces, CRIU, an image, a way to the containers' ports. */
export class Machine implements AsyncDisposable {
  private constructor(
    readonly namespaces: PrivateNamespaces,
    readonly criuFolder: string,
    /** A tar of the sample's root file system. */
    readonly image: string,
    readonly ports: RelayedPorts,
  ) {}

  /** @throws with the reason why there can be no real container here */
  static async start(engine: Engine): Promise<Machine> {
    if (process.getuid?.() !== 0) throw new Error('real containers with memory need root, for CRIU and namespaces');
    await shell('unshare', ['--mount', '--net', 'true']);
    await ensurePackages(engine);
    const criuFolder = await ensureCriu();
    const folder = await mkdtemp(join(tmpdir(), `ordeal-${engine}-`));
    const namespaces = await PrivateNamespaces.open(folder);
    try {
      const image = join(folder, 'image.tar');
      await buildImage(image);
      await mkdir(join(folder, 'bin'));
      await symlink(join(criuFolder, 'criu'), join(folder, 'bin', 'criu'));
      const ports = await RelayedPorts.start(`/proc/${namespaces.pid}/ns/net`, join(folder, 'relay'));
      return new Machine(namespaces, criuFolder, image, ports);
    } catch (e) {
      await namespaces[Symbol.asyncDispose]();
      throw e;
    }
  }

  get folder(): string {
    return this.namespaces.folder;
  }

  get criu(): string {
    return join(this.criuFolder, 'criu');
  }

  /** First on the PATH of an engine: its CRIU is its own. */
  get engineTools(): string {
    return join(this.folder, 'bin');
  }

  /** CRIU as the engine finds it says this and fails, until it is disposed of; Ordeal's own is sound. */
  async breakEngineCriu(said: string): Promise<AsyncDisposable> {
    const [place, aside] = [join(this.engineTools, 'criu'), join(this.engineTools, 'criu.sound')];
    await rename(place, aside);
    await writeFile(place, `#!/bin/sh\necho '${said}' >&2\nexit 1\n`, { mode: 0o755 });
    return { [Symbol.asyncDispose]: () => rename(aside, place) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.ports[Symbol.asyncDispose]();
    await this.namespaces[Symbol.asyncDispose]();
  }
}
