import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { type Capability, type CapabilityRow, capabilityRows, yes } from '../../harness/model/capability.js';
import type { InstanceSnapshot } from '../../harness/model/snapshot.js';
import type {
  CapturedSnapshot,
  ComputeState,
  CreateSnapshotRequest,
  RevertOptions,
  SnapshotFilter,
  Vim,
} from '../../harness/model/vim.js';
import type { PowerState, VirtualLinkInfo } from '../../harness/model/vnf-info.js';
import { sleep } from '../../harness/util/deadline.js';
import { OrdealError } from '../../harness/util/errors.js';

export interface FakeCompute {
  readonly computeId: string;
  readonly resource: string;
  powerState: PowerState;
  quiesced: boolean;
  memory: Record<string, unknown>;
  readonly disks: Map<string, { attached: boolean; content: string }>;
}

interface Saved {
  readonly computes: (Omit<FakeCompute, 'disks'> & { disks: [string, { attached: boolean; content: string }][] })[];
  readonly stored: { record: InstanceSnapshot; memory: Record<string, unknown>; disks: [string, string][] }[];
}

type Misbehaviour = 'fails' | 'hangs' | 'late';

/**
 * A VIM in memory that misbehaves on demand: any call can fail, hang for good, or take effect after its caller has
 * given up. A double beside the real VIMs, for what a real one cannot be made to do at a chosen step.
 */
export class FakeVim implements Vim {
  readonly computes = new Map<string, FakeCompute>();
  readonly stored = new Map<
    string,
    { record: InstanceSnapshot; memory: Record<string, unknown>; disks: Map<string, string> }
  >();
  readonly capturing = new Set<string>();
  /** Every call that changes something, in order: `pause lb-1`. */
  readonly calls: string[] = [];
  readonly gaps = new Map<CapabilityRow, string>();
  linksNow: VirtualLinkInfo[] = [];
  captureMs = 0;
  /** Where the world is written after each act, so that another process can go on with it. */
  saveTo: string | undefined;
  /** Called before and after the effect of each act. */
  onAct: ((call: string, moment: 'before' | 'after') => void) | undefined;
  #misbehaves: { call: string; how: Misbehaviour; lateMs: number } | undefined;
  #count = 0;

  constructor(readonly kind = 'fake') {}

  add(resource: string, disks: readonly string[] = ['root'], powerState: PowerState = 'on'): FakeCompute {
    const compute: FakeCompute = {
      computeId: `${resource}@1`,
      resource,
      powerState,
      quiesced: false,
      memory: { counter: 0 },
      disks: new Map(disks.map((d) => [d, { attached: true, content: `${d} of ${resource}` }])),
    };
    this.computes.set(compute.computeId, compute);
    return compute;
  }

  /** @param call the name of a call, such as `pause store-1`, `store lb-1`; it misbehaves once */
  misbehave(call: string, how: Misbehaviour = 'fails', lateMs = 50): void {
    this.#misbehaves = { call, how, lateMs };
  }

  /** What the outside world sees, for comparisons. */
  world() {
    return {
      computes: [...this.computes.values()].map((c) => ({ ...c, disks: Object.fromEntries(c.disks) })),
      stored: [...this.stored.keys()],
      capturing: [...this.capturing],
    };
  }

