import type { LocatedService } from '../../model/network-service.js';
import type { ComputeId, ComputeState } from '../../model/vim.js';
import type { PowerState, VirtualLinkInfo } from '../../model/vnf-info.js';
import { OrdealError } from '../../util/errors.js';
import { Cgroup } from './cgroup.js';
import { type DeployedVnfc, deployedVnfcs } from './deployment.js';
import { type OciContainer, type OciEngine, resourceLabel, runLabel, serviceLabel, type Volume } from './engine.js';
import { type Marks, noMarks, type OciFolder } from './folder.js';

/** A container, with what is known of it at one moment. */
export interface Seen {
  readonly container: OciContainer;
  readonly marks: Marks;
  readonly powerState: PowerState;
  readonly resource: string;
}

/** Ended by itself or because it was asked to: 128 + SIGTERM. */
const ENDINGS: readonly number[] = [0, 143];
/** Milliseconds on the monotonic clock of this machine: the same for every process on it. */
export const monotonicMs = (): number => Number(process.hrtime.bigint() / 1000n) / 1000;

/** VNFCs as containers: where they are, in which state. Only those that carry the label of the service are touched. */
export class Containers {
  readonly deployed: readonly DeployedVnfc[];

  constructor(
    readonly engine: OciEngine,
    readonly folder: OciFolder,
    readonly service: LocatedService,
  ) {
    this.deployed = deployedVnfcs(service, engine.kind);
  }

  get serviceId(): string {
    return this.service.descriptor.id;
  }

  get label(): string {
    return `${serviceLabel}=${this.serviceId}`;
  }

  async locate(resource: string): Promise<ComputeId> {
    const found = await this.findInPlace(resource);
    if (found !== undefined) return found.container.id;
    throw new OrdealError('unknown-target', `${this.engine.kind} has no container for "${resource}"`, {
      where: this.service.file,
      expected: `a container of that name with the label ${this.label}`,
      remedy: 'Check resource in the descriptor, and label the container: Ordeal touches no others.',
    });
  }

  async findInPlace(resource: string): Promise<Seen | undefined> {
    const placed = await this.folder.placed(resource);
    const container = await this.engine.find(placed ?? resource);
    if (container === undefined || !this.#isOurs(container)) return undefined;
    return this.#seen(container);
  }

  /** @throws OrdealError of kind unknown-target, also for a container of somebody else's */
  async see(compute: ComputeId): Promise<Seen> {
    const found = await this.engine.find(compute);
    if (found === undefined || !this.#isOurs(found)) {
      throw new OrdealError('unknown-target', `There is no container "${compute}" of service "${this.serviceId}"`, {
        where: this.engine.kind,
      });
    }
    return this.#seen(found);
  }

  async find(compute: ComputeId): Promise<Seen | undefined> {
    const found = await this.engine.find(compute);
    return found === undefined || !this.#isOurs(found) ? undefined : this.#seen(found);
  }

  async all(): Promise<Seen[]> {
    const all = await this.engine.list(this.label);
    return Promise.all(all.map((c) => this.#seen(c)));
  }

  #isOurs(container: OciContainer): boolean {
    return container.labels[serviceLabel] === this.serviceId;
  }

  async #seen(container: OciContainer): Promise<Seen> {
    const marks = (await this.folder.marks(container.id)) ?? marksOfLabels(container);
    const resource = marks.resource ?? container.labels[resourceLabel] ?? container.name;
    return { container, marks, resource, powerState: await powerStateOf(container, marks) };
  }

  vnfcOf({ resource }: Pick<Seen, 'resource'>): DeployedVnfc | undefined {
    return this.deployed.find((d) => d.resource === resource);
  }

  /** Volume by disk id: as the deployment says, else in the order of the container. */
  disks(seen: Seen): Map<string, Volume> {
    const { volumes } = seen.container;
    const known = this.vnfcOf(seen);
    if (known === undefined) return new Map(volumes.map((v) => [v.name ?? v.destination, v]));
    return new Map(
      known.vnfc.disks.flatMap((disk, i) => {
        const destination = known.deployment.volumes[disk.id];
        const volume = destination === undefined ? volumes[i] : volumes.find((v) => v.destination === destination);
        return volume === undefined ? [] : [[disk.id, volume]];
      }),
    );
  }

  describe(seen: Seen): ComputeState {
    const { container, marks, powerState, resource } = seen;
    const known = this.vnfcOf(seen);
    const points = known?.vnfc.connectionPoints ?? [];
    const { networks } = container;
    return {
      computeId: container.id,
      resource,
      powerState,
      condition: conditionOf(seen),
      ...(marks.runId === undefined ? {} : { runId: marks.runId }),
      quarantined: marks.quarantined,
      ...(container.startedAt === undefined ? {} : { startedAt: container.startedAt }),
      resources: { memoryBytes: container.memoryBytes, vcpus: container.vcpus },
      disks: [...this.disks(seen).keys()].map((id) => ({
        id,
        sizeBytes: known?.vnfc.disks.find((d) => d.id === id)?.sizeBytes ?? 0,
        attached: true,
      })),
      connectionPoints: points.map((cp, i) => {
        const network = networks.find((n) => n.network === cp.link) ?? networks[i];
        return {
          id: cp.id,
          address: known?.deployment.addresses[cp.id] ?? network?.address ?? '',
          ...(cp.link === undefined ? {} : { link: cp.link }),
          up: network !== undefined && powerState === 'on',
        };
      }),
    };
  }

  /** Addresses of the VNFCs that are on a virtual link, by VNFC id. */
  async addressesOn(link: string): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    for (const { vnfc, resource, deployment } of this.deployed) {
      if (!vnfc.connectionPoints.some((cp) => cp.link === link)) continue;
      const seen = await this.findInPlace(resource);
      const network = seen?.container.networks.find((n) => n.network === link);
      const address = network?.address || deployment.networks[link]?.address;
      if (address !== undefined) found.set(vnfc.id, address);
    }
    return found;
  }

