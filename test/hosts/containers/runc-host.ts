import { join } from 'node:path';
import type { RelayedPorts } from '../relayed-ports.js';
import { faketime, Machine } from './machine.js';

/** Everything that a test needs of a machine with real containers of runc alone. */
export class RuncHost implements AsyncDisposable {
  readonly kind = 'runc';

  private constructor(readonly machine: Machine) {}

  /** @throws with the reason why there can be no real container here */
  static async start(): Promise<RuncHost> {
    return new RuncHost(await Machine.start('runc'));
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

  /** `vims.runc` of a descriptor. */
  get options(): Readonly<Record<string, unknown>> {
    const { folder } = this;
    return {
      pidFile: join(folder, 'holder.pid'),
      runtimeRoot: join(folder, 'runc'),
      cgroupParent: this.machine.namespaces.cgroupParent,
      criu: this.criu,
      faketime,
      folder: join(folder, 'ordeal'),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.machine[Symbol.asyncDispose]();
  }
}
