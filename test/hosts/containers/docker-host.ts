import { join } from 'node:path';
import { shell } from '../libvirt/shell.js';
import type { RelayedPorts } from '../relayed-ports.js';
import { faketime, Machine } from './machine.js';
import { PrivateDockerd } from './private-dockerd.js';

/** Everything that a test needs of a machine with real containers under dockerd. */
export class DockerHost implements AsyncDisposable {
  readonly kind = 'docker';

  private constructor(
    readonly machine: Machine,
    readonly daemon: PrivateDockerd,
  ) {}

  /** @throws with the reason why there can be no real container here */
  static async start(): Promise<DockerHost> {
    const machine = await Machine.start('docker');
    try {
      return new DockerHost(machine, await PrivateDockerd.start(machine.namespaces, machine.criuFolder));
    } catch (e) {
      await machine[Symbol.asyncDispose]();
      throw e;
    }
  }

  get folder(): string {
    return this.machine.folder;
  }

  get image(): string {
    return this.machine.image;
  }

  get criu(): string {
    return this.machine.criu;
  }

  get ports(): RelayedPorts {
    return this.machine.ports;
  }

  /** `vims.docker` of a descriptor. */
  get options(): Readonly<Record<string, unknown>> {
    const { socket, pidFile, runtimeRoot } = this.daemon;
    return {
      host: `unix://${socket}`,
      pidFile,
      runtimeRoot,
      criu: this.criu,
      faketime,
      folder: join(this.folder, 'ordeal'),
    };
  }

  /** Docker's own client, on this engine. */
  docker(...args: readonly string[]): Promise<string> {
    return shell('docker', ['--host', `unix://${this.daemon.socket}`, ...args]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.daemon[Symbol.asyncDispose]();
    await this.machine[Symbol.asyncDispose]();
  }
}
