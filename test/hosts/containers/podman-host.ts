import { join } from 'node:path';
import type { RelayedPorts } from '../relayed-ports.js';
import { faketime, Machine } from './machine.js';
import { PrivatePodman } from './private-podman.js';

/** Everything that a test needs of a machine with real containers under Podman. */
export class PodmanHost implements AsyncDisposable {
  readonly kind = 'podman';

  private constructor(
    readonly machine: Machine,
    readonly daemon: PrivatePodman,
  ) {}

  /** @throws with the reason why there can be no real container here */
  static async start(): Promise<PodmanHost> {
    const machine = await Machine.start('podman');
    try {
      return new PodmanHost(machine, await PrivatePodman.start(machine.namespaces, machine.criuFolder));
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

  /** `vims.podman` of a descriptor. */
  get options(): Readonly<Record<string, unknown>> {
    return {
      host: `unix://${this.daemon.socket}`,
      pidFile: join(this.folder, 'holder.pid'),
      criu: this.criu,
      faketime,
      folder: join(this.folder, 'ordeal'),
    };
  }

  /** Podman's own client, on the same containers. */
  podman(...args: readonly string[]): Promise<string> {
    return this.daemon.podman(...args);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.daemon[Symbol.asyncDispose]();
    await this.machine[Symbol.asyncDispose]();
  }
}
