import { join } from 'node:path';
import { ContainerHost, hostOn } from './container-host.js';

export class RuncHost extends ContainerHost {
  readonly kind = 'runc';

  /** @throws with the reason why there can be no real container here */
  static start(): Promise<RuncHost> {
    return hostOn('runc', async (machine) => new RuncHost(machine));
  }

  protected get reached() {
    return {
      pidFile: join(this.folder, 'holder.pid'),
      runtimeRoot: join(this.folder, 'runc'),
      cgroupParent: this.machine.namespaces.cgroupParent,
    };
  }
}