  /** @param cut links that a fault has cut or impaired now */
  async links(impaired: ReadonlyMap<string, 'cut' | 'impaired'>): Promise<readonly VirtualLinkInfo[]> {
    const seen = await Promise.all(this.deployed.map(async (d) => ({ ...d, now: await this.findInPlace(d.resource) })));
    return this.service.descriptor.virtualLinks.flatMap(({ id }) => {
      const ports = seen.flatMap(({ vnfc, now }) =>
        vnfc.connectionPoints
          .filter((cp) => cp.link === id)
          .map((cp) => {
            const isUp = now?.container.networks.some((n) => n.network === id) === true;
            return { vnfcId: vnfc.id, cpId: cp.id, state: isUp ? ('up' as const) : ('down' as const) };
          }),
      );
      if (ports.length === 0) return [];
      const down = ports.filter((p) => p.state === 'down').length;
      const byPorts = down === 0 ? 'up' : down === ports.length ? 'cut' : 'impaired';
      return [
        {
          id,
          vnfVirtualLinkDescId: id,
          state: impaired.get(id) ?? (byPorts as 'up' | 'cut' | 'impaired'),
          settings: { network: id },
          ports,
        },
      ];
    });
  }

  /** @throws OrdealError of kind vim-failed when it does not run */
  cgroup({ container }: Seen): Promise<Cgroup> {
    if (container.pid > 0) return Cgroup.of(container.pid);
    throw new OrdealError('vim-failed', `"${container.name}" does not run`);
  }
}

/** A new container whose maker died before it could say whose it is: its labels were there from the start. */
function marksOfLabels({ labels }: OciContainer): Marks {
  const [runId, resource] = [labels[runLabel], labels[resourceLabel]];
  return runId === undefined || resource === undefined ? noMarks : { ...noMarks, runId, resource, stopped: true };
}

async function powerStateOf(container: OciContainer, marks: Marks): Promise<PowerState> {
  // Whoever brought it back, or tried to, died before it could say so: it is brought back anew.
  if (marks.pending !== undefined) return 'suspended';
  if (container.status === 'running') {
    if (container.isPaused) return 'suspended';
    const isFrozen = await Cgroup.of(container.pid)
      .then((g) => g.isFrozen())
      .catch(() => false);
    return isFrozen ? 'suspended' : 'on';
  }
  if (container.status === 'created' || marks.stopped || ENDINGS.includes(container.exitCode)) return 'off';
  return 'crashed';
}

function conditionOf({ container, marks, powerState }: Seen): string {
  if (marks.quarantined) return `quarantined by run ${marks.runId ?? 'unknown'}`;
  if (marks.pending !== undefined)
    return `the memory of snapshot ${marks.pending.snapshot} comes back when it is resumed`;
  if (powerState === 'crashed') return `ended with exit code ${container.exitCode}`;
  return powerState === 'on' ? '' : powerState;
}
