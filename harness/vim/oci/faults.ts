import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type FaultReading, faultParams, type Injection, injection as injectionSchema } from '../../model/fault.js';
import type { NativeFaults } from '../../model/vim.js';
import { writeAtomically } from '../../util/atomic-file.js';
import { sleep } from '../../util/deadline.js';
import { errnoOf, OrdealError } from '../../util/errors.js';
import { readValidated, validate } from '../../util/validate.js';
import type { BridgeFaults } from './bridge-faults.js';
import type { Cgroup } from './cgroup.js';
import { type Containers, monotonicMs, type Seen } from './containers.js';
import { bridgeFaults, cgroupFaults } from './fault-means.js';
import type { OciFolder } from './folder.js';
import type { Power } from './power.js';

/** What is needed to heal from another process; written before the fault is on. */
const injected = z.object({
  injection: injectionSchema,
  compute: z.string().optional(),
  /** When its process was started: a container that was started anew has lost the fault. */
  boot: z.string().optional(),
  /** Quota in microseconds, or limit in bytes; absent: none. */
  before: z.number().optional(),
});
type Injected = z.output<typeof injected>;

const PERIOD_US = 100_000;
const SHUTDOWN_GRACE_MS = 10_000;

/** Faults by the kernel's own means: control groups, signals, rules on the bridge. */
export class OciFaults implements NativeFaults {
  readonly kinds = [...Object.keys(cgroupFaults), ...Object.keys(bridgeFaults)];

  constructor(
    readonly containers: Containers,
    readonly folder: OciFolder,
    readonly power: Power,
    readonly bridge: BridgeFaults,
  ) {}

