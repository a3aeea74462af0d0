import type { LocatedService } from '../../model/network-service.js';
import type { ComputeId, ComputeState } from '../../model/vim.js';
import type { PowerState, VirtualLinkInfo } from '../../model/vnf-info.js';
import { sleep } from '../../util/deadline.js';
import { OrdealError } from '../../util/errors.js';
import { monotonicMs } from '../../util/monotonic.js';
import { type DeployedVnfc, deployedVnfcs } from './deployment.js';
import type { DomainInterface, DomainXml } from './domain-xml.js';
import { DomainState, type Hypervisor, idOf, isRunning, type PowerOfDomain } from './hypervisor.js';
import { type Marks, readMarks } from './marks.js';
import { PauseWatch } from './pause-watch.js';
import { type DomainRef, procedures } from './rpc/index.js';

const SHUTDOWN_BY_AGENT = 2;
const PAUSED_BY_IO_ERROR = 5;
const SHUTOFF_REASONS_OF_CRASH: readonly number[] = [3, 6];

/** A domain, with what libvirt says of it at one moment. */
export interface Seen {
  readonly dom: DomainRef;
  readonly xml: DomainXml;
  readonly marks: Marks;
  readonly power: PowerOfDomain;
}

/** VNFCs as domains: where they are, in which state, on and off. */
export class Domains {
  readonly deployed: readonly DeployedVnfc[];

  constructor(
    readonly hypervisor: Hypervisor,
    readonly service: LocatedService,
  ) {
    this.deployed = deployedVnfcs(service);
  }

  /** A domain that was given the place of a resource, else the one that has its name and did not lose its place. */
  async locate(resource: string): Promise<ComputeId> {
    const found = await this.findInPlace(resource);
    if (found === undefined) {
      throw new OrdealError('unknown-target', `libvirt has no domain for "${resource}"`, {
        where: this.service.file,
        remedy: 'Check resource in the descriptor against `virsh list --all`.',
      });
    }
    return idOf(found.dom);
  }

  async findInPlace(resource: string): Promise<Seen | undefined> {
    const named = await this.hypervisor.findByName(resource);
    const all = await this.all();
    const placed = all.filter((d) => d.marks.resource === resource && d.marks.inPlace === true);
    // Two of them: a switch-over was cut short, and the one that it was to replace is quarantined.
    const [first] = placed;
    if (first !== undefined) return placed.find((d) => !d.marks.quarantined) ?? first;
    const own = all.find((d) => named !== undefined && d.dom.uuid.equals(named.uuid));
    return own?.marks.inPlace === false ? undefined : own;
  }

  async all(): Promise<Seen[]> {
    const doms = await this.hypervisor.domains();
    const seen = await Promise.all(doms.map((dom) => this.see(idOf(dom)).catch(gone)));
    return seen.filter((s) => s !== undefined);
  }

  async see(compute: ComputeId): Promise<Seen> {
    const dom = await this.hypervisor.domain(compute);
    const [xml, power] = await Promise.all([this.hypervisor.xml(dom), this.hypervisor.power(dom)]);
    return { dom, xml, power, marks: readMarks(xml) };
  }

  resourceOf({ dom, marks }: Seen): string {
    return marks.resource ?? dom.name;
  }

  vnfcOf(seen: Seen): DeployedVnfc | undefined {
    return this.deployed.find((d) => d.resource === this.resourceOf(seen));
  }

  /** Target device by disk id: as the deployment says, else in the order of the domain. */
  diskTargets(seen: Seen): Map<string, string> {
    const targets = seen.xml.disks.filter((d) => d.device === 'disk').map((d) => d.target);
    const known = this.vnfcOf(seen);
    if (known === undefined || known.vnfc.disks.length === 0) return new Map(targets.map((t) => [t, t]));
    return new Map(
      known.vnfc.disks.flatMap((disk, i) => {
        const target = known.deployment.disks[disk.id] ?? targets[i];
        return target === undefined ? [] : [[disk.id, target]];
      }),
    );
  }

