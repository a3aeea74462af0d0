import type { CapabilityTable } from '../../../model/capability.js';
import type { FaultReading } from '../../../model/fault.js';
import type { ComputeId, ComputeState, Logs, Pausing, Vim, VimContext } from '../../../model/vim.js';
import type { VirtualLinkInfo } from '../../../model/vnf-info.js';
import { Containers, type Seen } from '../../oci/containers.js';
import { OciFaults } from '../../oci/faults.js';
import { OciFolder } from '../../oci/folder.js';
import type { Before, Means } from '../../oci/means/means.js';
import { apiCapabilities, STALL } from './api-capabilities.js';
import type { ApiEngine } from './api-engine.js';
import { ApiPower } from './api-power.js';
import { ApiSnapshots } from './api-snapshots.js';

const GRACE_MS = 10_000;

/**
 * A daemon whose kernel is out of reach: on another machine, rootless, or not ours to enter. What its own API can do is
 * done; the rest is told by `capabilities()` with its reason. The containers must be there.
 */
export class ApiVim implements Vim {
  readonly kind: string;
  readonly #containers: Containers;
  readonly #power: ApiPower;
  readonly snapshots: ApiSnapshots;
  readonly faults: OciFaults;

  /** @param folder on this machine @param why the kernel is out of reach */
  constructor(
    { service }: Pick<VimContext, 'service'>,
    readonly engine: ApiEngine,
    folder: string,
    readonly why: string,
  ) {
    this.kind = engine.kind;
    const kept = new OciFolder(folder);
    this.#containers = new Containers(engine, kept, service);
    this.#power = new ApiPower(this.#containers, engine, kept);
    this.snapshots = new ApiSnapshots(this.#containers, engine, kept, this.#power);
    const means = new Map([[STALL, new PausedByEngine(this.#power)]]);
    this.faults = new OciFaults(this.#containers, kept, this.#power, new Map(), means);
  }

  capabilities(): Promise<CapabilityTable> {
    return apiCapabilities(this.engine, this.why);
  }

  locate(resource: string): Promise<ComputeId> {
    return this.#containers.locate(resource);
  }

  async inspect(compute: ComputeId): Promise<ComputeState> {
    return this.#containers.describe(await this.#containers.see(compute));
  }

  links(): Promise<readonly VirtualLinkInfo[]> {
    return this.#containers.links(new Map());
  }

  start(compute: ComputeId): Promise<void> {
    return this.#power.start(compute);
  }

  stop(compute: ComputeId, { graceMs = GRACE_MS }: { graceMs?: number } = {}) {
    return this.#power.stop(compute, graceMs);
  }

  readonly pausing: Pausing = {
    pause: (compute) => this.#power.pause(compute),
    resume: (compute) => this.#power.resume(compute),
  };

  readonly logs: Logs = {
    logs: async (compute) => {
      const { container, resource } = await this.#containers.see(compute);
      return [{ name: `${resource}.log`, open: () => this.engine.log(container) }];
    },
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine[Symbol.asyncDispose]();
  }
}

class PausedByEngine implements Means {
  readonly how = "the daemon's own pause";

  constructor(readonly power: ApiPower) {}

  before(): Promise<Before> {
    return Promise.resolve({});
  }

  async on({ container }: Seen): Promise<void> {
    await this.power.pause(container.id);
  }

  measure({ powerState }: Seen): Promise<FaultReading> {
    const effective = powerState === 'suspended';
    return Promise.resolve({ effective, measured: { state: powerState }, how: 'what the daemon says of its state' });
  }

  async off({ container, powerState }: Seen): Promise<void> {
    if (powerState === 'suspended') await this.power.resume(container.id);
  }
}
