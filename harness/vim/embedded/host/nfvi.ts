import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import type { ComputeState } from '../../../model/vim.js';
import type { VirtualLinkInfo } from '../../../model/vnf-info.js';
import { OrdealError } from '../../../util/errors.js';
import { Undo } from '../../../util/undo.js';
import { type Frame, Switch } from '../../link/switch.js';
import type { LoadedModule } from '../loader.js';
import { Compute } from './compute.js';
import { Handles } from './external-point.js';
import { LogFile } from './log-file.js';
import type { ServicePlan } from './plan.js';
import { Slot } from './slot.js';
import { StandbyThreads } from './standby-threads.js';
import type { Environment, Surroundings } from './surroundings.js';
import type { Emission } from './thread-protocol.js';
import { VirtualDisk } from './virtual-disk.js';

/** What the faults that are on do to machines and links; the faults themselves are another part's affair. */
export interface FaultView {
  environment(compute: Compute): Environment;
  /** One line for each fault on the compute resource. */
  describe(compute: Compute): readonly string[];
  onLink(link: string): { readonly state: 'up' | 'impaired' | 'cut'; readonly settings: Record<string, unknown> };
  portIsCut(link: string, address: number): boolean;
}

/** The embedded NFVI: containers, the network between them, and their ports to the outside. */
export class Nfvi implements Surroundings<Compute> {
  readonly slots = new Map<string, Slot>();
  readonly computes = new Map<string, Compute>();
  readonly handles = new Handles();
  readonly network: Switch;
  readonly names: Record<string, number> = {};
  faults: FaultView | undefined;
  readonly #byAddress = new Map<number, Slot>();
  readonly #modules = new Map<string, WebAssembly.Module>();
  readonly #instances = new Map<string, number>();
  readonly #threads = new StandbyThreads();