  /** The device of one disk, by default the first. @throws OrdealError of kind unknown-target */
  diskTarget(seen: Seen, id: string | undefined): string {
    const targets = this.diskTargets(seen);
    const target = id === undefined ? [...targets.values()][0] : targets.get(id);
    if (target !== undefined) return target;
    throw new OrdealError('unknown-target', `"${seen.dom.name}" has no disk "${id ?? ''}"`, {
      expected: `one of ${[...targets.keys()].join(', ') || 'none'}`,
    });
  }

  /** Interfaces by connection point: as the deployment says, else in the order of the domain. */
  interfaces(seen: Seen): Map<string, DomainInterface> {
    const { interfaces } = seen.xml;
    const known = this.vnfcOf(seen);
    if (known === undefined) return new Map(interfaces.map((it) => [it.mac, it]));
    return new Map(
      known.vnfc.connectionPoints.flatMap((cp, i) => {
        const mac = known.deployment.interfaces[cp.id];
        const it = mac === undefined ? interfaces[i] : interfaces.find((x) => x.mac === mac);
        return it === undefined ? [] : [[cp.id, it]];
      }),
    );
  }

  async inspect(compute: ComputeId): Promise<ComputeState> {
    return this.describe(await this.see(compute));
  }

  async describe(seen: Seen): Promise<ComputeState> {
    const { dom, xml, marks } = seen;
    const known = this.vnfcOf(seen);
    const powerState = powerStateOf(seen);
    const interfaces = this.interfaces(seen);
    const targets = this.diskTargets(seen);
    const disks = await Promise.all(
      [...targets].map(async ([id, target]) => {
        const args = { dom, path: target, flags: 0 };
        const what = `disk ${target} of "${dom.name}" cannot be measured`;
        const { capacity } = await this.hypervisor.call(procedures.domainGetBlockInfo, args, what);
        return { id, sizeBytes: Number(capacity), attached: true };
      }),
    );
    return {
      computeId: idOf(dom),
      resource: this.resourceOf(seen),
      powerState,
      condition: conditionOf(seen),
      ...(marks.runId === undefined ? {} : { runId: marks.runId }),
      quarantined: marks.quarantined,
      resources: { memoryBytes: xml.memoryBytes, vcpus: xml.vcpus },
      disks,
      connectionPoints: [...interfaces].map(([id, it]) => {
        const cp = known?.vnfc.connectionPoints.find((c) => c.id === id);
        return {
          id,
          address: known?.deployment.addresses[id] ?? it.mac,
          ...(cp?.link === undefined ? {} : { link: cp.link }),
          up: it.isUp && powerState === 'on',
        };
      }),
    };
  }

  async links(): Promise<readonly VirtualLinkInfo[]> {
    const seen = await Promise.all(
      this.deployed.map(async (d) => ({ id: d.vnfc.id, state: await this.findInPlace(d.resource) })),
    );
    return this.service.descriptor.virtualLinks.flatMap(({ id }) => {
      const ports = seen.flatMap(({ id: vnfcId, state }) => {
        const points = this.deployed.find((d) => d.vnfc.id === vnfcId)?.vnfc.connectionPoints ?? [];
        return points
          .filter((cp) => cp.link === id)
          .map((cp) => {
            const it = state === undefined ? undefined : this.interfaces(state).get(cp.id);
            return { vnfcId, cpId: cp.id, state: it?.isUp ? ('up' as const) : ('down' as const), it };
          });
      });
      if (ports.length === 0) return [];
      const down = ports.filter((p) => p.state === 'down').length;
      return [
        {
          id,
          vnfVirtualLinkDescId: id,
          state: down === 0 ? ('up' as const) : down === ports.length ? ('cut' as const) : ('impaired' as const),
          settings: { segments: [...new Set(ports.map((p) => p.it?.source ?? ''))].filter((s) => s !== '') },
          ports: ports.map(({ vnfcId, cpId, state }) => ({ vnfcId, cpId, state })),
        },
      ];
    });
  }

