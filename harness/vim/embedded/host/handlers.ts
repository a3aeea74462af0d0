import { join } from 'node:path';
import { OrdealError, reasonOf } from '../../../util/errors.js';
import { type HostHandlers, protocolVersion } from '../protocol.js';
import { SnapshotFolder } from '../snapshot-folder.js';
import { Capturer } from './capturer.js';
import type { Compute } from './compute.js';
import { Faults } from './faults.js';
import { Nfvi } from './nfvi.js';
import { Pauses } from './pauses.js';
import type { ServicePlan } from './plan.js';
import { Replacements } from './replacement.js';
import { Reverter } from './reverter.js';
import { Rooms } from './rooms.js';
import { Store } from './store.js';
import { VirtualDisk } from './virtual-disk.js';

export interface HostControl {
  readonly handlers: HostHandlers;
  isServing(): boolean;
  isInstantiating(): boolean;
  close(): Promise<void>;
}

/** What makes up the host of one network service. */
class Service {
  readonly nfvi: Nfvi;
  readonly store = new Store();
  readonly rooms: Rooms;
  readonly folder: SnapshotFolder;
  readonly capturer: Capturer;
  readonly reverter: Reverter;
  readonly replacements: Replacements;
  readonly faults: Faults;

  constructor(plan: ServicePlan, log: (text: string) => void) {
    this.nfvi = new Nfvi(plan);
    this.rooms = new Rooms(() => {
      for (const { thread } of this.nfvi.computes.values()) thread?.collect();
      void this.store.run({ what: 'collect' }).catch((e) => log(`store: ${reasonOf(e)}`));
    });
    this.folder = new SnapshotFolder(join(plan.folder, 'snapshots'));
    this.capturer = new Capturer(this.nfvi, this.store, this.folder, this.rooms);
    this.reverter = new Reverter(this.nfvi, this.store, this.folder, this.capturer.parents, this.rooms);
    this.replacements = new Replacements(this.nfvi, this.reverter);
    this.faults = new Faults(this.nfvi, log);
  }

  async instantiate(): Promise<void> {
    await this.folder.sweep();
    await this.nfvi.instantiate();
  }

  async terminate(): Promise<void> {
    this.faults.close();
    this.rooms.close();
    await this.nfvi.terminate();
    await this.store.close();
  }
}