  constructor(readonly plan: ServicePlan) {
    this.network = new Switch(plan.links, (frame) => this.#arrive(frame));
    for (const spec of plan.vnfcs) {
      const slot = new Slot(spec, this.handles);
      this.slots.set(spec.resource, slot);
      this.#byAddress.set(spec.address, slot);
      this.names[spec.resource] = spec.address;
    }
  }

  /** All or nothing. @throws OrdealError; nothing runs then and no port is open */
  async instantiate(): Promise<void> {
    await using undo = new Undo();
    undo.defer('end the service', () => this.terminate());
    for (const slot of this.slots.values()) await slot.open();
    for (const spec of this.plan.vnfcs) await this.compile(spec.module);
    const computes = [...this.slots.values()].map((slot) => {
      const compute = this.newCompute(slot.spec.resource);
      slot.put(compute);
      return compute;
    });
    const started = await Promise.allSettled(computes.map((c) => c.exclusively(() => c.start())));
    for (const result of started) if (result.status === 'rejected') throw result.reason;
    undo.keep();
  }

  async terminate(): Promise<void> {
    for (const slot of this.slots.values()) slot.close();
    await Promise.all([...this.computes.values()].map((c) => c.dispose()));
    for (const slot of this.slots.values()) slot.put(undefined);
    this.computes.clear();
    await this.#threads.close();
  }

  newCompute(resource: string): Compute {
    const n = (this.#instances.get(resource) ?? 0) + 1;
    this.#instances.set(resource, n);
    const id = `${resource}@${n}`;
    const compute = new Compute(
      id,
      this.slot(resource).spec,
      new LogFile(join(this.plan.folder, 'logs', `${id}.log`)),
      this,
    );
    this.computes.set(id, compute);
    return compute;
  }

  slot(resource: string): Slot {
    const slot = this.slots.get(resource);
    if (slot !== undefined) return slot;
    throw new OrdealError('unknown-target', `The embedded VIM has no resource "${resource}"`, {
      expected: `one of ${[...this.slots.keys()].join(', ')}`,
    });
  }

  /** What stands in the resource's place now. */
  inPlace(resource: string): Compute {
    const compute = this.slot(resource).inPlace;
    if (compute === undefined) throw new OrdealError('unknown-target', `Nothing runs in the place of "${resource}"`);
    return compute;
  }

  compute(id: string): Compute {
    const compute = this.computes.get(id);
    if (compute !== undefined) return compute;
    throw new OrdealError('unknown-target', `The embedded VIM has no compute resource "${id}"`, {
      expected: `one of ${[...this.computes.keys()].join(', ')}`,
    });
  }

  slotAt(address: number): Slot | undefined {
    return this.#byAddress.get(address);
  }

  /** Prepared for threads: compiled once, whatever number of containers run it. */
  async compile(module: Pick<LoadedModule, 'sha256' | 'file'>): Promise<void> {
    if (this.#modules.has(module.sha256)) return;
    this.#modules.set(module.sha256, await WebAssembly.compile(await readFile(module.file)));
  }

  compiled(sha256: string): WebAssembly.Module {
    const module = this.#modules.get(sha256);
    if (module === undefined) throw new OrdealError('internal', `Module ${sha256} was not compiled`);
    return module;
  }

  thread(): Worker {
    return this.#threads.take();
  }

  takeBack(thread: Worker): void {
    this.#threads.giveBack(thread);
  }

  environment(compute: Compute): Environment {
    return (
      this.faults?.environment(compute) ?? { cpuShare: 0, clockOffsetMs: 0, memoryLimitPages: 65_536, disks: new Map() }
    );
  }

  out(compute: Compute, messages: readonly Emission[]): void {
    // What a container says that was cut off or replaced in the meantime goes nowhere.
    if (!compute.inPlace || compute.quarantined) return;
    const slot = this.slot(compute.spec.resource);
    for (const [cp, to, data] of messages) {
      const point = slot.points.get(cp);
      if (point !== undefined) point.answer(to, data);
      else {
        const link = compute.spec.connectionPoints[cp]?.link;
        if (link !== undefined) this.network.send({ link, from: compute.spec.address, to, data });
      }
    }
  }

  changed(compute: Compute): void {
    if (compute.inPlace) this.slot(compute.spec.resource).sync();
  }

  #arrive(frame: Frame): void {
    const slot = this.#byAddress.get(frame.to);
    const cp = slot?.pointOn(frame.link) ?? -1;
    if (slot === undefined || cp < 0 || !slot.serving) return;
    slot.inPlace?.receive([cp, frame.from, frame.data], false);
  }

  inspect(compute: Compute): ComputeState {
    const { spec } = compute;
    const slot = this.slot(spec.resource);
    const connected = compute.inPlace && slot.serving;
    const conditions = [compute.condition, ...(this.faults?.describe(compute) ?? [])];
    if (compute.heldBack !== undefined) conditions.push('quiesced');
    const age = compute.thread?.control.eventAgeMs ?? 0;
    if (age > 1000) conditions.push(`in one event for ${Math.round(age)} ms`);
    return {
      computeId: compute.id,
      resource: spec.resource,
      powerState: compute.powerState,
      condition: conditions.filter((c) => c !== '').join('; '),
      ...(compute.runId === undefined ? {} : { runId: compute.runId }),
      quarantined: compute.quarantined,
      ...(compute.startedAt === undefined ? {} : { startedAt: compute.startedAt }),
      resources: { memoryBytes: spec.memoryMaxBytes, vcpus: 1 },
      disks: compute.disks.map((share) => ({
        id: share.id,
        sizeBytes: share.sizeBytes,
        attached: new VirtualDisk(share).attached,
      })),
      connectionPoints: spec.connectionPoints.map((cp, index) => {
        const point = slot.points.get(index);
        const up = point
          ? connected && point.isOpen
          : connected && !this.faults?.portIsCut(cp.link ?? '', spec.address);
        return {
          id: cp.id,
          address: point?.address ?? String(spec.address),
          ...(cp.link === undefined ? {} : { link: cp.link }),
          up,
        };
      }),
    };
  }

  links(): VirtualLinkInfo[] {
    return this.plan.links.map((id) => ({
      id,
      vnfVirtualLinkDescId: id,
      ...(this.faults?.onLink(id) ?? { state: 'up' as const, settings: {} }),
      ports: [...this.slots.values()].flatMap((slot) =>
        slot.spec.connectionPoints
          .filter((cp) => cp.link === id)
          .map((cp) => ({
            vnfcId: slot.spec.vnfcId,
            cpId: cp.id,
            state: slot.serving && !this.faults?.portIsCut(id, slot.spec.address) ? ('up' as const) : ('down' as const),
          })),
      ),
    }));
  }
}
