import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type FaultReading, type Injection, injection as injectionSchema } from '../../model/fault.js';
import type { NativeFaults } from '../../model/vim.js';
import { writeAtomically } from '../../util/atomic-file.js';
import { errnoOf, OrdealError } from '../../util/errors.js';
import { readValidated } from '../../util/validate.js';
import type { Containers, Seen } from './containers.js';
import { endings, type LinkFaults } from './fault-means.js';
import type { OciFolder } from './folder.js';
import type { Means } from './means/means.js';
import type { Power } from './power.js';

/** What is needed to heal from another process; written before the fault is on. */
const injected = z.object({
  injection: injectionSchema,
  compute: z.string().optional(),
  /** When its process was started: a container that was started anew has lost the fault. */
  boot: z.string().optional(),
  before: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])).default({}),
});
type Injected = z.output<typeof injected>;

const SHUTDOWN_GRACE_MS = 10_000;

/** Faults by the kernel's own means: control groups, signals, rules on the bridge, and a process that frames pass. */
export class OciFaults implements NativeFaults {
  readonly kinds: readonly string[];

  constructor(
    readonly containers: Containers,
    readonly folder: OciFolder,
    readonly power: Pick<Power, 'start' | 'stop'>,
    readonly onLinks: ReadonlyMap<string, LinkFaults>,
    readonly means: ReadonlyMap<string, Means>,
  ) {
    this.kinds = [...Object.keys(endings), ...means.keys(), ...onLinks.keys()];
  }

  async inject(injection: Injection): Promise<void> {
    const { id, kind } = injection;
    if (!this.kinds.includes(kind)) {
      throw new OrdealError('capability-missing', `${this.containers.engine.kind} cannot inject ${kind}`);
    }
    if ((await this.#read(id)) !== undefined) return;
    const link = this.onLinks.get(kind);
    const record = injected.parse({ injection, ...(link === undefined ? await this.#target(injection) : {}) });
    await mkdir(this.folder.injections, { recursive: true, mode: 0o700 });
    await writeAtomically(this.#file(id), JSON.stringify(record));
    try {
      if (link !== undefined) await link.inject(injection);
      else await this.#switchOn(record);
    } catch (e) {
      await this.heal(injection);
      throw e;
    }
  }

  async verify(injection: Injection): Promise<FaultReading> {
    const record = await this.#read(injection.id);
    if (record === undefined) return { effective: false, measured: {}, how: 'the fault is not on, or was healed' };
    const link = this.onLinks.get(injection.kind);
    if (link !== undefined) return link.measure(injection);
    const seen = await this.containers.find(record.compute ?? '');
    if (seen === undefined) return { effective: true, measured: { gone: true }, how: 'the container is gone' };
    return this.#measure(record, seen);
  }

  async heal(injection: Injection): Promise<void> {
    const record = await this.#read(injection.id);
    if (record === undefined) return;
    const link = this.onLinks.get(injection.kind);
    if (link !== undefined) await link.heal(injection);
    else {
      const seen = await this.containers.find(record.compute ?? '');
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

  async #target(injection: Injection): Promise<Omit<Injected, 'injection'>> {
    const { kind, target } = injection;
    if (!('vnfc' in target)) throw new OrdealError('usage', `${kind} strikes a VNFC, not a virtual link`);
    const known = this.containers.deployed.find((d) => d.vnfc.id === target.vnfc || d.resource === target.vnfc);
    const seen = await this.containers.see(await this.containers.locate(known?.resource ?? target.vnfc));
    const { container, powerState } = seen;
    if (powerState !== 'on') {
      throw new OrdealError('vim-failed', `"${container.name}" is ${powerState}: ${kind} would strike nothing`);
    }
    return {
      compute: container.id,
      ...(container.startedAt === undefined ? {} : { boot: container.startedAt }),
      before: { ...(await this.means.get(kind)?.before(seen, injection)) },
    };
  }

  async #switchOn({ injection, compute = '', before }: Injected): Promise<void> {
    const seen = await this.containers.see(compute);
    if (injection.kind === 'shutdown') await this.power.stop(compute, SHUTDOWN_GRACE_MS);
    else if (injection.kind === 'crash') await this.containers.engine.kill(seen.container);
    else if (injection.kind === 'restart') {
      await this.power.stop(compute, SHUTDOWN_GRACE_MS);
      await this.power.start(compute);
    } else await this.means.get(injection.kind)?.on(seen, injection, before);
  }

  async #measure({ injection, boot, before }: Injected, seen: Seen): Promise<FaultReading> {
    const { powerState, container } = seen;
    const means = this.means.get(injection.kind);
    if (means === undefined) {
      const ended = powerState === 'off' || powerState === 'crashed' || container.startedAt !== boot;
      return {
        effective: ended,
        measured: { state: powerState },
        how: 'the state of the container, and whether it was started anew',
      };
    }
    if (container.status === 'running') return means.measure(seen, injection, before);
    return { effective: false, measured: { state: powerState }, how: 'the container has ended' };
  }

  /** What somebody else ended already, or keeps as evidence, is left as it is. */
  async #switchOff({ injection, boot, before }: Injected, seen: Seen): Promise<void> {
    const { powerState, container, marks, resource } = seen;
    const means = this.means.get(injection.kind);
    if (means === undefined) {
      const isDown = powerState === 'off' || powerState === 'crashed';
      const inPlace = await this.containers.findInPlace(resource);
      if (isDown && inPlace?.container.id === container.id && !marks.quarantined) await this.power.start(container.id);
      return;
    }
    const isSameBoot = container.startedAt === boot && container.status === 'running';
    if (isSameBoot || means.outlives === true) await means.off(seen, injection, before);
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
