import { join } from 'node:path';
import type { RelayedPorts } from '../relayed-ports.js';
import { faketime, Machine } from './machine.js';
import type { Engine } from './packages.js';

/** Everything that a test needs of a machine with real containers, whichever engine they are under. */
export abstract class ContainerHost implements AsyncDisposable {
  abstract readonly kind: Engine;

  /** @param engine ends before the machine does; runc has no daemon */
  constructor(
    readonly machine: Machine,
    readonly engine?: AsyncDisposable,
  ) {}

  /** `vims.<kind>` of a descriptor as far as it is the engine's own. */
  protected abstract readonly reached: Readonly<Record<string, unknown>>;

  get folder(): string {
    return this.machine.folder;
  }

  /** A tar of the sample's root file system. */
  get image(): string {
    return this.machine.image;
  }

  get criu(): string {
    return this.machine.criu;
  }

  get ports(): RelayedPorts {
    return this.machine.ports;
  }

  /** `vims.<kind>` of a descriptor, without networks. */
  get options(): Readonly<Record<string, unknown>> {
    return { ...this.reached, criu: this.criu, faketime, folder: join(this.folder, 'ordeal') };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine?.[Symbol.asyncDispose]();
    await this.machine[Symbol.asyncDispose]();
  }
}

/** Its engine is a daemon. */
export interface DaemonHost extends ContainerHost {
  /** The same again after `killDaemon`. */
  startDaemon(): Promise<void>;
  /** As a crash would. Its containers go on. */
  killDaemon(): Promise<void>;
}

/** @throws with the reason why there can be no real container here; nothing is left then */
export async function hostOn<H>(engine: Engine, start: (machine: Machine) => Promise<H>): Promise<H> {
  const machine = await Machine.start(engine);
  try {
    return await start(machine);
  } catch (e) {
    await machine[Symbol.asyncDispose]();
    throw e;
  }
}
