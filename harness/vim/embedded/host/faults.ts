import type { FaultReading, Injection } from '../../../model/fault.js';
import { asError, OrdealError } from '../../../util/errors.js';
import { impairment } from '../../link/impairments.js';
import { measureLink, type Way } from '../../link/link-probe.js';
import type { Frame } from '../../link/switch.js';
import { pageBytes } from '../deployment.js';
import { boundaryDeadlineMs, type Compute } from './compute.js';
import { FaultTargets, isLinkFault, type Params, parametersOf } from './fault-targets.js';
import type { FaultView, Nfvi } from './nfvi.js';
import { contentOf, type ReactorThread } from './reactor-thread.js';
import type { Environment } from './surroundings.js';
import { blockBytes, VirtualDisk } from './virtual-disk.js';
import {
  measureClock,
  measureCpuShare,
  measureDiskErrors,
  measureDiskRoom,
  measureEnd,
  measureMemoryLimit,
  measureStall,
} from './vnfc-probe.js';

/** A fault that is on, with what its heal and its measurement need to know. */
interface Active {
  readonly injection: Injection;
  readonly params: Params;
  /** Of a fault on a VNFC: the container that it struck, which may have been replaced since. */
  readonly compute?: Compute;
  readonly thread?: ReactorThread | undefined;
  readonly boots: number;
  readonly memoryLimitPages?: number;
  readonly diskLimits?: ReadonlyMap<string, number>;
  readonly disks: readonly number[];
  readonly ways: readonly Way[];
  /** Resolves when the fault is on. */
  on?: Promise<void>;
  expiry?: NodeJS.Timeout;
}

/** The faults that the embedded NFVI injects, measures and heals; each heals itself when nobody does. */
export class Faults implements FaultView {
  readonly #active = new Map<string, Active>();
  readonly #healing = new Map<string, Promise<void>>();
  readonly #targets: FaultTargets;

  constructor(
    readonly nfvi: Nfvi,
    readonly log: (text: string) => void,
  ) {
    this.#targets = new FaultTargets(nfvi);
    nfvi.faults = this;
  }

  /** Idempotent by id. @throws OrdealError; the fault is then not on */
  async inject(injection: Injection): Promise<void> {
    const known = this.#active.get(injection.id);
    if (known !== undefined) return known.on;
    const active = this.#prepare(injection);
    this.#active.set(injection.id, active);
    try {
      active.on = this.#switchOn(active);
      await active.on;
    } catch (e) {
      await this.heal(injection.id);
      throw e;
    }
    // Healed while it came on: then there is nothing to expire.
    if (this.#active.get(injection.id) === active) this.#expireLater(active);
  }

  /** Its time begins anew. @returns false when the fault is not on */
  renew(id: string): boolean {
    const active = this.#active.get(id);
    if (active !== undefined) this.#expireLater(active);
    return active !== undefined;
  }

  #expireLater(active: Active): void {
    const { id, kind, expiresAfterMs } = active.injection;
    clearTimeout(active.expiry);
    active.expiry = setTimeout(() => {
      this.log(`fault ${id} (${kind}) heals itself: nobody renewed it for ${expiresAfterMs} ms`);
      this.heal(id).catch((e) => this.log(`fault ${id} did not heal: ${asError(e).message}`));
    }, expiresAfterMs);
  }

  async verify(injection: Injection): Promise<FaultReading> {
    const active = this.#active.get(injection.id);
    if (active === undefined) {
      return { effective: false, measured: {}, how: 'the fault is not on: it was healed, or its time was over' };
    }
    const { params, compute } = active;
    if (isLinkFault(params)) return measureLink(this.nfvi.network, active.ways, params);
    if (compute === undefined) throw new OrdealError('internal', `Fault ${injection.id} has no target`);
    switch (params.kind) {
      case 'stall':
        return measureStall(compute);
      case 'shutdown':
      case 'crash':
        return measureEnd(compute, active.thread, active.boots);
      case 'cpu-starvation':
        return measureCpuShare(compute, params.share);
      case 'memory-pressure':
        return measureMemoryLimit(compute);
      case 'disk-full':
        return measureDiskRoom(compute, active.disks);
      case 'disk-error':
        return measureDiskErrors(compute, active.disks, params.on);
      case 'clock-skew':
        return measureClock(compute);
    }
  }

  /** Idempotent; a target that was restarted or replaced needs less. On failure the fault is still on. */
  heal(id: string): Promise<void> {
    const known = this.#healing.get(id);
    const active = this.#active.get(id);
    if (known !== undefined || active === undefined) return known ?? Promise.resolve();
    clearTimeout(active.expiry);
    this.#active.delete(id);
    const healing = this.#switchOff(id, active)
      .catch((e) => {
        this.#active.set(id, active);
        throw e;
      })
      .finally(() => this.#healing.delete(id));
    this.#healing.set(id, healing);
    return healing;
  }

  async #switchOff(id: string, { params, compute, boots }: Active): Promise<void> {
    if (isLinkFault(params)) return this.nfvi.network.heal(id);
    if (compute === undefined || this.nfvi.computes.get(compute.id) !== compute) return;
    switch (params.kind) {
      case 'stall':
        return compute.release(holdOf(id));
      case 'shutdown':
      case 'crash':
        // Somebody else may have brought it back already, or be keeping it as evidence.
        return compute.exclusively(async () => {
          const down = compute.power !== 'on' && compute.boots === boots;
          if (down && compute.inPlace && !compute.quarantined) await compute.start();
        });
      default:
        return compute.applyEnvironment();
    }
  }