/** The host's methods, over one network service that is there or not yet there. */
export function handlersFor(
  serviceId: string,
  log: (text: string) => void,
  end: (reason: string) => void,
): HostControl {
  let service: Service | undefined;
  let instantiating = false;
  let lifetime: NodeJS.Timeout | undefined;

  const it = (): Service => {
    if (service !== undefined) return service;
    throw new OrdealError('vim-unreachable', `Service "${serviceId}" is not instantiated`);
  };
  const compute = (id: string): Compute => it().nfvi.compute(id);
  /** In its turn: one operation on a compute resource at a time. */
  const inTurn = <T>(id: string, work: (compute: Compute) => Promise<T>): Promise<T> => {
    const found = compute(id);
    return found.exclusively(() => work(found));
  };

  async function instantiate(plan: ServicePlan, maxLifetimeMs: number | undefined): Promise<void> {
    if (service !== undefined || instantiating) {
      throw new OrdealError('busy', `Service "${serviceId}" runs already`, {
        remedy: 'Use it, or terminate it first.',
      });
    }
    instantiating = true;
    try {
      const made = new Service(plan, log);
      await made.instantiate();
      service = made;
      if (maxLifetimeMs !== undefined)
        lifetime = setTimeout(() => end(`lifetime of ${maxLifetimeMs} ms`), maxLifetimeMs);
    } finally {
      instantiating = false;
      // The answer goes out first.
      if (service === undefined) setTimeout(() => end('the service could not be instantiated'), 100);
    }
  }

  const pauses = new Pauses((id) => {
    inTurn(id, async (c) => c.release('operator')).catch((e) => log(`${id} is not thawed: ${reasonOf(e)}`));
  });
  const handlers: HostHandlers = {
    hello: () => ({ version: protocolVersion, serviceId, pid: process.pid }),
    instantiate: ({ plan, maxLifetimeMs }) => instantiate(plan, maxLifetimeMs),
    terminate() {
      setTimeout(() => end('terminated'), 20);
    },
    locate: ({ resource }) => ({ computeId: it().nfvi.inPlace(resource).id }),
    inspect: ({ compute: id }) => it().nfvi.inspect(compute(id)),
    links: () => it().nfvi.links(),
    start: ({ compute: id }) =>
      inTurn(id, async (c) => {
        refuseQuarantined(c);
        await c.start();
      }),
    stop: ({ compute: id, graceMs }) => inTurn(id, (c) => c.stop(graceMs)),
    async logs({ compute: id }) {
      const { log } = compute(id);
      await log.flush();
      return [`${log.path}.1`, log.path];
    },
    async pause({ compute: id }, client) {
      const atMs = await inTurn(id, (c) => c.hold('operator'));
      pauses.took(id, client);
      return atMs;
    },
    async resume({ compute: id }) {
      pauses.ended(id);
      await inTurn(id, async (c) => c.release('operator'));
    },
    quiesce: ({ compute: id, deadlineMs }) => inTurn(id, (c) => c.quiesce(deadlineMs)),
    unquiesce: ({ compute: id }) => inTurn(id, async (c) => c.unquiesce()),
    attach: ({ compute: id, disk }) => setAttached(compute(id), disk, true),
    detach: ({ compute: id, disk }) => setAttached(compute(id), disk, false),
    async capture({ compute: id, request }, client) {
      const captured = await inTurn(id, (c) => it().capturer.capture(c, request));
      client.onGone(() => it().capturer.discard(captured.id));
      return {
        id: captured.id,
        computeId: id,
        pausedMs: captured.pausedMs,
        frozenAtMs: captured.frozenAtMs,
      };
    },
    store({ captured }, client) {
      let isGone = false;
      client.onGone(() => {
        isGone = true;
      });
      return it().capturer.keep(captured, () => isGone);
    },
    discard: ({ captured }) => it().capturer.discard(captured),
    async revert({ compute: id, snapshot, options }) {
      await inTurn(id, (c) => it().reverter.revert(c, snapshot, options));
      pauses.ended(id);
    },
    quarantine: ({ compute: id, runId }) => it().replacements.quarantine(compute(id), runId),
    unquarantine: ({ compute: id, runId }) => it().replacements.unquarantine(compute(id), runId),
    restoreAsNew: async ({ snapshot, runId }) => ({
      computeId: await it().replacements.restoreAsNew(snapshot, runId),
    }),
    switchOver: ({ pairs, runId }) => it().replacements.switchOver(pairs, runId),
    release: ({ compute: id, runId }) => it().replacements.release(id, runId),
    ownedBy: ({ runId }) => it().replacements.ownedBy(runId),
    inject: ({ injection }) => it().faults.inject(injection),
    renew: ({ injection }) => ({ isOn: it().faults.renew(injection.id) }),
    verify: ({ injection }) => it().faults.verify(injection),
    heal: ({ injection }) => it().faults.heal(injection.id),
    active: () => it().faults.active(),
  };
  return {
    handlers,
    isServing: () => service !== undefined,
    isInstantiating: () => instantiating,
    async close() {
      clearTimeout(lifetime);
      await service?.terminate();
    },
  };
}

function refuseQuarantined(compute: Compute): void {
  if (!compute.quarantined) return;
  throw new OrdealError('busy', `VNFC "${compute.id}" is quarantined by run ${compute.runId}`, {
    remedy: 'Its evidence is being kept: release it, or end the quarantine first.',
  });
}

function setAttached(compute: Compute, diskId: string, attached: boolean): void {
  const share = compute.disks.find((d) => d.id === diskId);
  if (share === undefined) {
    throw new OrdealError('unknown-target', `VNFC "${compute.id}" has no disk "${diskId}"`, {
      expected: `one of ${compute.disks.map((d) => d.id).join(', ') || 'none'}`,
    });
  }
  new VirtualDisk(share).attached = attached;
}