  #save(): void {
    if (this.saveTo === undefined) return;
    const saved: Saved = {
      computes: [...this.computes.values()].map((c) => ({ ...c, disks: [...c.disks] })),
      stored: [...this.stored.values()].map((s) => ({ ...s, disks: [...s.disks] })),
    };
    // Whole or not at all: a process may be killed in the middle.
    writeFileSync(`${this.saveTo}.new`, JSON.stringify(saved));
    renameSync(`${this.saveTo}.new`, this.saveTo);
  }

  static load(file: string): FakeVim {
    const saved = JSON.parse(readFileSync(file, 'utf8')) as Saved;
    const vim = new FakeVim();
    for (const c of saved.computes) vim.computes.set(c.computeId, { ...c, disks: new Map(c.disks) });
    for (const s of saved.stored) vim.stored.set(s.record.id, { ...s, disks: new Map(s.disks) });
    return vim;
  }

  async #act<T>(name: string, resource: string, act: () => T | Promise<T>): Promise<T> {
    const call = `${name} ${resource}`;
    const { call: bad, how, lateMs } = this.#misbehaves ?? { call: '', how: 'fails', lateMs: 0 };
    this.calls.push(call);
    if (bad !== call) {
      await Promise.resolve();
      this.onAct?.(call, 'before');
      const result = await act();
      this.#save();
      this.onAct?.(call, 'after');
      return result;
    }
    this.#misbehaves = undefined;
    if (how === 'fails') throw new OrdealError('vim-failed', `The fake VIM was told to fail at ${call}`);
    if (how === 'hangs') return new Promise(() => {});
    await sleep(lateMs);
    return act();
  }

  #of(id: string): FakeCompute {
    const compute = this.computes.get(id);
    if (compute === undefined) throw new OrdealError('unknown-target', `No compute resource "${id}"`);
    return compute;
  }

  async capabilities() {
    const all = capabilityRows.map((row): [CapabilityRow, Capability] => {
      const reason = this.gaps.get(row);
      return [row, reason === undefined ? yes() : { supported: false, reason }];
    });
    return new Map(all);
  }

  async locate(resource: string): Promise<string> {
    const found = [...this.computes.values()].find((c) => c.resource === resource);
    if (found === undefined) throw new OrdealError('unknown-target', `No resource "${resource}"`);
    return found.computeId;
  }

  async inspect(id: string): Promise<ComputeState> {
    const c = this.#of(id);
    return {
      computeId: id,
      resource: c.resource,
      powerState: c.powerState,
      condition: '',
      quarantined: false,
      resources: { memoryBytes: 65_536, vcpus: 1 },
      disks: [...c.disks].map(([diskId, d]) => ({ id: diskId, sizeBytes: 4096, attached: d.attached })),
      connectionPoints: [{ id: 'cp', address: '0', link: 'lan', up: true }],
    };
  }

  async links(): Promise<readonly VirtualLinkInfo[]> {
    return this.linksNow;
  }

  start(id: string): Promise<void> {
    const c = this.#of(id);
    return this.#act('start', c.resource, () => {
      if (c.powerState === 'on') throw new OrdealError('vim-failed', `${c.resource} is on`);
      c.powerState = 'on';
      c.memory = { counter: 0 };
    });
  }

  stop(id: string) {
    const c = this.#of(id);
    return this.#act('stop', c.resource, () => {
      const was = c.powerState;
      c.powerState = 'off';
      c.memory = {};
      return was === 'off' ? ('was-off' as const) : ('graceful' as const);
    });
  }

  readonly pausing = {
    pause: (id: string): Promise<number> => {
      const c = this.#of(id);
      return this.#act('pause', c.resource, () => {
        if (c.powerState === 'on') c.powerState = 'suspended';
        return performance.now();
      });
    },
    resume: (id: string): Promise<void> => {
      const c = this.#of(id);
      return this.#act('resume', c.resource, () => {
        if (c.powerState === 'suspended') c.powerState = 'on';
      });
    },
  };

  readonly quiescing = {
    quiesce: (id: string): Promise<void> => {
      const c = this.#of(id);
      return this.#act('quiesce', c.resource, () => {
        c.quiesced = true;
      });
    },
    unquiesce: (id: string): Promise<void> => {
      const c = this.#of(id);
      return this.#act('unquiesce', c.resource, () => {
        c.quiesced = false;
      });
    },
  };

  #disk(c: FakeCompute, diskId: string) {
    const disk = c.disks.get(diskId);
    if (disk === undefined) throw new OrdealError('unknown-target', `${c.resource} has no disk ${diskId}`);
    return disk;
  }

  readonly storage = {
    attach: (id: string, diskId: string): Promise<void> => {
      const c = this.#of(id);
      return this.#act('attach', c.resource, () => {
        this.#disk(c, diskId).attached = true;
      });
    },
    detach: (id: string, diskId: string): Promise<void> => {
      const c = this.#of(id);
      return this.#act('detach', c.resource, () => {
        this.#disk(c, diskId).attached = false;
      });
    },
  };

  readonly snapshots = {
    capture: async (id: string, request: CreateSnapshotRequest): Promise<CapturedSnapshot> => {
      const c = this.#of(id);
      return this.#act('capture', c.resource, () => this.#capture(c, request));
    },
    revert: (id: string, snapshotId: string, options: RevertOptions = {}): Promise<void> => {
      const c = this.#of(id);
      return this.#act('revert', c.resource, () => {
        const from = this.#stored(snapshotId);
        c.memory = structuredClone(from.memory);
        for (const [disk, content] of from.disks) this.#disk(c, disk).content = content;
        const state = options.state ?? from.record.powerState;
        c.powerState = state;
        if (from.record.type === 'cold') c.memory = state === 'on' ? { counter: 0 } : {};
      });
    },
    list: async (filter: SnapshotFilter = {}) =>
      [...this.stored.values()]
        .map((s) => s.record)
        .filter((r) => (filter.resource ?? r.resource) === r.resource && (filter.name ?? r.name) === r.name),
    show: async (id: string) => this.#stored(id).record,
    update: async (id: string) => this.#stored(id).record,
    delete: async (ids: readonly string[]): Promise<void> => {
      for (const id of ids) {
        const { resource } = this.#stored(id).record;
        await this.#act('delete', resource, () => this.stored.delete(id));
      }
    },
    exportImages: async () => [],
    importImages: async (record: InstanceSnapshot) => record,
  };

  #stored(id: string) {
    const found = this.stored.get(id);
    if (found === undefined) throw new OrdealError('snapshot-missing', `No instance snapshot "${id}"`);
    return found;
  }

  async #capture(c: FakeCompute, request: CreateSnapshotRequest): Promise<CapturedSnapshot> {
    const id = `${this.kind}-snap-${++this.#count}`;
    const memory = structuredClone(c.memory);
    const volumes = request.volumes ?? [...c.disks.keys()];
    const disks = new Map(volumes.map((v) => [v, this.#disk(c, v).content]));
    const record: InstanceSnapshot = {
      id,
      name: request.name,
      description: request.description ?? '',
      createdAt: new Date().toISOString(),
      resource: c.resource,
      computeId: c.computeId,
      type: request.type,
      powerState: c.powerState,
      ...(request.type === 'warm' ? { memory: { bytes: 65_536, technique: request.memory ?? 'external' } } : {}),
      disks: [...c.disks.keys()].map((d) => ({ id: d, bytes: 4096, included: disks.has(d) })),
      infrastructure: { vcpus: 1 },
      metadata: { ...request.metadata },
      pausedMs: c.powerState === 'on' ? 1 : 0,
      bytesStored: 65_536,
      location: `fake:${id}`,
    };
    this.capturing.add(id);
    if (this.captureMs > 0) await sleep(this.captureMs);
    return {
      id,
      computeId: c.computeId,
      pausedMs: record.pausedMs,
      frozenAtMs: performance.now(),
      store: () => {
        this.capturing.delete(id);
        return this.#act('store', c.resource, () => {
          this.stored.set(id, { record, memory, disks });
          return record;
        });
      },
      discard: () =>
        this.#act('discard', c.resource, () => {
          this.capturing.delete(id);
        }),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.computes.clear();
  }
}
