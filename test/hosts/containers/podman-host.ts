import { join } from 'node:path';
import { ContainerHost, type DaemonHost, hostOn } from './container-host.js';
import type { Machine } from './machine.js';
import { PrivatePodman } from './private-podman.js';

export class PodmanHost extends ContainerHost implements DaemonHost {
  readonly kind = 'podman';

  private constructor(
    machine: Machine,
    readonly daemon: PrivatePodman,
  ) {
    super(machine, daemon);
  }

  /** @throws with the reason why there can be no real container here */
  static start(): Promise<PodmanHost> {
    return hostOn(
      'podman',
      async (machine) => new PodmanHost(machine, await PrivatePodman.start(machine.namespaces, machine.engineTools)),
    );
  }

  protected get reached() {
    return { host: `unix://${this.daemon.socket}`, pidFile: join(this.folder, 'holder.pid') };
  }

  startDaemon(): Promise<void> {
    return this.daemon.startService();
  }

  killDaemon(): Promise<void> {
    return this.daemon.killService();
  }

  /** Podman's own client, on the same containers. */
  podman(...args: readonly string[]): Promise<string> {
    return this.daemon.podman(...args);
  }
}