  async start(compute: ComputeId): Promise<void> {
    const seen = await this.see(compute);
    if (powerStateOf(seen) === 'on') return;
    if (seen.marks.quarantined) {
      throw new OrdealError('busy', `"${seen.dom.name}" is quarantined by run ${seen.marks.runId} and is not started`, {
        remedy: 'End the quarantine, or let the run release it.',
      });
    }
    if (seen.marks.crashed) await this.hypervisor.setMarks(seen.dom, { ...seen.marks, crashed: false });
    if (powerStateOf(seen) === 'suspended') {
      await this.hypervisor.resume(seen.dom);
      return;
    }
    const args = { dom: seen.dom, flags: 0 };
    await this.hypervisor.call(procedures.domainCreate, args, `"${seen.dom.name}" cannot be started`);
  }

  async stop(compute: ComputeId, graceMs: number): Promise<'graceful' | 'forced' | 'was-off'> {
    const seen = await this.see(compute);
    const state = powerStateOf(seen);
    if (state === 'off' || state === 'crashed') {
      if (seen.marks.crashed) await this.hypervisor.setMarks(seen.dom, { ...seen.marks, crashed: false });
      return 'was-off';
    }
    if (state === 'on' && graceMs > 0 && (await this.#shutDown(seen, graceMs))) return 'graceful';
    await this.hypervisor.destroy(seen.dom);
    return 'forced';
  }

  /** By the guest agent, which is certain where it is there, else by the power button. */
  async #shutDown({ dom, xml }: Seen, graceMs: number): Promise<boolean> {
    const ask = (flags: number) =>
      this.hypervisor
        .call(procedures.domainShutdown, { dom, flags }, `"${dom.name}" does not shut down`, graceMs)
        .then(() => true)
        .catch(() => false);
    const end = monotonicMs() + graceMs;
    if (!(xml.hasAgentChannel && (await ask(SHUTDOWN_BY_AGENT)))) await ask(0);
    while (monotonicMs() < end) {
      if (!(await this.hypervisor.isActive(dom))) return true;
      await sleep(50);
    }
    return false;
  }

  /**
   * @returns ms on the monotonic clock of this machine: when libvirt heard of it, as its answer comes only when QEMU has written
   * to the disks what was under way
   */
  async pause(compute: ComputeId): Promise<number> {
    const dom = await this.hypervisor.domain(compute);
    const power = await this.hypervisor.power(dom);
    if (power.state === DomainState.paused) return monotonicMs();
    if (!isRunning(power)) throw new OrdealError('vim-failed', `"${dom.name}" is off and cannot be paused`);
    const watch = new PauseWatch(this.hypervisor, dom);
    try {
      await this.hypervisor.suspend(dom);
      return watch.frozenAtMs ?? monotonicMs();
    } finally {
      watch.stop();
    }
  }

  async resume(compute: ComputeId): Promise<void> {
    const { dom, power, marks } = await this.see(compute);
    if (isRunning(power)) return;
    if (marks.quarantined) {
      throw new OrdealError('busy', `"${dom.name}" is quarantined by run ${marks.runId} and is not resumed`, {
        remedy: 'End the quarantine first.',
      });
    }
    if (power.state !== DomainState.paused)
      throw new OrdealError('vim-failed', `"${dom.name}" is off: nothing to resume`);
    await this.hypervisor.resume(dom);
  }
}

export function powerStateOf({ power: { state, reason }, marks }: Pick<Seen, 'power' | 'marks'>): PowerState {
  switch (state) {
    case DomainState.running:
    case DomainState.blocked:
    case DomainState.shutdown:
      return 'on';
    case DomainState.crashed:
      return 'crashed';
    case DomainState.shutoff:
      return marks.crashed || SHUTOFF_REASONS_OF_CRASH.includes(reason) ? 'crashed' : 'off';
    default:
      return 'suspended';
  }
}

function conditionOf(seen: Seen): string {
  const { power, marks } = seen;
  if (marks.quarantined) return `quarantined by run ${marks.runId ?? 'unknown'}`;
  if (power.state === DomainState.paused && power.reason === PAUSED_BY_IO_ERROR)
    return 'paused by an I/O error of a disk';
  const state = powerStateOf(seen);
  if (state === 'crashed') return 'QEMU ended without having been asked to';
  return state === 'on' ? '' : state;
}

/** Listed, and undefined before it was looked at. */
function gone(e: unknown): undefined {
  if (e instanceof OrdealError && e.kind === 'unknown-target') return undefined;
  throw e;
}