  active(): Injection[] {
    return [...this.#active.values()].map((a) => a.injection);
  }

  close(): void {
    for (const { expiry } of this.#active.values()) clearTimeout(expiry);
    this.#active.clear();
  }

  environment(compute: Compute): Environment {
    let cpuShare = 1;
    let clockOffsetMs = 0;
    let memoryLimitPages = 65_536;
    const disks = new Map<string, { limitBlocks?: number; read: number; write: number; seed: number }>();
    const disk = (index: number) => {
      const id = compute.disks[index]?.id ?? '';
      const found = disks.get(id) ?? { read: 0, write: 0, seed: 0 };
      disks.set(id, found);
      return { id, found };
    };
    for (const { params, disks: indices, diskLimits, injection, ...on } of this.#on(compute)) {
      if (params.kind === 'cpu-starvation') cpuShare *= params.share;
      if (params.kind === 'clock-skew') clockOffsetMs += params.offsetMs;
      if (params.kind === 'memory-pressure')
        memoryLimitPages = Math.min(memoryLimitPages, on.memoryLimitPages ?? 65_536);
      for (const index of indices) {
        const { id, found } = disk(index);
        if (params.kind === 'disk-full') {
          found.limitBlocks = Math.min(found.limitBlocks ?? Number.POSITIVE_INFINITY, diskLimits?.get(id) ?? 0);
        }
        if (params.kind === 'disk-error') {
          if (params.on !== 'write') found.read = Math.max(found.read, params.ratio);
          if (params.on !== 'read') found.write = Math.max(found.write, params.ratio);
          found.seed = injection.seed;
        }
      }
    }
    return { cpuShare: cpuShare === 1 ? 0 : cpuShare, clockOffsetMs, memoryLimitPages, disks };
  }

  describe(compute: Compute): readonly string[] {
    return this.#on(compute).map(({ injection }) => `fault ${injection.kind} (${injection.id})`);
  }

  onLink(link: string): ReturnType<FaultView['onLink']> {
    const here = [...this.#active.values()].filter((a) => a.ways.some((w) => w.link === link));
    const whole = here.some(({ params, injection: { target } }) => {
      return params.kind === 'link-cut' && 'link' in target && target.from === undefined && target.to === undefined;
    });
    const faults = here.map(({ injection: { id, kind, target, params } }) => ({ id, kind, target, params }));
    return {
      state: whole ? 'cut' : here.length > 0 ? 'impaired' : 'up',
      settings: faults.length > 0 ? { faults } : {},
    };
  }

  portIsCut(link: string, address: number): boolean {
    const others = this.#targets.addressesOn(link).filter((a) => a !== address);
    return (
      others.length > 0 && others.every((other) => this.#cuts(link, address, other) && this.#cuts(link, other, address))
    );
  }

  #cuts(link: string, from: number, to: number): boolean {
    return [...this.#active.values()].some(
      ({ params, ways }) =>
        (params.kind === 'link-cut' || params.kind === 'partition') &&
        ways.some((w) => w.link === link && w.from === from && w.to === to),
    );
  }

  #on(compute: Compute): Active[] {
    return [...this.#active.values()].filter((a) => a.compute === compute);
  }

  #prepare(injection: Injection): Active {
    const params = parametersOf(injection);
    const { target } = injection;
    if (isLinkFault(params)) return { injection, params, boots: 0, disks: [], ways: this.#targets.ways(injection) };
    if (!('vnfc' in target)) {
      throw new OrdealError('scenario-invalid', `Fault "${injection.kind}" strikes a VNFC, not a link`, {
        expected: 'target.vnfc',
        got: JSON.stringify(target),
      });
    }
    const compute = this.nfvi.inPlace(this.#targets.resource(target.vnfc));
    // Refused before the fault is noted: its heal would start what was off before.
    if (['stall', 'shutdown', 'crash'].includes(params.kind)) compute.running();
    const common = { injection, params, compute, thread: compute.thread, boots: compute.boots, ways: [] };
    if (params.kind === 'memory-pressure') {
      const pages = contentOf(compute.running().memory).length / pageBytes;
      return { ...common, disks: [], memoryLimitPages: pages + Math.floor(params.leaveBytes / pageBytes) };
    }
    if (params.kind !== 'disk-full' && params.kind !== 'disk-error') return { ...common, disks: [] };
    const disks = this.#targets.disks(compute, params.disk);
    if (params.kind === 'disk-error') return { ...common, disks };
    const diskLimits = new Map(
      disks.map((index) => {
        const disk = new VirtualDisk(compute.disks[index] as Compute['disks'][number]);
        return [disk.share.id, disk.allocatedBlocks + Math.floor(params.leaveBytes / blockBytes)];
      }),
    );
    return { ...common, disks, diskLimits };
  }

  async #switchOn({ injection, params, compute, ways }: Active): Promise<void> {
    if (isLinkFault(params)) {
      const strikes = new Set(ways.map(({ link, from, to }) => `${link} ${from} ${to}`));
      const matches = ({ link, from, to }: Frame): boolean => strikes.has(`${link} ${from} ${to}`);
      const links = [...new Set(ways.map((w) => w.link))];
      return this.nfvi.network.impair(links, impairment(injection.id, params, injection.seed, matches));
    }
    if (compute === undefined) return;
    switch (params.kind) {
      case 'stall':
        await compute.exclusively(() => compute.hold(holdOf(injection.id)));
        return;
      case 'shutdown':
        await compute.exclusively(() => compute.stop(boundaryDeadlineMs));
        return;
      case 'crash':
        return compute.kill(`crashed by fault ${injection.id}`);
      default:
        compute.applyEnvironment();
        // Questions are answered in order: when this one is, the environment is in force.
        if (compute.thread !== undefined) await compute.thread.ask({ what: 'clock' }, boundaryDeadlineMs);
    }
  }
}

const holdOf = (id: string): string => `fault:${id}`;