  async inject(injection: Injection): Promise<void> {
    const { id, kind } = injection;
    if (!this.kinds.includes(kind)) {
      throw new OrdealError('capability-missing', `${this.containers.engine.kind} cannot inject ${kind}`);
    }
    if ((await this.#read(id)) !== undefined) return;
    const record: Injected = { injection, ...(isOnBridge(kind) ? {} : await this.#target(injection)) };
    await mkdir(this.folder.injections, { recursive: true, mode: 0o700 });
    await writeAtomically(this.#file(id), JSON.stringify(injected.parse(record)));
    try {
      if (record.compute === undefined) await this.bridge.inject(injection);
      else await this.#switchOn(injection, await this.containers.see(record.compute));
    } catch (e) {
      await this.heal(injection);
      throw e;
    }
  }

  async verify(injection: Injection): Promise<FaultReading> {
    const record = await this.#read(injection.id);
    if (record === undefined) return { effective: false, measured: {}, how: 'the fault is not on, or was healed' };
    if (record.compute === undefined) return this.bridge.measure(injection);
    const seen = await this.containers.find(record.compute);
    if (seen === undefined) return { effective: true, measured: { gone: true }, how: 'the container is gone' };
    return this.#measure(injection, record, seen);
  }

  async heal(injection: Injection): Promise<void> {
    const record = await this.#read(injection.id);
    if (record === undefined) return;
    if (record.compute === undefined) await this.bridge.heal(injection);
    else {
      const seen = await this.containers.find(record.compute);
      if (seen !== undefined) await this.#switchOff(record, seen);
    }
    await rm(this.#file(injection.id), { force: true });
  }

  async active(): Promise<readonly Injection[]> {
    const files = await readdir(this.folder.injections).catch((e: unknown) => {
      if (errnoOf(e) === 'ENOENT') return [];
      throw e;
    });
    const ids = files.filter((f) => f.endsWith('.json')).map((f) => decodeURIComponent(f.slice(0, -'.json'.length)));
    const records = await Promise.all(ids.map((id) => this.#read(id)));
    return records.flatMap((r) => r?.injection ?? []);
  }

  /** Links that a fault has cut or impaired now. */
  async impaired(): Promise<ReadonlyMap<string, 'cut' | 'impaired'>> {
    const found = new Map<string, 'cut' | 'impaired'>();
    for (const { kind, target } of await this.active()) {
      if ('link' in target) found.set(target.link, kind === 'link-cut' ? 'cut' : 'impaired');
    }
    return found;
  }

  async #target({ kind, target }: Injection): Promise<Omit<Injected, 'injection'>> {
    if (!('vnfc' in target)) throw new OrdealError('usage', `${kind} strikes a VNFC, not a virtual link`);
    const known = this.containers.deployed.find((d) => d.vnfc.id === target.vnfc || d.resource === target.vnfc);
    const seen = await this.containers.see(await this.containers.locate(known?.resource ?? target.vnfc));
    const { container, powerState } = seen;
    if (powerState !== 'on') {
      throw new OrdealError('vim-failed', `"${container.name}" is ${powerState}: ${kind} would strike nothing`);
    }
    const before = await this.#before(kind, await this.containers.cgroup(seen));
    return {
      compute: container.id,
      ...(container.startedAt === undefined ? {} : { boot: container.startedAt }),
      ...(before === undefined ? {} : { before }),
    };
  }

  async #before(kind: string, cgroup: Cgroup): Promise<number | undefined> {
    if (kind === 'cpu-starvation') return cgroup.quotaUs();
    if (kind !== 'memory-pressure') return undefined;
    const limit = await cgroup.memoryLimit();
    return Number.isFinite(limit) ? limit : undefined;
  }

  async #switchOn({ kind, params }: Injection, seen: Seen): Promise<void> {
    const { container } = seen;
    switch (kind) {
      case 'shutdown':
        await this.power.stop(container.id, SHUTDOWN_GRACE_MS);
        return;
      case 'crash':
        await this.containers.engine.kill(container);
        return;
      case 'stall':
        await this.power.pause(container.id);
        return;
      case 'cpu-starvation': {
        const { share } = validate(params, kind, faultParams[kind], 'usage');
        await (await this.containers.cgroup(seen)).setQuotaUs(Math.max(1000, share * PERIOD_US));
        return;
      }
      case 'memory-pressure': {
        const { leaveBytes } = validate(params, kind, faultParams[kind], 'usage');
        const cgroup = await this.containers.cgroup(seen);
        await cgroup.setMemoryLimit((await cgroup.memoryBytes()) + leaveBytes);
        return;
      }
    }
  }

  async #measure({ kind, params }: Injection, { boot, before }: Injected, seen: Seen): Promise<FaultReading> {
    const { powerState, container } = seen;
    if (kind === 'shutdown' || kind === 'crash') {
      const ended = powerState === 'off' || powerState === 'crashed' || container.startedAt !== boot;
      return {
        effective: ended,
        measured: { state: powerState },
        how: 'the state of the container, and whether it was started anew',
      };
    }
    if (container.pid === 0)
      return { effective: false, measured: { state: powerState }, how: 'the container has ended' };
    const cgroup = await this.containers.cgroup(seen);
    const usedShare = await shareUsed(cgroup);
    switch (kind) {
      case 'stall':
        return {
          effective: powerState === 'suspended',
          measured: { state: powerState, usedShare },
          how: 'the freezer of its control group, and the CPU time that it used in 200 ms',
        };
      case 'cpu-starvation': {
        const quotaUs = await cgroup.quotaUs();
        return {
          effective: quotaUs > 0 && quotaUs !== before,
          measured: { share: quotaUs > 0 ? quotaUs / PERIOD_US : 1, usedShare },
          how: 'the quota that its control group has now, and the CPU time that it used in 200 ms',
        };
      }
      default: {
        const { leaveBytes } = validate(params, 'memory-pressure', faultParams['memory-pressure'], 'usage');
        const limit = await cgroup.memoryLimit();
        const leftBytes = limit - (await cgroup.memoryBytes());
        return {
          effective: limit < (before ?? Number.POSITIVE_INFINITY),
          measured: { ...(Number.isFinite(limit) ? { leftBytes } : {}), askedToLeaveBytes: leaveBytes },
          how: 'the limit of its control group, less what it uses',
        };
      }
    }
  }

  /** What somebody else ended already, or keeps as evidence, is left as it is. */
  async #switchOff({ injection: { kind }, boot, before }: Injected, seen: Seen): Promise<void> {
    const { powerState, container, marks, resource } = seen;
    const isSameBoot = container.startedAt === boot;
    switch (kind) {
      case 'shutdown':
      case 'crash': {
        const isDown = powerState === 'off' || powerState === 'crashed';
        const inPlace = await this.containers.findInPlace(resource);
        if (isDown && inPlace?.container.id === container.id && !marks.quarantined)
          await this.power.start(container.id);
        return;
      }
      case 'stall':
        if (isSameBoot && powerState === 'suspended' && !marks.quarantined) await this.power.resume(container.id);
        return;
    }
    if (!isSameBoot || container.pid === 0) return;
    const cgroup = await this.containers.cgroup(seen);
    if (kind === 'cpu-starvation') await cgroup.setQuotaUs(before ?? -1);
    else await cgroup.setMemoryLimit(before ?? Number.POSITIVE_INFINITY);
  }

  #file(id: string): string {
    return join(this.folder.injections, `${encodeURIComponent(id)}.json`);
  }

  async #read(id: string): Promise<Injected | undefined> {
    return readValidated(this.#file(id), injected).catch((e: unknown) => {
      if (e instanceof OrdealError && e.kind === 'file-missing') return undefined;
      throw e;
    });
  }
}

const isOnBridge = (kind: string): boolean => bridgeFaults[kind] !== undefined;

/** Of one CPU, within about 200 ms. */
async function shareUsed(cgroup: Cgroup): Promise<number> {
  const [before, at] = [await cgroup.cpuTimeUs(), monotonicMs()];
  await sleep(200);
  return ((await cgroup.cpuTimeUs()) - before) / 1000 / (monotonicMs() - at);
}
