import { shell } from '../libvirt/shell.js';
import { ContainerHost, type DaemonHost, hostOn } from './container-host.js';
import type { Machine } from './machine.js';
import { PrivateDockerd } from './private-dockerd.js';

export class DockerHost extends ContainerHost implements DaemonHost {
  readonly kind = 'docker';

  private constructor(
    machine: Machine,
    readonly daemon: PrivateDockerd,
  ) {
    super(machine, daemon);
  }

  /** @throws with the reason why there can be no real container here */
  static start(): Promise<DockerHost> {
    return hostOn(
      'docker',
      async (machine) => new DockerHost(machine, await PrivateDockerd.start(machine.namespaces, machine.engineTools)),
    );
  }

  protected get reached() {
    const { socket, pidFile, runtimeRoot } = this.daemon;
    return { host: `unix://${socket}`, pidFile, runtimeRoot };
  }

  startDaemon(): Promise<void> {
    return this.daemon.startDaemon();
  }

  killDaemon(): Promise<void> {
    return this.daemon.killDaemon();
  }

  /** Docker's own client, on this engine. */
  docker(...args: readonly string[]): Promise<string> {
    return shell('docker', ['--host', `unix://${this.daemon.socket}`, ...args]);
  }
}
